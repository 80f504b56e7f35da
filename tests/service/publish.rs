//! Publication of items: the operation beyond CRUD.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    faults::start_behind_proxy,
    support::{TestServer, proxy::Fault},
};

const UNKNOWN: &str = "019a7d3e-0c00-7000-8000-00000000ffff";

async fn create(server: &TestServer, status: &str) -> String {
    let body = json!({ "name": "Cup", "priceCents": 1250, "currency": "EUR", "status": status });
    let answer = server.request(Method::POST, "/v1/items").json(&body).send().await.unwrap();
    answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
}

async fn publish(server: &TestServer, id: &str, if_match: Option<&str>) -> (u16, Value) {
    let mut request = server.request(Method::POST, &format!("/v1/items/{id}/publish"));
    if let Some(version) = if_match {
        request = request.header("If-Match", version);
    }
    let answer = request.send().await.unwrap();
    let (status, etag) = (answer.status().as_u16(), answer.headers().get("etag").cloned());
    let body: Value = answer.json().await.unwrap();
    assert_eq!(etag.map(|etag| etag.to_str().unwrap().to_owned()), body.get("version").map(|v| format!("\"{v}\"")));
    (status, body)
}

#[tokio::test]
async fn publish_activates_a_draft() {
    let server = TestServer::start().await;
    let id = create(&server, "draft").await;
    let (status, item) = publish(&server, &id, Some("\"1\"")).await;
    assert_eq!((status, &item["status"], &item["version"]), (200, &json!("active"), &json!(2)));
    let read: Value =
        server.request(Method::GET, &format!("/v1/items/{id}")).send().await.unwrap().json().await.unwrap();
    assert_eq!(read, item);
    let list = server.request(Method::GET, "/v1/items?status=active").send().await.unwrap();
    assert_eq!(list.json::<Value>().await.unwrap()["data"], json!([item]));
}

#[tokio::test]
async fn publish_of_an_active_item_returns_it_unchanged() {
    let server = TestServer::start().await;
    let id = create(&server, "active").await;
    for if_match in [None, Some("\"1\""), Some("*")] {
        let (status, item) = publish(&server, &id, if_match).await;
        assert_eq!((status, &item["version"]), (200, &json!(1)));
    }
}

#[tokio::test]
async fn publish_of_an_archived_item_is_refused() {
    let server = TestServer::start().await;
    let id = create(&server, "archived").await;
    let (status, problem) = publish(&server, &id, None).await;
    assert_eq!((status, &problem["detail"]), (409, &json!("An archived item cannot be published.")));
}

#[tokio::test]
async fn publish_with_a_stale_version_is_refused() {
    let server = TestServer::start().await;
    for status in ["draft", "active", "archived"] {
        let id = create(&server, status).await;
        assert_eq!(publish(&server, &id, Some("\"7\"")).await.0, 412, "{status}");
    }
}

#[tokio::test]
async fn publish_distinguishes_unknown_and_malformed_ids() {
    let server = TestServer::start().await;
    assert_eq!(publish(&server, UNKNOWN, Some("\"1\"")).await.0, 404);
    assert_eq!(publish(&server, "1", None).await.0, 400);
}

#[tokio::test]
async fn concurrent_publications_succeed_and_write_once() {
    let server = TestServer::start().await;
    let id = create(&server, "draft").await;
    let answers = futures_util::future::join_all((0..8).map(|_| publish(&server, &id, None))).await;
    assert!(answers.iter().all(|(status, item)| *status == 200 && item["version"] == 2), "{answers:?}");
}

#[tokio::test]
async fn publish_sends_one_request_to_dynamodb() {
    let (proxy, server, _behind) = start_behind_proxy().await;
    let ids = [create(&server, "draft").await, create(&server, "active").await, create(&server, "archived").await];
    for id in ids.iter().map(String::as_str).chain([UNKNOWN]) {
        proxy.take();
        publish(&server, id, None).await;
        let operations: Vec<_> = proxy.take().into_iter().map(|exchange| exchange.operation).collect();
        assert_eq!(operations, ["UpdateItem"], "{id}");
    }
}

#[tokio::test]
async fn publish_with_lost_response_takes_effect_once() {
    let (proxy, server, _behind) = start_behind_proxy().await;
    for if_match in [None, Some("\"1\"")] {
        let id = create(&server, "draft").await;
        proxy.fault("UpdateItem", &[Fault::LoseResponse]);
        let (status, item) = publish(&server, &id, if_match).await;
        assert_eq!((status, &item["status"], &item["version"]), (200, &json!("active"), &json!(2)));
    }
    assert_eq!(proxy.denied(), []);
}
