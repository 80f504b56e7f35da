//! Tests of the local server: gateway, start, shutdown and crashes.

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
mod reset;
mod start;
mod stop;
#[path = "../support/mod.rs"]
mod support;
mod timeout;
mod tokens;
mod unusual_requests;
mod validation;

use reqwest::Response;
use serde_json::{Value, json};

/// Returns the body of a user.
pub fn user(email: &str) -> Value {
    json!({ "name": "Ada", "email": email })
}

/// Returns the body of an item.
pub fn item() -> Value {
    json!({ "name": "Cup", "priceCents": 1250, "currency": "EUR" })
}

/// Returns the problem in a response, after checking its required fields.
pub async fn problem(answer: Response) -> Value {
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let id = answer.headers()["x-amzn-requestid"].to_str().expect("an id is ASCII").to_owned();
    let problem: Value = answer.json().await.expect("a problem is JSON");
    assert_eq!((&problem["status"], &problem["requestId"]), (&json!(status), &json!(id)));
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
    problem
}
