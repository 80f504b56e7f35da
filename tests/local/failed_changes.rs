//! A change that no consumer can handle: it is left out and kept, and what follows comes through.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    item,
    support::{TestServer, dynamodb},
};

/// A row that is no item.
const BROKEN: &str = "01890000-0000-7000-8000-000000000000";

/// Every file under the folder, by its path from there.
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
async fn a_change_that_keeps_failing_is_kept_as_lambda_keeps_it_and_can_be_invoked_again() {
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

/// Calls a consumer as Lambda's API does.
async fn invoke(server: &TestServer, data: &Path, function: &str, event: &str) -> Value {
    let address = fs::read_to_string(data.join("lambda-url")).expect("the server writes it");
    let url = format!("{address}/2015-03-31/functions/{function}/invocations");
    let answer = server.client.post(url).body(event.to_owned()).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.json().await.expect("JSON")
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so().await {
        assert!(Instant::now() < end, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
