//! Users: each has one record with the own id, and only administrators set roles.

use serde_json::json;
use uuid::Uuid;

use crate::{
    callers::Caller,
    gateway::Gateway,
    items::{id_of, start},
    samples::{item, user, with},
};

#[tokio::test]
async fn user_creates_the_own_record_once() {
    let gateway = Gateway::start().await;
    let ada = Caller::user(Uuid::new_v4());
    let created = gateway.post(&ada, "/v1/users", user()).await;
    assert_eq!((created.status, json!(created.id())), (201, id_of(&ada)));
    let again = gateway.post(&ada, "/v1/users", user()).await;
    assert_eq!(again.status, 409);
    assert_eq!(gateway.get(&ada, &format!("/v1/users/{}", created.id())).await.body, created.body);
}

#[tokio::test]
async fn item_of_a_user_without_a_record_is_refused_with_advice() {
    let gateway = Gateway::start().await;
    let ada = Caller::user(Uuid::new_v4());
    let refused = gateway.post(&ada, "/v1/items", item()).await;
    let detail = "names you, who have no record of users yet: create it with POST /v1/users";
    assert_eq!(refused.status, 409);
    assert_eq!(refused.body["errors"], json!([{ "pointer": "/ownerId", "detail": detail }]));
    let other = with(item(), "ownerId", Uuid::now_v7().to_string());
    let refused = gateway.post(&Caller::key("app"), "/v1/items", other).await;
    assert_eq!(refused.body["errors"][0]["detail"], "names no record of users");

    assert_eq!(gateway.post(&ada, "/v1/users", user()).await.status, 201);
    assert_eq!(gateway.post(&ada, "/v1/items", item()).await.status, 201);
}

#[tokio::test]
async fn administrator_without_a_record_creates_items_without_an_owner() {
    let (gateway, ada, _) = start().await;
    let admin = Caller::user(Uuid::new_v4()).with_roles("admin");
    let refused = gateway.post(&admin, "/v1/items", item()).await;
    let detail = "names you, who have no record of users: name another one, or null for none";
    assert_eq!((refused.status, &refused.body["errors"][0]["detail"]), (409, &json!(detail)));
    let unowned = gateway.post(&admin, "/v1/items", with(item(), "ownerId", json!(null))).await;
    assert_eq!((unowned.status, &unowned.body["ownerId"]), (201, &json!(null)));
    let own = gateway.post(&ada, "/v1/items", with(item(), "ownerId", json!(null))).await;
    assert_eq!((own.status, &own.body["ownerId"]), (201, &id_of(&ada)));
}

#[tokio::test]
async fn concurrent_creates_of_the_own_record_succeed_once() {
    let gateway = Gateway::start().await;
    let ada = Caller::user(Uuid::new_v4());
    let creates = (0..8).map(|_| gateway.post(&ada, "/v1/users", user()));
    let mut statuses: Vec<_> =
        futures_util::future::join_all(creates).await.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn repeat_with_the_idempotency_key_returns_the_own_record_again() {
    let gateway = Gateway::start().await;
    let (ada, body, key) = (Caller::user(Uuid::new_v4()), user(), [("Idempotency-Key", "sign-up")]);
    let first = gateway.call(&ada, "POST", "/v1/users", &key, Some(body.clone())).await;
    let second = gateway.call(&ada, "POST", "/v1/users", &key, Some(body)).await;
    assert_eq!((first.status, second.status), (201, 201));
    assert_eq!(first.body, second.body);
}

#[tokio::test]
async fn administrator_creates_users_with_new_ids() {
    let gateway = Gateway::start().await;
    let admin = Caller::user(Uuid::new_v4()).with_roles("admin");
    for caller in [admin, Caller::key("app")] {
        let (first, second) =
            (gateway.post(&caller, "/v1/users", user()).await, gateway.post(&caller, "/v1/users", user()).await);
        assert_ne!(first.id(), second.id());
        assert_ne!(json!(first.id()), id_of(&caller));
    }
}

#[tokio::test]
async fn only_the_user_and_administrators_change_a_user() {
    let (gateway, ada, eve) = start().await;
    let path = format!("/v1/users/{}", id_of(&ada).as_str().unwrap());
    let rename = json!({ "name": "Ada Lovelace" });
    assert_eq!(gateway.patch(&eve, &path, rename.clone()).await.status, 403);
    assert_eq!(gateway.delete(&eve, &path).await.status, 403);
    assert_eq!(gateway.get(&eve, &format!("{path}/history")).await.status, 404);
    assert_eq!(gateway.patch(&ada, &path, rename.clone()).await.status, 200);
    assert_eq!(gateway.patch(&Caller::key("app"), &path, rename).await.status, 200);
    assert_eq!(gateway.delete(&ada, &path).await.status, 204);
    assert_eq!(gateway.get(&eve, &path).await.status, 404);
}

#[tokio::test]
async fn list_of_the_own_record_alone_needs_no_scan() {
    let gateway = Gateway::start().await;
    let callers: Vec<_> = (0..6).map(|_| Caller::user(Uuid::now_v7())).collect();
    for caller in &callers {
        assert_eq!(gateway.post(caller, "/v1/profiles", json!({ "motto": "Be brief" })).await.status, 201);
    }
    for caller in &callers {
        let own = id_of(caller).as_str().unwrap().to_owned();
        for query in ["", "?order=asc", "?limit=1"] {
            assert_eq!(
                gateway.list_all(caller, &format!("/v1/profiles{query}")).await,
                std::slice::from_ref(&own),
                "{query}"
            );
        }
    }
    assert_eq!(gateway.list_all(&Caller::user(Uuid::new_v4()), "/v1/profiles").await, [] as [String; 0]);
    assert_eq!(gateway.list_all(&Caller::key("app"), "/v1/profiles").await.len(), 6);
}
