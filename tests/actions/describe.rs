//! The description of an item by the upstream API: a call, and a write that requires the version that was read.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::{
    configure, start,
    support::{
        TestServer,
        proxy::{Fault, Proxy},
    },
    upstream::{Behaviour, Upstream},
};

async fn create(server: &TestServer, description: Option<&str>) -> String {
    let body = json!({ "name": "Cup", "description": description, "priceCents": 1250, "currency": "EUR" });
    let response = server.request(Method::POST, "/v1/items").json(&body).send().await.unwrap();
    response.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
}

fn describe(server: &TestServer, id: &str, if_match: Option<&str>) -> impl Future<Output = Response> + use<> {
    let request = server.request(Method::POST, &format!("/v1/items/{id}/describe"));
    let request = if_match.into_iter().fold(request, |request, version| request.header("If-Match", version));
    async { request.send().await.unwrap() }
}

async fn read(server: &TestServer, id: &str) -> Value {
    server.request(Method::GET, &format!("/v1/items/{id}")).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn description_or_name_is_rewritten_and_saved() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &[]).await;
    for (description, sent) in [(Some("Made of stoneware."), "Made of stoneware."), (None, "Cup"), (Some(""), "Cup")] {
        let id = create(&server, description).await;
        upstream.answer_with([Behaviour::Text("New".into())]);
        let response = describe(&server, &id, Some("\"1\"")).await;
        assert_eq!((response.status().as_u16(), &response.headers()["etag"]), (200, &"\"2\"".parse().unwrap()));
        let item: Value = response.json().await.unwrap();
        assert_eq!((&item["description"], &item["version"], &item["name"]), (&json!("New"), &json!(2), &json!("Cup")));
        assert_eq!(read(&server, &id).await, item);
        assert_eq!(upstream.bodies().last().unwrap(), &json!({ "text": sent }));
    }
}

#[tokio::test]
async fn item_that_changes_meanwhile_stays_as_it_is() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &[]).await;
    let id = create(&server, Some("Old")).await;
    upstream.answer_with([Behaviour::Held]);
    let described = tokio::spawn(describe(&server, &id, None));
    upstream.held.acquire().await.unwrap().forget();
    let patch = server.request(Method::PATCH, &format!("/v1/items/{id}")).json(&json!({ "description": "Theirs" }));
    assert_eq!(patch.send().await.unwrap().status(), 200);
    upstream.permits.add_permits(1);
    assert_eq!(described.await.unwrap().status(), 412);
    let item = read(&server, &id).await;
    assert_eq!((&item["description"], &item["version"]), (&json!("Theirs"), &json!(2)));
}

#[tokio::test]
async fn deleted_item_is_not_written() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &[]).await;
    let id = create(&server, None).await;
    upstream.answer_with([Behaviour::Held]);
    let described = tokio::spawn(describe(&server, &id, None));
    upstream.held.acquire().await.unwrap().forget();
    server.request(Method::DELETE, &format!("/v1/items/{id}")).send().await.unwrap();
    upstream.permits.add_permits(1);
    assert_eq!(described.await.unwrap().status(), 404);
    assert_eq!(read(&server, &id).await["status"], 404);
}

#[tokio::test]
async fn rejected_requests_cost_no_call() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &[]).await;
    let id = create(&server, None).await;
    assert_eq!(describe(&server, &id, Some("\"7\"")).await.status(), 412);
    assert_eq!(describe(&server, "019a7d3e-0c00-7000-8000-00000000ffff", None).await.status(), 404);
    assert_eq!(describe(&server, "1", None).await.status(), 400);
    assert_eq!(upstream.requests(), 0);
}

#[tokio::test]
async fn text_that_is_no_description_is_not_saved() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &[]).await;
    let id = create(&server, Some("Old")).await;
    upstream.answer_with([Behaviour::Text("x".repeat(2001)), Behaviour::Text("x".repeat(2000))]);
    assert_eq!(describe(&server, &id, None).await.status(), 502);
    assert_eq!(read(&server, &id).await["version"], 1);
    assert_eq!(describe(&server, &id, None).await.status(), 200);
}

#[tokio::test]
async fn lost_response_of_the_write_takes_effect_once() {
    let (behind, upstream) = (TestServer::start().await, Upstream::start().await);
    let proxy = Proxy::start(&behind.dynamodb_url).await;
    let server = TestServer::start_with(|options| {
        configure(options, &upstream, &[]);
        options.endpoint_url = Some(proxy.url.clone());
    });
    let server = server.await;
    let id = create(&server, None).await;
    proxy.fault("UpdateItem", &[Fault::LoseResponse]);
    let response = describe(&server, &id, None).await;
    assert_eq!(
        (response.status().as_u16(), response.json::<Value>().await.unwrap()["version"].clone()),
        (200, json!(2))
    );
    assert_eq!((upstream.requests(), proxy.denied()), (1, Vec::new()));
}
