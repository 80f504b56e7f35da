//! The history of a record with many changes.

use serde_json::{Value, json};

use crate::{
    faults::{raw, start_behind_proxy},
    samples::{create, get, item},
    support::TestServer,
};

/// Puts entries like the consumer's. The first `expired` ones have expired.
async fn fill(server: &TestServer, id: &str, expired: usize, live: usize) {
    let entry = |number: usize| {
        let expires_at = if number < expired { "1" } else { "9999999999" };
        json!({ "PutRequest": { "Item": {
            "record": { "S": format!("items#{id}") }, "sequence": { "S": format!("{number:040}") },
            "eventId": { "S": number.to_string() }, "action": { "S": "updated" }, "id": { "S": id },
            "version": { "N": number.to_string() }, "time": { "S": "2026-01-01T00:00:00.000Z" },
            "cause": { "S": "write" }, "changed": { "L": [] }, "expiresAt": { "N": expires_at },
        } } })
    };
    let entries: Vec<Value> = (0..expired + live).map(entry).collect();
    for entries in entries.chunks(25) {
        raw(server, "BatchWriteItem", &json!({ "RequestItems": { "local-history": entries } })).await;
    }
}

#[tokio::test]
async fn page_of_expired_entries_is_short_and_has_a_next_page() {
    let (proxy, server, behind) = start_behind_proxy().await;
    let record = create(&server, "items", &item()).await;
    let id = record["id"].as_str().unwrap();
    fill(&behind, id, 300, 12).await;
    for order in ["asc", "desc"] {
        let first = format!("/v1/items/{id}/history?limit=5&order={order}");
        let (mut path, mut found) = (first.clone(), Vec::new());
        loop {
            proxy.take();
            let page: Value = get(&server, &path).await.json().await.unwrap();
            assert!(proxy.take().len() <= 2, "a page takes at most two queries");
            found.extend(page["data"].as_array().unwrap().iter().map(|entry| entry["version"].as_u64().unwrap()));
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            path = format!("{first}&cursor={cursor}");
        }
        found.sort_unstable();
        assert_eq!(found, (300..312).collect::<Vec<_>>(), "{order}");
    }
}

#[tokio::test]
async fn deleted_record_with_expired_entries_has_a_history() {
    let (_proxy, server, behind) = start_behind_proxy().await;
    let id = uuid::Uuid::now_v7().to_string();
    fill(&behind, &id, 300, 1).await;
    let page: Value = get(&server, &format!("/v1/items/{id}/history?limit=5&order=asc")).await.json().await.unwrap();
    assert_eq!(page["data"], json!([]));
    assert!(page["nextCursor"].is_string());
}
