//! Orders, with nested objects and filters of every type.

use reqwest::Method;
use serde_json::{Value, json};
use serverless_crud::functions::Service;

use crate::{
    samples::{create, get, places, problem, send},
    support::{
        TestServer,
        fixtures::{Order, User},
    },
};

async fn server() -> TestServer {
    TestServer::of(Service::new().resource::<Order>().resource::<User>(), |_| {}).await
}

async fn user(server: &TestServer) -> Value {
    create(server, "users", &json!({ "name": "Ada", "email": "ada@example.com" })).await["id"].clone()
}

#[tokio::test]
async fn orders_are_found_by_filters_of_every_type() {
    let server = server().await;
    let user = user(&server).await;
    let line = json!({ "itemId": user, "quantity": 2 });
    let plain = create(&server, "orders", &json!({ "userId": user, "lines": [line] })).await;
    let body = json!({
        "userId": user, "lines": [line], "status": "paid", "weightGrams": 1250, "discount": 0.5, "gift": true,
        "dueAt": "2025-11-24T16:00:00Z", "note": "For Ada", "address": { "street": "Main Street 1" },
    });
    let order = create(&server, "orders", &body).await;
    assert_eq!(order["address"], body["address"]);
    let both = json!([order, plain]);
    for (query, expected) in [
        (format!("userId={}", user.as_str().unwrap()), &both),
        ("status=paid".into(), &json!([order])),
        ("weightGrams=1250".into(), &json!([order])),
        ("discount=0.5".into(), &json!([order])),
        ("gift=true".into(), &json!([order])),
        ("gift=false".into(), &json!([plain])),
        ("dueAt=2025-11-24T16:00:00Z".into(), &json!([order])),
        ("note=for%20ada".into(), &json!([order])),
        ("weightGrams=1".into(), &json!([])),
    ] {
        let page: Value = get(&server, &format!("/v1/orders?{query}")).await.json().await.unwrap();
        assert_eq!(page, json!({ "data": expected, "nextCursor": null }), "{query}");
    }
    let problem = problem(get(&server, "/v1/orders?weightGrams=null").await, 400).await;
    assert_eq!(problem["errors"], json!([{ "parameter": "weightGrams", "detail": "must be an integer" }]));
}

#[tokio::test]
async fn violations_in_nested_objects_are_reported_with_their_place() {
    let server = server().await;
    let user = user(&server).await;
    let line = json!({ "itemId": user, "quantity": 1 });
    let mut unknown = line.clone();
    unknown["colour"] = "red".into();
    for (user, line, status, place) in [
        (&user, unknown, 400, "/lines/0/colour"),
        (&user, json!({ "itemId": 1, "quantity": 0 }), 400, "/lines/0/itemId"),
        (&json!("019a7d3e-0c00-7000-8000-00000000ffff"), line, 409, "/userId"),
    ] {
        let body = json!({ "userId": user, "lines": [line] });
        let problem = problem(send(&server, Method::POST, "/v1/orders", &body).await, status).await;
        assert_eq!(places(&problem)[0], place, "{problem}");
    }
}
