//! Histories: each entry is judged by the record that it shows.

use chrono::Utc;
use serde_json::{Value, json};
use serverless_crud::record::{Action, Cause, Entry};
use uuid::Uuid;

use crate::{callers::Caller, gateway::Gateway, items::id_of};

fn item_of(id: Uuid, version: u64, owner: &Value) -> Value {
    json!({
        "id": id, "version": version, "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z",
        "name": format!("v{version}"), "priceCents": 1, "currency": "EUR", "status": "draft", "tags": [], "ownerId": owner,
    })
}

/// Appends the change from one record to another.
async fn append(gateway: &Gateway, collection: &str, tenant: Option<&str>, old: Option<Value>, new: Option<Value>) {
    let last = new.as_ref().or(old.as_ref()).unwrap();
    let version = last["version"].as_u64().unwrap();
    let entry = Entry {
        event_id: format!("{version:032x}{}", u8::from(new.is_none())),
        sequence: format!("{:040}", version * 2 + u64::from(new.is_none())),
        action: match (&old, &new) {
            (None, _) => Action::Created,
            (_, None) => Action::Deleted,
            _ => Action::Updated,
        },
        id: last["id"].as_str().unwrap().parse().unwrap(),
        version,
        time: Utc::now(),
        cause: Cause::Write,
        changed_by: None,
        tenant_id: tenant.map(str::to_owned),
        changed: vec!["name".into()],
        old,
        new,
        traceparent: None,
        has_other_shape: false,
    };
    gateway.app.store.append_history(collection, &entry, Utc::now().timestamp() + 1000).await.unwrap();
}

/// Returns the versions in a history, each with true if it shows the record before the change.
fn shown(page: &Value) -> Vec<(u64, bool)> {
    let entries = page["data"].as_array().unwrap_or_else(|| panic!("no page: {page}"));
    entries.iter().map(|entry| (entry["version"].as_u64().unwrap(), entry.get("old").is_some())).collect()
}

#[tokio::test]
async fn owner_sees_the_changes_of_the_own_time() {
    let gateway = Gateway::start().await;
    let (ada, eve, id) = (Caller::user(Uuid::new_v4()), Caller::user(Uuid::new_v4()), Uuid::now_v7());
    let states: Vec<Value> = [&ada, &ada, &eve, &eve]
        .iter()
        .zip(1..)
        .map(|(caller, version)| item_of(id, version, &id_of(caller)))
        .collect();
    append(&gateway, "items", None, None, Some(states[0].clone())).await;
    for pair in states.windows(2) {
        append(&gateway, "items", None, Some(pair[0].clone()), Some(pair[1].clone())).await;
    }
    append(&gateway, "items", None, Some(states[3].clone()), None).await;
    let path = format!("/v1/items/{id}/history?order=asc");
    let read = async |caller: &Caller| shown(&gateway.get(caller, &path).await.body);
    assert_eq!(read(&ada).await, [(1, false), (2, true)]);
    assert_eq!(read(&eve).await, [(3, false), (4, true), (4, true)]);
    assert_eq!(read(&Caller::key("app")).await, [(1, false), (2, true), (3, true), (4, true), (4, true)]);
    let stranger = gateway.get(&Caller::user(Uuid::new_v4()), &path).await;
    let missing = gateway.get(&ada, &format!("/v1/items/{}/history?order=asc", Uuid::now_v7())).await;
    assert_eq!((stranger.status, stranger.text()), (404, missing.text()));
}

#[tokio::test]
async fn long_history_of_another_user_does_not_exist() {
    let gateway = Gateway::start().await;
    let (ada, eve, id) = (Caller::user(Uuid::new_v4()), Caller::user(Uuid::new_v4()), Uuid::now_v7());
    for version in 1..=5 {
        append(&gateway, "items", None, None, Some(item_of(id, version, &id_of(&ada)))).await;
    }
    let path = format!("/v1/items/{id}/history?limit=1");
    assert_eq!(gateway.get(&ada, &path).await.ids().len(), 1);
    assert_eq!(gateway.get(&eve, &path).await.status, 404);
    let page = gateway.get(&ada, &path).await;
    let cursor = page.body["nextCursor"].as_str().unwrap();
    assert_eq!(gateway.get(&eve, &format!("{path}&cursor={cursor}")).await.status, 400);
}

#[tokio::test]
async fn history_of_a_user_hides_what_reading_the_user_hides() {
    let gateway = Gateway::start().await;
    let (ada, eve, id) = (Caller::user(Uuid::new_v4()), Caller::user(Uuid::new_v4()), Uuid::now_v7());
    let record = json!({
        "id": id, "version": 1, "title": "One", "state": "open", "note": "secret", "oldNote": "secret",
        "ownerId": id_of(&ada),
    });
    append(&gateway, "docs", Some("t"), None, Some(record)).await;
    let path = format!("/v1/docs/{id}/history");
    let own = gateway.get(&ada.clone().of_tenant("t"), &path).await;
    assert_eq!(own.body["data"][0]["new"]["note"], "secret");
    for other in [ada.of_tenant("u"), eve.of_tenant("t")] {
        assert_eq!(gateway.get(&other, &path).await.status, 404);
    }
}

#[tokio::test]
async fn new_record_has_an_empty_history_for_those_who_may_see_it() {
    let (gateway, ada, eve) = crate::items::start().await;
    let active = crate::samples::with(crate::samples::item(), "status", "active");
    let path = format!("/v1/items/{}/history", gateway.post(&ada, "/v1/items", active).await.id());
    assert_eq!(gateway.get(&ada, &path).await.body, json!({ "data": [], "nextCursor": null }));
    assert_eq!(gateway.get(&eve, &path).await.status, 404);
}
