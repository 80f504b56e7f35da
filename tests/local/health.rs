//! `/health`: the state of each dependency.

use serde_json::{Value, json};

use crate::{problem, support::TestServer};

#[tokio::test]
async fn health_is_ok_while_every_dependency_responds() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = TestServer::start_with(|options| {
        (options.memory, options.no_consumers) = (false, false);
        options.data = folder.path().to_owned();
    })
    .await;
    let answer = server.anonymous("GET", "/health").send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    let health: Value = answer.json().await.expect("JSON");
    assert_eq!(health, json!({ "status": "ok", "dependencies": { "dynamodb": "ok", "eventBus": "ok" } }));
    server.stop().await;
}

#[tokio::test]
async fn health_is_a_problem_without_dynamodb() {
    let database = TestServer::start().await;
    let url = database.dynamodb_url.clone();
    let server = TestServer::start_with(|options| options.endpoint_url = Some(url)).await;
    let health = || async { server.anonymous("GET", "/health").send().await.expect("an answer") };
    assert_eq!(health().await.status(), 200);
    database.stop().await;
    let answer = health().await;
    assert_eq!(answer.status(), 503);
    let problem = problem(answer).await;
    assert_eq!(problem["detail"], "Not reachable: dynamodb.");
    let state = problem["dependencies"]["dynamodb"].as_str().expect("a text");
    assert!(state.starts_with("DynamoDB could not be reached"), "{state}");
}
