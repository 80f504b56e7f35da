//! Concurrent writes of one row under DynamoDB's transaction conflicts.

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    faults::start_behind_proxy_with,
    samples::{create, get, item, read, send, user},
    support::{
        TestServer,
        proxy::{Fault, Proxy},
    },
};

/// Starts a server whose transactions take as long as DynamoDB's, with long timeouts for busy machines.
async fn contended() -> (Proxy, TestServer, TestServer) {
    let (proxy, server, behind) = start_behind_proxy_with(|options| options.timeout = 28.0).await;
    proxy.delay_transactions(10..=20);
    (proxy, server, behind)
}

fn owned_by(owner: &Value) -> Value {
    let mut body = item();
    body["ownerId"] = owner["id"].clone();
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn hundred_concurrent_creates_for_one_owner_succeed() {
    let (_proxy, server, _behind) = contended().await;
    let body = owned_by(&create(&server, "users", &user()).await);
    let answers = join_all((0..100).map(|_| send(&server, Method::POST, "/v1/items", &body))).await;
    assert!(answers.iter().all(|answer| answer.status() == StatusCode::CREATED));
}

#[tokio::test(flavor = "multi_thread")]
async fn user_can_be_changed_while_items_are_created_for_it() {
    let (_proxy, server, _behind) = contended().await;
    let owner = create(&server, "users", &user()).await;
    let (body, path) = (owned_by(&owner), format!("/v1/users/{}", owner["id"].as_str().unwrap()));
    let creates = join_all((0..30).map(|_| send(&server, Method::POST, "/v1/items", &body)));
    let patch = json!({ "name": "Changed" });
    let (created, changed) = tokio::join!(creates, send(&server, Method::PATCH, &path, &patch));
    assert_eq!(changed.status(), StatusCode::OK);
    assert!(created.iter().all(|answer| answer.status() == StatusCode::CREATED));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_item_is_created_for_a_deleted_user() {
    let (_proxy, server, _behind) = contended().await;
    let owner = create(&server, "users", &user()).await;
    let (body, path) = (owned_by(&owner), format!("/v1/users/{}", owner["id"].as_str().unwrap()));
    let creates = join_all((0..20).map(|_| async {
        let answer = send(&server, Method::POST, "/v1/items", &body).await;
        (answer.status(), read(&server, &path).await.is_some())
    }));
    let (created, deleted) = tokio::join!(creates, server.request(Method::DELETE, &path).send());
    assert_eq!(deleted.unwrap().status(), StatusCode::NO_CONTENT);
    assert!(created.iter().all(|(status, _)| [StatusCode::CREATED, StatusCode::CONFLICT].contains(status)));
    // A create was refused only if the user no longer existed.
    assert!(created.iter().all(|(status, is_there)| *status == StatusCode::CREATED || !is_there));
    assert_eq!(send(&server, Method::POST, "/v1/items", &body).await.status(), StatusCode::CONFLICT);
    let items: Value = get(&server, "/v1/items?limit=100").await.json().await.unwrap();
    let count = created.iter().filter(|(status, _)| *status == StatusCode::CREATED).count();
    assert_eq!(items["data"].as_array().unwrap().len(), count, "refused creates leave no items");
}

#[tokio::test]
async fn conflict_beyond_the_deadline_returns_503_and_writes_nothing() {
    let (proxy, server, _behind) = start_behind_proxy_with(|options| options.timeout = 1.5).await;
    let owner = create(&server, "users", &user()).await;
    for (operation, body) in [("PutItem", item()), ("TransactWriteItems", owned_by(&owner))] {
        proxy.fault(operation, &[Fault::Conflict; 1000]);
        let answer = send(&server, Method::POST, "/v1/items", &body).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        proxy.clear_faults();
    }
    let items: Value = get(&server, "/v1/items").await.json().await.unwrap();
    assert_eq!(items["data"], json!([]));
}
