//! Items: the owner must exist.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    samples::{create, get, item, places, problem, read, send, user},
    support::TestServer,
};

fn item_of(owner: &Value) -> Value {
    let mut body = item();
    body["ownerId"] = owner.clone();
    body
}

fn path_of(record: &Value) -> String {
    format!("/v1/items/{}", record["id"].as_str().unwrap())
}

#[tokio::test]
async fn item_of_an_existing_user_is_created() {
    let server = TestServer::start().await;
    let owner = create(&server, "users", &user()).await;
    let record = create(&server, "items", &item_of(&owner["id"])).await;
    assert_eq!(record["ownerId"], owner["id"]);
}

#[tokio::test]
async fn missing_owner_returns_409_with_the_field() {
    let server = TestServer::start().await;
    let nobody = json!(Uuid::now_v7());
    let refused = send(&server, Method::POST, "/v1/items", &item_of(&nobody)).await;
    assert_eq!(places(&problem(refused, 409).await), ["/ownerId"]);

    let record = create(&server, "items", &item()).await;
    let refused = send(&server, Method::PATCH, &path_of(&record), &json!({ "ownerId": nobody })).await;
    assert_eq!(places(&problem(refused, 409).await), ["/ownerId"]);
    let refused = send(&server, Method::PUT, &path_of(&record), &item_of(&nobody)).await;
    assert_eq!(places(&problem(refused, 409).await), ["/ownerId"]);
    assert_eq!(read(&server, &path_of(&record)).await, Some(record));
}

#[tokio::test]
async fn item_owner_can_be_changed_and_removed() {
    let server = TestServer::start().await;
    let (ada, eve) = (create(&server, "users", &user()).await, create(&server, "users", &user()).await);
    let record = create(&server, "items", &item_of(&ada["id"])).await;
    for owner in [&eve["id"], &Value::Null, &ada["id"]] {
        let response = send(&server, Method::PATCH, &path_of(&record), &json!({ "ownerId": owner })).await;
        assert_eq!(response.status(), StatusCode::OK);
        let moved: Value = response.json().await.unwrap();
        assert_eq!(&moved["ownerId"], owner);
        assert_eq!(read(&server, &path_of(&record)).await, Some(moved));
        for user in [&ada, &eve] {
            let id = user["id"].as_str().unwrap();
            let page: Value = get(&server, &format!("/v1/items?ownerId={id}")).await.json().await.unwrap();
            let expected = usize::from(owner == &user["id"]);
            assert_eq!(page["data"].as_array().unwrap().len(), expected);
        }
    }
}

#[tokio::test]
async fn item_remains_editable_after_its_owner_is_deleted() {
    let server = TestServer::start().await;
    let owner = create(&server, "users", &user()).await;
    let record = create(&server, "items", &item_of(&owner["id"])).await;
    server.request(Method::DELETE, &format!("/v1/users/{}", owner["id"].as_str().unwrap())).send().await.unwrap();
    let response = send(&server, Method::PATCH, &path_of(&record), &json!({ "name": "Orphan" })).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn status_filter_follows_the_status() {
    let server = TestServer::start().await;
    let record = create(&server, "items", &item()).await;
    let found = |status: &'static str| {
        let server = &server;
        async move {
            let page: Value = get(server, &format!("/v1/items?status={status}")).await.json().await.unwrap();
            page["data"].as_array().unwrap().len()
        }
    };
    assert_eq!((found("draft").await, found("active").await), (1, 0));
    send(&server, Method::PATCH, &path_of(&record), &json!({ "status": "active" })).await;
    assert_eq!((found("draft").await, found("active").await), (0, 1));
    send(&server, Method::PATCH, &path_of(&record), &json!({ "status": null })).await;
    assert_eq!((found("draft").await, found("active").await), (1, 0));
}
