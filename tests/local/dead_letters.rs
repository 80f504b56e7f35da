//! A change that no consumer can handle: it is left out and kept, and what follows comes through.

use std::{
    collections::BTreeSet,
    fs,
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

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_keeps_failing_goes_to_the_dead_letters_and_what_follows_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = TestServer::start_with(|options| {
        options.memory = false;
        options.no_consumers = false;
        options.data = folder.path().to_owned();
    })
    .await;
    let broken = dynamodb(&server.dynamodb_url).put_item().table_name("local-items");
    broken.item("id", AttributeValue::S(BROKEN.into())).send().await.expect("a table takes any row");
    let read = |name: &str| -> Vec<Value> {
        let text = fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    };
    until("the letters", async || read("dead-letters.jsonl").len() == 2).await;
    let letters = read("dead-letters.jsonl");
    let consumers: BTreeSet<&str> = letters.iter().filter_map(|letter| letter["consumer"].as_str()).collect();
    assert_eq!(consumers, BTreeSet::from(["audit_append", "events_publish"]));
    for letter in &letters {
        assert_eq!(letter["record"]["dynamodb"]["NewImage"], json!({ "id": { "S": BROKEN } }));
    }

    let created = server.request(Method::POST, "/v1/items").json(&item()).send().await.expect("an answer");
    let created: Value = created.json().await.expect("a record");
    let id = created["id"].as_str().expect("an id");
    until("the history", async || {
        let history = server.request(Method::GET, &format!("/v1/items/{id}/history")).send().await.expect("an answer");
        history.json::<Value>().await.expect("a page")["data"].as_array().is_some_and(|entries| entries.len() == 1)
    })
    .await;
    until("the event", async || read("events.jsonl").iter().any(|event| event["subject"] == id)).await;
    assert_eq!(read("dead-letters.jsonl"), letters, "no other is given up");
    server.stop().await;
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so().await {
        assert!(Instant::now() < end, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
