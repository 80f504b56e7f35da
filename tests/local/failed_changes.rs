//! Changes that a consumer cannot handle: they are stored, later changes are handled, and they can be replayed.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    item,
    support::{TestServer, dynamodb},
};

/// A row that is not a valid item.
const BROKEN: &str = "01890000-0000-7000-8000-000000000000";
/// The id of an item whose changes are replayed.
const REPLAYED: &str = "01890000-0000-7000-8000-000000000001";

/// Returns every file under the folder, by its relative path.
fn files(folder: &Path) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if let Ok(content) = serde_json::from_str(&fs::read_to_string(&path).unwrap_or_default()) {
                let name = path.strip_prefix(folder).expect("it is below").display().to_string();
                found.push((name, content));
            }
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn change_that_keeps_failing_is_stored_in_the_format_of_lambda_and_can_be_replayed() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = TestServer::start_with(|options| {
        options.memory = false;
        options.no_consumers = false;
        options.data = folder.path().to_owned();
    })
    .await;
    let broken = dynamodb(&server.dynamodb_url).put_item().table_name("local-items");
    broken.item("id", AttributeValue::S(BROKEN.into())).send().await.expect("a table takes any row");
    let kept = || files(&folder.path().join("failed-changes"));
    until("the failed changes", async || kept().len() == 2).await;
    let failed = kept();
    let name = regex::Regex::new(
        r"^aws/lambda/[0-9a-f-]{36}/shardId-[0-9-]+/[0-9]{4}/[0-9][0-9]/[0-9][0-9]/[0-9]{4}-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]\.[0-9][0-9]\.[0-9][0-9]-[0-9a-f-]{36}$",
    );
    let name = name.expect("a pattern");
    let mut consumers = BTreeSet::new();
    for (path, call) in &failed {
        assert!(name.is_match(path), "{path}");
        assert_eq!(call["requestContext"]["condition"], "RetryAttemptsExhausted");
        assert_eq!(call["DDBStreamBatchInfo"]["batchSize"], 1);
        let function = call["requestContext"]["functionArn"].as_str().expect("an ARN").split(':').nth(6);
        let function = function.expect("a name").to_owned();
        let payload = call["payload"].as_str().expect("it is text");
        let event: Value = serde_json::from_str(payload).expect("a payload is JSON");
        assert_eq!(event["Records"][0]["dynamodb"]["NewImage"], json!({ "id": { "S": BROKEN } }));
        assert_eq!(event["Records"][0]["eventSourceARN"], call["DDBStreamBatchInfo"]["streamArn"]);
        let answer = invoke(&server, folder.path(), &function, payload).await;
        let sequence = &call["DDBStreamBatchInfo"]["startSequenceNumber"];
        assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": sequence }] }), "it still fails");
        consumers.insert(function);
    }
    assert_eq!(consumers, BTreeSet::from(["local-audit_append".to_owned(), "local-events_publish".to_owned()]));

    let created = server.request(Method::POST, "/v1/items").json(&item()).send().await.expect("an answer");
    let created: Value = created.json().await.expect("a record");
    let id = created["id"].as_str().expect("an id");
    until("the history", async || {
        let history = server.request(Method::GET, &format!("/v1/items/{id}/history")).send().await.expect("an answer");
        history.json::<Value>().await.expect("a page")["data"].as_array().is_some_and(|entries| entries.len() == 1)
    })
    .await;
    let events = folder.path().join("events.jsonl");
    until("the event", async || fs::read_to_string(&events).unwrap_or_default().contains(id)).await;
    assert_eq!(kept(), failed, "no other is given up");
    server.stop().await;
}

/// Returns the Python of the stack's tools, which `make setup` installs; none if it is missing and not required.
fn python() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("cdk/.venv/bin/python");
    let is_there = path.exists();
    assert!(is_there || env::var_os("REQUIRE_ALL").is_none(), "{} is missing: run `make setup`", path.display());
    is_there.then_some(path)
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_sends_stored_changes_in_order_and_removes_them() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let server = TestServer::start_with(|options| {
        options.memory = false;
        options.no_consumers = false;
        options.data = folder.path().to_owned();
    })
    .await;
    let kept = folder.path().join("failed-changes/aws/lambda/mapping/shard/2026/01/01");
    fs::create_dir_all(&kept).expect("a folder");
    for (place, version) in [(2, 2), (1, 1)] {
        let call = json!({
            "requestContext": { "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:local-audit_append:live" },
            "payload": json!({ "Records": [change(place, version)] }).to_string(),
        });
        fs::write(kept.join(format!("object-{place}")), call.to_string()).expect("a file");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/replay.py");
    let replay = || {
        let mut command = Command::new(&python);
        command.arg(&script).arg("audit_append").arg("--data").arg(folder.path());
        let output = command.output().expect("there is a Python");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let first = tokio::task::block_in_place(replay);
    assert_eq!(first, (Some(0), "replay: 2 of 2 changes replayed, 2 of 2 batches are done\n".to_owned()));
    let history =
        server.request(Method::GET, &format!("/v1/items/{REPLAYED}/history")).send().await.expect("an answer");
    let history: Value = history.json().await.expect("a page");
    let versions: Vec<_> = history["data"].as_array().expect("entries").iter().map(|entry| &entry["version"]).collect();
    assert_eq!(versions, [2, 1]);
    assert_eq!(files(&folder.path().join("failed-changes")), []);
    let again = tokio::task::block_in_place(replay);
    assert_eq!(again, (Some(0), "replay: local-audit_append has no failed changes\n".to_owned()));
    server.stop().await;
}

/// Returns the stream record of an item's write.
fn change(place: u64, version: u64) -> Value {
    let time = chrono::Utc::now();
    let row = |version: u64| {
        json!({
            "id": { "S": REPLAYED },
            "version": { "N": version.to_string() },
            "createdAt": { "S": time.to_rfc3339() },
            "updatedAt": { "S": time.to_rfc3339() },
            "name": { "S": "Cup" },
            "priceCents": { "N": version.to_string() },
            "currency": { "S": "EUR" },
            "status": { "S": "draft" },
            "tags": { "L": [] },
        })
    };
    let mut record = json!({
        "eventID": format!("event-{place}"),
        "eventName": if version == 1 { "INSERT" } else { "MODIFY" },
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/local-items/stream/2026-01-01T00:00:00.000",
        "dynamodb": {
            "ApproximateCreationDateTime": time.timestamp(),
            "Keys": { "id": { "S": REPLAYED } },
            "NewImage": row(version),
            "SequenceNumber": (100_000_000_000_000_000_000_u128 + u128::from(place)).to_string(),
            "SizeBytes": 100,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    });
    if version > 1 {
        record["dynamodb"]["OldImage"] = row(version - 1);
    }
    record
}

/// Invokes a consumer by Lambda's API.
async fn invoke(server: &TestServer, data: &Path, function: &str, event: &str) -> Value {
    let address = fs::read_to_string(data.join("lambda-url")).expect("the server writes it");
    let url = format!("{address}/2015-03-31/functions/{function}/invocations");
    let answer = server.client.post(url).body(event.to_owned()).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.json().await.expect("JSON")
}

async fn until(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_true().await {
        assert!(Instant::now() < end, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
