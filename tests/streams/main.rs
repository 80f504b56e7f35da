//! Tests of the stream and event consumers: batches, faults, history and events.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod batches;
mod cascade;
mod entries;
mod events;
mod faults;
mod faulty_proxy;
mod history;
mod mapping;
mod messages;
mod readers;
mod records;
mod shapes;
#[path = "../support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use serverless_crud::openapi;
use support::TestServer;

/// Starts a server with stream consumers, which writes its events to a file.
pub async fn server(events: &std::path::Path) -> TestServer {
    let events = events.join("events.jsonl");
    TestServer::start_with(|options| {
        options.no_consumers = false;
        options.events = Some(events);
    })
    .await
}

/// Returns a file that the contract generator writes for the service of the tests.
pub fn generated(path: &str) -> String {
    let files = openapi::files(&support::service());
    files.into_iter().find(|file| file.path == path).expect("the generator writes it").content
}

/// Sends a body and returns the body of the response.
pub async fn send(server: &TestServer, method: Method, path: &str, body: &Value) -> Value {
    let answer = server.request(method, path).json(body).send().await.unwrap();
    assert!(answer.status().is_success(), "{} {path}", answer.status());
    answer.json().await.unwrap_or_default()
}

/// Creates an item.
pub async fn create_item(server: &TestServer, name: &str) -> Value {
    let item = json!({ "name": name, "priceCents": 1250, "currency": "EUR" });
    send(server, Method::POST, "/v1/items", &item).await
}

/// Waits until `poll` returns a value.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut poll: impl FnMut() -> F) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = poll().await {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Returns the whole history of a record, newest first.
pub async fn history(server: &TestServer, path: &str) -> Vec<Value> {
    let answer = server.request(Method::GET, &format!("{path}/history?limit=100")).send().await.unwrap();
    let page: Value = answer.json().await.unwrap();
    page["data"].as_array().cloned().unwrap_or_default()
}

/// Waits until the history has this many entries, and returns it.
pub async fn history_of(server: &TestServer, path: &str, entries: usize) -> Vec<Value> {
    let whole = || async { Some(history(server, path).await).filter(|history| history.len() >= entries) };
    until("the history", whole).await
}

/// Returns the path of a record.
pub fn path(collection: &str, record: &Value) -> String {
    format!("/v1/{collection}/{}", record["id"].as_str().unwrap())
}
