//! The local server: what it adds around the functions' code, how it starts, stops and crashes.

mod contract;
mod crash;
mod disk;
mod event;
mod failed_changes;
mod gateway;
mod gateway_responses;
mod health;
mod indexes;
mod log;
mod plan;
mod process;
mod queues;
mod seed;
mod start;
mod stop;
#[path = "../support/mod.rs"]
mod support;
mod timeout;
mod validation;
mod weird;

use reqwest::Response;
use serde_json::{Value, json};

/// A user's body.
pub fn user(email: &str) -> Value {
    json!({ "name": "Ada", "email": email })
}

/// An item's body.
pub fn item() -> Value {
    json!({ "name": "Cup", "priceCents": 1250, "currency": "EUR" })
}

/// The problem an answer is, which has all a problem must have.
pub async fn problem(answer: Response) -> Value {
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let id = answer.headers()["x-amzn-requestid"].to_str().expect("an id is ASCII").to_owned();
    let problem: Value = answer.json().await.expect("a problem is JSON");
    assert_eq!((&problem["status"], &problem["requestId"]), (&json!(status), &json!(id)));
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
    problem
}
