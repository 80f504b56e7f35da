//! Races: no write of a former owner takes effect after the transfer was answered.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use serde_json::json;

use crate::{
    gateway::Gateway,
    items::{id_of, start},
    samples::item,
};

/// Gives an item away while the owner writes with `body`. Returns the numbers of writes that came before and after.
async fn race(method: &'static str, body: serde_json::Value) -> (usize, usize) {
    let (gateway, ada, eve) = start().await;
    let gateway: Arc<Gateway> = gateway.into();
    let path = format!("/v1/items/{}", gateway.post(&ada, "/v1/items", item()).await.id());
    let is_transferred = Arc::new(AtomicBool::new(false));
    let writers = (0..6).map(|_| {
        let (gateway, ada, path, body) = (gateway.clone(), ada.clone(), path.clone(), body.clone());
        let is_transferred = is_transferred.clone();
        tokio::spawn(async move {
            let (mut before, mut after) = (0, 0);
            for _ in 0..12 {
                let started_late = is_transferred.load(SeqCst);
                let answer = gateway.call(&ada, method, &path, &[], Some(body.clone())).await;
                assert!([200, 404, 503].contains(&answer.status), "{answer:?}");
                assert!(answer.status != 200 || !started_late, "a write after the transfer was answered");
                if answer.status == 200 { before += 1 } else { after += 1 }
            }
            (before, after)
        })
    });
    let writers: Vec<_> = writers.collect();
    tokio::task::yield_now().await;
    let admin = crate::callers::Caller::key("app");
    // The transfer is a transaction, which the writers can outrun.
    let transfer = loop {
        let answer = gateway.patch(&admin, &path, json!({ "ownerId": id_of(&eve) })).await;
        if answer.status != 503 {
            break answer;
        }
    };
    assert_eq!(transfer.status, 200);
    is_transferred.store(true, SeqCst);
    let version = transfer.body["version"].as_u64().unwrap();
    let (mut before, mut after) = (0, 0);
    for writer in writers {
        let (own_before, own_after) = writer.await.unwrap();
        before += own_before;
        after += own_after;
    }
    let last = gateway.get(&eve, &path).await;
    assert_eq!((&last.body["ownerId"], last.body["version"].as_u64()), (&id_of(&eve), Some(version)));
    (before, after)
}

#[tokio::test(flavor = "multi_thread")]
async fn former_owner_does_not_patch_after_the_transfer() {
    let (before, after) = race("PATCH", json!({ "name": "Mine" })).await;
    assert_eq!(before + after, 72);
}

#[tokio::test(flavor = "multi_thread")]
async fn former_owner_does_not_replace_after_the_transfer() {
    // Without an owner in the body, the replacement would take the item back.
    let (before, after) = race("PUT", item()).await;
    assert_eq!(before + after, 72);
}

#[tokio::test(flavor = "multi_thread")]
async fn former_owner_does_not_delete_after_the_transfer() {
    for _ in 0..10 {
        let (gateway, ada, eve) = start().await;
        let path = format!("/v1/items/{}", gateway.post(&ada, "/v1/items", item()).await.id());
        let (transfer, deletion) =
            tokio::join!(gateway.patch(&ada, &path, json!({ "ownerId": id_of(&eve) })), gateway.delete(&ada, &path));
        match (transfer.status, deletion.status) {
            (200, 404) => assert_eq!(gateway.get(&eve, &path).await.status, 200),
            (404, 204) => assert_eq!(gateway.get(&eve, &path).await.status, 404),
            other => panic!("both or none took effect: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_transfers_to_two_users_succeed_once() {
    let (gateway, ada, eve) = start().await;
    let bob = crate::callers::Caller::user(uuid::Uuid::new_v4());
    gateway.post(&bob, "/v1/users", crate::samples::user()).await;
    for _ in 0..5 {
        let path = format!("/v1/items/{}", gateway.post(&ada, "/v1/items", item()).await.id());
        let give = |caller| gateway.patch(&ada, &path, json!({ "ownerId": id_of(caller) }));
        let (first, second) = tokio::join!(give(&eve), give(&bob));
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 404]);
    }
}
