//! `GET /v1/{collection}/{id}/history`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{create_item, history, history_of, path, send, server};

#[tokio::test]
async fn history_has_principal_and_fields_and_outlives_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    let item = create_item(&server, "Cup").await;
    let path = path("items", &item);
    let changed = send(&server, Method::PATCH, &path, &json!({ "name": "Mug", "tags": ["new"] })).await;
    send(&server, Method::DELETE, &path, &json!(null)).await;
    let entries = history_of(&server, &path, 3).await;
    let told = |name: &str| entries.iter().map(|entry| entry[name].clone()).collect::<Value>();
    assert_eq!(told("action"), json!(["deleted", "updated", "created"]));
    assert_eq!(told("version"), json!([2, 2, 1]));
    assert_eq!(told("changedBy"), json!(["local-basic", "local-basic", "local-basic"]));
    assert_eq!(told("cause"), json!(["write", "write", "write"]));
    assert_eq!(told("old"), json!([changed, item, null]));
    assert_eq!(told("new"), json!([null, changed, item]));
    assert_eq!(entries[1]["changed"], json!(["name", "tags"]));
    assert_eq!((&entries[1]["time"], &entries[2]["time"]), (&changed["updatedAt"], &item["createdAt"]));
}

#[tokio::test]
async fn entries_are_ordered_by_sequence_and_a_deletion_has_its_exact_time() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    let item = create_item(&server, "Cup").await;
    let path = path("items", &item);
    let updated = send(&server, Method::PATCH, &path, &json!({ "name": "Mug" })).await;
    send(&server, Method::DELETE, &path, &json!(null)).await;
    let entries = history_of(&server, &path, 3).await;
    let texts = |name: &str| entries.iter().map(|entry| entry[name].as_str().unwrap_or("")).collect::<Vec<_>>();
    let (times, sequences) = (texts("time"), texts("sequence"));
    assert!(times[0] >= updated["updatedAt"].as_str().unwrap(), "{times:?}");
    assert!(times.is_sorted_by(|later, earlier| later >= earlier), "{times:?}");
    assert!(sequences.is_sorted_by(|later, earlier| later > earlier), "{sequences:?}");
}

#[tokio::test]
async fn pages_of_a_history_add_up_to_the_whole_in_either_order() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    let path = path("items", &create_item(&server, "Cup").await);
    for number in 0..6 {
        send(&server, Method::PATCH, &path, &json!({ "priceCents": number })).await;
    }
    let mut whole = history_of(&server, &path, 7).await;
    for order in ["desc", "asc"] {
        let (mut joined, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = format!("{path}/history?limit=3&order={order}{cursor}");
            let page: Value = server.request(Method::GET, &page).send().await.unwrap().json().await.unwrap();
            joined.extend(page["data"].as_array().unwrap().clone());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(joined, whole, "{order}");
        whole.reverse();
    }
}

#[tokio::test]
async fn history_rejects_what_a_list_rejects() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    let (one, other) = (create_item(&server, "Cup").await, create_item(&server, "Mug").await);
    let (one, other) = (path("items", &one), path("items", &other));
    for path in [&one, &other] {
        send(&server, Method::PATCH, path, &json!({ "name": "Jug" })).await;
        history_of(&server, path, 2).await;
    }
    let page = server.request(Method::GET, &format!("{one}/history?limit=1")).send().await.unwrap();
    assert!(page.headers()["link"].to_str().unwrap().contains("rel=\"next\""));
    let cursor = page.json::<Value>().await.unwrap()["nextCursor"].as_str().unwrap().to_owned();
    let cases = [
        (format!("{one}/history?cursor={cursor}"), 200),
        (format!("{other}/history?cursor={cursor}"), 400),
        (format!("{one}/history?order=asc&cursor={cursor}"), 400),
        (format!("{one}/history?cursor=forged"), 400),
        (format!("{one}/history?limit=101"), 400),
        (format!("{one}/history?status=draft"), 400),
        ("/v1/items/1/history".into(), 400),
        ("/v1/items/01890000-0000-7000-8000-000000000000/history".into(), 404),
        (one.replace("items", "users") + "/history", 404),
    ];
    for (path, status) in cases {
        let answer = server.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
    let answer = server.request(Method::POST, &format!("{one}/history")).json(&json!({})).send().await.unwrap();
    assert_eq!(answer.status(), 405);
}

#[tokio::test]
async fn record_without_entries_has_an_empty_history() {
    let server = crate::support::TestServer::start().await;
    let item = create_item(&server, "Cup").await;
    assert_eq!(history(&server, &path("items", &item)).await, Vec::<Value>::new());
}
