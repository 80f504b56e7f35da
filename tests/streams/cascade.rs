//! The deletion of a user archives the items of that user, and no others.

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use serverless_crud::{
    access::{Kind, Principal},
    app::App,
    record::Record,
    streams::REPEAT_QUEUE_SUFFIX,
};

use crate::{
    mapping::Rig,
    send, server,
    support::{
        self, TestServer,
        fixtures::{User, UserRole},
    },
    until,
};

const ITEMS: usize = 60;

async fn user(server: &TestServer, email: &str) -> Value {
    send(server, Method::POST, "/v1/users", &json!({ "name": "Ada", "email": email })).await
}

async fn item_of(server: &TestServer, owner: &Value) -> Value {
    let item = json!({ "name": "Cup", "priceCents": 1, "currency": "EUR", "status": "active", "ownerId": owner["id"] });
    send(server, Method::POST, "/v1/items", &item).await
}

async fn read(server: &TestServer, item: &Value) -> Value {
    let path = format!("/v1/items/{}", item["id"].as_str().unwrap());
    server.request(Method::GET, &path).send().await.unwrap().json().await.unwrap()
}

fn is_archived(item: &Value) -> bool {
    item["status"] == "archived" && item["ownerId"].is_null()
}

#[tokio::test]
async fn deleting_a_user_archives_only_the_items_of_that_user() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    let (leaving, staying) = (user(&server, "a@example.com").await, user(&server, "b@example.com").await);
    let mut items = Vec::new();
    for _ in 0..ITEMS {
        items.push(item_of(&server, &leaving).await);
    }
    let other = item_of(&server, &staying).await;
    let path = format!("/v1/users/{}", leaving["id"].as_str().unwrap());
    send(&server, Method::DELETE, &path, &json!(null)).await;
    for item in &items {
        let archived = || async { Some(read(&server, item).await).filter(is_archived) };
        let archived = until("the archived item", archived).await;
        assert_eq!(archived["version"], 2, "written once");
    }
    assert_eq!(read(&server, &other).await, other);
}

#[tokio::test]
async fn cascade_continues_after_a_failure_and_is_idempotent() {
    let mut rig = Rig::start(5).await;
    let (leaving, staying) = (user(&rig.server, "a@example.com").await, user(&rig.server, "b@example.com").await);
    let mut items = Vec::new();
    for _ in 0..ITEMS {
        items.push(item_of(&rig.server, &leaving).await);
    }
    // Moved to another owner before the deletion of the user.
    let moved = format!("/v1/items/{}", items[0]["id"].as_str().unwrap());
    let moved = send(&rig.server, Method::PATCH, &moved, &json!({ "ownerId": staying["id"] })).await;
    let path = format!("/v1/users/{}", leaving["id"].as_str().unwrap());
    send(&rig.server, Method::DELETE, &path, &json!(null)).await;

    rig.dynamodb.set_faults(10);
    rig.drain("users_cascade").await;
    rig.dynamodb.set_faults(0);
    rig.drain("users_cascade").await;
    assert_eq!(read(&rig.server, &moved).await, moved);
    for item in &items[1..] {
        let item = read(&rig.server, item).await;
        assert!(is_archived(&item), "{item}");
        assert_eq!(item["version"], 2, "written once");
    }
}

#[tokio::test]
async fn later_pass_archives_an_item_that_the_index_showed_late() {
    let mut rig = Rig::start(6).await;
    let leaving = user(&rig.server, "a@example.com").await;
    let item = item_of(&rig.server, &leaving).await;
    let client = support::dynamodb(&rig.server.dynamodb_url);
    let is_in_index = async |update: &str| {
        let id = AttributeValue::S(item["id"].as_str().unwrap().into());
        let request = client.update_item().table_name("local-items").key("id", id).update_expression(update);
        let owner = AttributeValue::S(leaving["id"].as_str().unwrap().into());
        let request = if update.contains(':') { request.expression_attribute_values(":owner", owner) } else { request };
        request.send().await.unwrap();
    };
    is_in_index("REMOVE ownerIdKey").await;
    let path = format!("/v1/users/{}", leaving["id"].as_str().unwrap());
    send(&rig.server, Method::DELETE, &path, &json!(null)).await;
    let events = rig.published("users_cascade").await;
    assert_eq!(events.len(), 1);
    let none = Vec::<Value>::new();
    assert_eq!(rig.pass("users_cascade", "", TimeDelta::seconds(5), events.clone()).await, none, "the first pass");
    for minutes in [15, 30, 45, 60] {
        let remaining =
            rig.pass("users_cascade", REPEAT_QUEUE_SUFFIX, TimeDelta::minutes(minutes), events.clone()).await;
        assert_eq!(remaining, events, "it comes again after {minutes} minutes");
        assert!(!is_archived(&read(&rig.server, &item).await));
    }
    is_in_index("SET ownerIdKey = :owner").await;
    rig.pass("users_cascade", REPEAT_QUEUE_SUFFIX, TimeDelta::minutes(75), events.clone()).await;
    assert!(is_archived(&read(&rig.server, &item).await));
    let last = rig.pass("users_cascade", REPEAT_QUEUE_SUFFIX, TimeDelta::minutes(361), events).await;
    assert_eq!(last, none, "after six hours it is done");
}

/// Creates the record of a user who signs up again, with the same id.
async fn sign_up_again(server: &TestServer, user: &Value) {
    let app = App::new(support::config(), support::dynamodb(&server.dynamodb_url));
    let id = user["id"].as_str().unwrap().to_owned();
    let principal = Principal { kind: Kind::User, id, ..Principal::default() };
    let resource = User { name: "Ada".into(), email: "a@example.com".into(), role: UserRole::Member, phone: None };
    let created = app.store.table(&principal).insert(Record::new(resource), None).await.unwrap();
    assert_eq!(json!(created.id), user["id"]);
}

#[tokio::test]
async fn later_pass_keeps_the_new_items_of_a_user_who_signed_up_again() {
    let mut rig = Rig::start(6).await;
    let leaving = user(&rig.server, "a@example.com").await;
    let old = item_of(&rig.server, &leaving).await;
    let path = format!("/v1/users/{}", leaving["id"].as_str().unwrap());
    send(&rig.server, Method::DELETE, &path, &json!(null)).await;
    let deleted_at = Utc::now();
    let events = rig.published("users_cascade").await;
    sign_up_again(&rig.server, &leaving).await;
    let new = item_of(&rig.server, &leaving).await;
    for suffix in ["", REPEAT_QUEUE_SUFFIX] {
        rig.pass("users_cascade", suffix, Utc::now() - deleted_at, events.clone()).await;
        assert_eq!(read(&rig.server, &new).await, new);
        assert!(is_archived(&read(&rig.server, &old).await));
    }
}
