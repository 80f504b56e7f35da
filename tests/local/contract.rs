//! The statuses of functions are checked against the contract of their operation.

use std::sync::Arc;

use serverless_crud::{
    local,
    operations::{Operation, operations},
};

use crate::{problem, support::in_memory};

/// Returns the project's operations, but with the handler of `items_delete` in `items_get`.
fn swapped_operations() -> Vec<Operation> {
    let mut all = operations();
    let delete = all.iter().find(|operation| operation.name == "items_delete").expect("it is there").handler.clone();
    for operation in all.iter_mut().filter(|operation| operation.name == "items_get") {
        operation.handler = Arc::clone(&delete);
    }
    all
}

#[tokio::test]
async fn undeclared_status_is_a_server_error() {
    let server = local::start_with(in_memory(), swapped_operations()).await.expect("it starts");
    let client = reqwest::Client::new();
    let send = async |request: reqwest::RequestBuilder| {
        request.header("x-api-key", server.key()).send().await.expect("an answer")
    };
    let items = format!("{}/v1/items", server.url());
    let body = serde_json::json!({ "name": "Cup", "priceCents": 1, "currency": "EUR" });
    let created: serde_json::Value = send(client.post(&items).json(&body)).await.json().await.expect("a record");
    let one = format!("{items}/{}", created["id"].as_str().expect("an id"));
    let answer = send(client.get(&one)).await;
    assert_eq!(answer.status(), 500);
    let detail = problem(answer).await["detail"].clone();
    assert_eq!(detail, "items_get answered 204, which its contract does not declare.");
    // A declared status passes, whichever function it comes from.
    assert_eq!(send(client.get(&one)).await.status(), 404);
    drop(client);
    server.shutdown().await;
}
