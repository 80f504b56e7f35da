//! The log: one JSON line for each request and each batch of changes, without their content.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{process::Process, user};

/// Values in the bodies, keys and headers of the requests below, which must not appear in the log.
const PRIVATE: [&str; 5] = ["Lovelace", "secret.address", "442071838750", "private-idempotency-key", "local-basic-key"];

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_batches_are_one_line_each_without_body_keys_or_personal_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Process::start(folder.path(), &["--json-logs", "--log-consumers"]);
    let body = json!({ "name": "Ada Lovelace", "email": "secret.address@example.com", "phone": "+442071838750" });
    let post = |body: Value| {
        let request = server.request(Method::POST, "/v1/users").header("Idempotency-Key", "private-idempotency-key");
        request.json(&body).send()
    };
    let created: Value = post(body.clone()).await.expect("an answer").json().await.expect("a record");
    assert_eq!(
        post(json!({ "name": "Lovelace", "email": "secret.address@x.com" })).await.expect("an answer").status(),
        422
    );
    let taken = server.request(Method::POST, "/v1/users").json(&body).send().await.expect("an answer");
    assert_eq!(taken.status(), 409);
    let path = format!("/v1/users/{}", created["id"].as_str().expect("an id"));
    let stale = server.request(Method::PATCH, &path).header("If-Match", "\"9\"").json(&json!({ "name": "Lovelace" }));
    assert_eq!(stale.send().await.expect("an answer").status(), 412);
    let found = server.request(Method::GET, "/v1/users?email=secret.address@example.com").send().await;
    assert_eq!(found.expect("an answer").status(), 200);

    while std::fs::read(folder.path().join("events.jsonl")).unwrap_or_default().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }

    let lines = server.into_lines();
    let lines = lines.iter().filter_map(|line| serde_json::from_str(line).ok());
    let (batches, requests): (Vec<Value>, Vec<Value>) = lines.partition(|line: &Value| line["function"].is_string());
    let seen: Vec<_> = requests.iter().map(|line| (line["route"].as_str(), line["status"].as_u64())).collect();
    assert_eq!(
        seen,
        [
            (Some("POST /v1/users"), Some(201)),
            (Some("POST /v1/users"), Some(422)),
            (Some("POST /v1/users"), Some(409)),
            (Some("PATCH /v1/users/{id}"), Some(412)),
            (Some("GET /v1/users"), Some(200)),
        ]
    );
    let schema: Value = serde_json::from_str(include_str!("../../schemas/log-line.json")).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    for line in requests.iter().chain(&batches) {
        assert!(schema.is_valid(line), "{line}");
    }
    for line in &requests {
        assert!(line["requestId"].is_string() && line["durationMs"].is_number() && line["capacityUnits"].is_number());
    }
    let published = batches.iter().find(|line| line["function"] == "events_publish").expect("its line");
    assert_eq!((&published["records"], &published["failures"]), (&json!(1), &json!([])));
    assert!(published["coldStart"].is_boolean() && published["durationMs"].is_number());
    for private in PRIVATE {
        assert!(
            !requests.iter().chain(&batches).any(|line| line.to_string().contains(private)),
            "{private} is in the log"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn successful_batches_are_not_logged_by_default() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Process::start(folder.path(), &["--json-logs"]);
    let created =
        server.request(Method::POST, "/v1/users").json(&user("ada@example.com")).send().await.expect("an answer");
    assert_eq!(created.status(), 201);
    while std::fs::read(folder.path().join("events.jsonl")).unwrap_or_default().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let lines = server.into_lines();
    assert!(lines.iter().any(|line| line.contains("POST /v1/users")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("\"function\"")), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_readable_by_default_and_the_trace_shows_each_call() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Process::start(folder.path(), &["--trace", "--no-consumers"]);
    let body = json!({ "name": "Ada Lovelace", "email": "secret.address@example.com", "phone": "+442071838750" });
    let post = || server.request(Method::POST, "/v1/users").json(&body).send();
    assert_eq!(post().await.expect("an answer").status(), 201);
    assert_eq!(post().await.expect("an answer").status(), 409);
    let lines = server.into_lines();
    // The line of a request begins with the time of day.
    let is_request = |line: &String| line.starts_with(|first: char| first.is_ascii_digit());
    let start = lines.iter().position(is_request).expect("a line of a request");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let [created, tree, call, taken, _, refused] = &lines[start..] else { panic!("{lines:?}") };
    let created = words(created);
    assert_eq!(created[1..4], ["POST", "/v1/users", "201"]);
    assert_eq!(created[5..7], ["ms", "DynamoDB"]);
    assert_eq!(created[10..], ["units", "application", "local-basic"]);
    assert_eq!(words(tree)[0], "users_create");
    assert!(tree.starts_with("  users_create") && call.starts_with("    DynamoDB TransactWriteItems"), "{lines:?}");
    assert!(call.ends_with("units  condition met"), "{call}");
    assert_eq!(words(taken)[3..4], ["409"]);
    assert!(taken.ends_with("Conflict") && refused.ends_with("condition failed"), "{lines:?}");
    for private in PRIVATE {
        assert!(!lines[start..].iter().any(|line| line.contains(private)), "{private} is in the log");
    }
}
