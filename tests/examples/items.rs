//! Items: publication, the items of a deleted user, and the migrations from their oldest form.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    server,
    support::{TestServer, dynamodb},
};

async fn send(server: &TestServer, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let answer = server.request(method, path).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

async fn create(server: &TestServer, collection: &str, body: &Value) -> String {
    let (status, record) = send(server, Method::POST, &format!("/v1/{collection}"), body).await;
    assert_eq!(status, 201, "{record}");
    record["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn publish_activates_a_draft_and_refuses_an_archived_item() {
    let server = server(|_| {}).await;
    for (before, expected) in [("draft", 200), ("active", 200), ("archived", 409)] {
        let body = json!({ "name": "Cup", "priceCents": 1250, "currency": "EUR", "status": before });
        let path = format!("/v1/items/{}/publish", create(&server, "items", &body).await);
        let (status, answer) = send(&server, Method::POST, &path, &Value::Null).await;
        assert_eq!(status, expected, "{answer}");
        assert!(status == 409 || answer["status"] == "active", "{answer}");
    }
}

#[tokio::test]
async fn deleting_a_user_archives_the_items_of_the_user() {
    let server = server(|options| options.no_consumers = false).await;
    let user = create(&server, "users", &json!({ "name": "Ada", "email": "ada@example.com" })).await;
    let body = json!({ "name": "Cup", "priceCents": 1250, "currency": "EUR", "ownerId": user });
    let item = format!("/v1/items/{}", create(&server, "items", &body).await);
    assert_eq!(send(&server, Method::DELETE, &format!("/v1/users/{user}"), &Value::Null).await.0, 204);
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let (_, found) = send(&server, Method::GET, &item, &Value::Null).await;
        if found["status"] == "archived" {
            return assert_eq!((&found["ownerId"], &found["version"]), (&Value::Null, &json!(2)));
        }
        assert!(Instant::now() < end, "{found}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn oldest_items_are_served_and_listed_after_all_migrations() {
    let folder = tempfile::tempdir().unwrap();
    let on_disk = |options: &mut serverless_crud::local::Options| {
        (options.memory, options.data) = (false, folder.path().to_owned());
    };
    let before = server(|options| {
        on_disk(options);
        options.no_migrations = true;
    })
    .await;
    let text = |value: &str| AttributeValue::S(value.into());
    let number = |value: &str| AttributeValue::N(value.into());
    let row = [
        ("id", text("01890000-0000-7000-8000-000000000001")),
        ("version", number("3")),
        ("createdAt", text("2024-01-01T00:00:00.000Z")),
        ("updatedAt", text("2024-01-01T00:00:00.000Z")),
        ("name", text("Cup")),
        ("priceCents", number("1250")),
        ("status", text("active")),
        ("tags", text("kitchen, coffee,kitchen")),
        ("listShard", text("0")),
    ];
    let put = dynamodb(&before.dynamodb_url).put_item().table_name("local-items");
    row.into_iter().fold(put, |put, (name, value)| put.item(name, value)).send().await.unwrap();
    before.stop().await;

    let server = server(on_disk).await;
    for list in ["/v1/items", "/v1/items?status=active"] {
        let (_, page) = send(&server, Method::GET, list, &Value::Null).await;
        let item = &page["data"][0];
        assert_eq!((&item["currency"], &item["tags"]), (&json!("EUR"), &json!(["kitchen", "coffee"])), "{list}");
    }
    server.stop().await;
}
