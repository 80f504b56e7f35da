//! Items: the owner and administrators have all rights, others read active items.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    callers::Caller,
    gateway::Gateway,
    samples::{item, user, with},
};

/// A gateway with two users, who have created their records.
pub async fn start() -> (Gateway, Caller, Caller) {
    let gateway = Gateway::start().await;
    let (ada, eve) = (Caller::user(Uuid::new_v4()), Caller::user(Uuid::new_v4()));
    for caller in [&ada, &eve] {
        assert_eq!(gateway.post(caller, "/v1/users", user()).await.status, 201);
    }
    (gateway, ada, eve)
}

pub fn id_of(caller: &Caller) -> Value {
    caller.authorizer["principalId"].clone()
}

#[tokio::test]
async fn item_belongs_to_the_user_who_creates_it() {
    let (gateway, ada, eve) = start().await;
    let created = gateway.post(&ada, "/v1/items", item()).await;
    assert_eq!(created.body["ownerId"], id_of(&ada));
    let explicit = gateway.post(&ada, "/v1/items", with(item(), "ownerId", id_of(&ada))).await;
    assert_eq!(explicit.status, 201);
    let null = gateway.post(&ada, "/v1/items", with(item(), "ownerId", Value::Null)).await;
    assert_eq!(null.body["ownerId"], id_of(&ada));
    let foreign = gateway.post(&ada, "/v1/items", with(item(), "ownerId", id_of(&eve))).await;
    assert_eq!(foreign.status, 403);
    let admin = Caller::user(Uuid::new_v4()).with_roles("admin");
    let given = gateway.post(&admin, "/v1/items", with(item(), "ownerId", id_of(&eve))).await;
    assert_eq!(given.body["ownerId"], id_of(&eve));
    assert_eq!(gateway.post(&Caller::key("app"), "/v1/items", item()).await.body["ownerId"], Value::Null);
}

#[tokio::test]
async fn draft_of_another_user_does_not_exist_and_an_active_one_is_read_only() {
    let (gateway, ada, eve) = start().await;
    let path = format!("/v1/items/{}", gateway.post(&ada, "/v1/items", item()).await.id());
    let missing = format!("/v1/items/{}", Uuid::now_v7());
    let changes = |path: &str| {
        let path = path.to_owned();
        [("GET", path.clone(), None), ("PATCH", path.clone(), Some(json!({ "name": "Mine" })))].into_iter().chain([
            ("PUT", path.clone(), Some(item())),
            ("DELETE", path.clone(), None),
            ("POST", format!("{path}/publish"), None),
            ("GET", format!("{path}/history"), None),
        ])
    };
    for ((method, own, body), (_, other, _)) in changes(&path).zip(changes(&missing)) {
        let hidden = gateway.call(&eve, method, &own, &[], body.clone()).await;
        let absent = gateway.call(&eve, method, &other, &[], body).await;
        assert_eq!(hidden.status, 404, "{method}");
        assert_eq!(hidden.text(), absent.text());
        assert_eq!(hidden.headers, absent.headers);
    }
    assert_eq!(gateway.call(&ada, "POST", &format!("{path}/publish"), &[], None).await.status, 200);
    for (method, path, body) in changes(&path) {
        let expected = match method {
            "GET" if path.ends_with("history") => 404,
            "GET" => 200,
            _ => 403,
        };
        assert_eq!(gateway.call(&eve, method, &path, &[], body).await.status, expected, "{method} {path}");
    }
    let read = gateway.get(&ada, &path).await;
    assert_eq!((&read.body["name"], &read.body["version"]), (&json!("Cup"), &json!(2)));
}

#[tokio::test]
async fn access_is_decided_before_the_version() {
    let (gateway, ada, eve) = start().await;
    let path = format!("/v1/items/{}", gateway.post(&ada, "/v1/items", item()).await.id());
    let stale = [("If-Match", "\"9\"")];
    for (method, body) in [("PATCH", Some(json!({ "name": "Mine" }))), ("PUT", Some(item())), ("DELETE", None)] {
        assert_eq!(gateway.call(&eve, method, &path, &stale, body.clone()).await.status, 404, "{method}");
        assert_eq!(gateway.call(&ada, method, &path, &stale, body).await.status, 412, "{method}");
    }
    gateway.patch(&ada, &path, json!({ "status": "active" })).await;
    for (method, body) in [("PATCH", Some(json!({ "name": "Mine" }))), ("PUT", Some(item())), ("DELETE", None)] {
        assert_eq!(gateway.call(&eve, method, &path, &stale, body).await.status, 403, "{method}");
    }
}

#[tokio::test]
async fn owner_can_give_an_item_away_once() {
    let (gateway, ada, eve) = start().await;
    let path = format!("/v1/items/{}", gateway.post(&ada, "/v1/items", item()).await.id());
    let given = gateway.patch(&ada, &path, json!({ "ownerId": id_of(&eve) })).await;
    assert_eq!((given.status, &given.body["ownerId"]), (200, &id_of(&eve)));
    assert_eq!(gateway.get(&ada, &path).await.status, 404);
    assert_eq!(gateway.patch(&ada, &path, json!({ "ownerId": id_of(&ada) })).await.status, 404);
    assert_eq!(gateway.patch(&eve, &path, json!({ "name": "Mine now" })).await.status, 200);
}

#[tokio::test]
async fn replacement_without_owner_keeps_the_owner_and_an_administrator_removes_it() {
    let (gateway, ada, _) = start().await;
    let path = format!("/v1/items/{}", gateway.post(&ada, "/v1/items", item()).await.id());
    assert_eq!(gateway.put(&ada, &path, item()).await.body["ownerId"], id_of(&ada));
    let admin = Caller::user(Uuid::new_v4()).with_roles("admin");
    assert_eq!(gateway.put(&admin, &path, item()).await.body["ownerId"], Value::Null);
    assert_eq!(gateway.get(&ada, &path).await.status, 404);
}

#[tokio::test]
async fn user_without_a_record_cannot_own_an_item() {
    let gateway = Gateway::start().await;
    let created = gateway.post(&Caller::user(Uuid::new_v4()), "/v1/items", item()).await;
    assert_eq!(created.status, 409);
    assert_eq!(created.body["errors"][0]["pointer"], "/ownerId");
}
