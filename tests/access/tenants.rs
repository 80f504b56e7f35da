//! Tenants: records, lists and unique values of one tenant are out of reach for others.

use serde_json::json;
use uuid::Uuid;

use crate::{
    callers::Caller,
    gateway::Gateway,
    samples::{doc, with},
};

fn admin_of(tenant: &str) -> Caller {
    Caller::user(Uuid::new_v4()).with_roles("admin").of_tenant(tenant)
}

#[tokio::test]
async fn record_of_another_tenant_does_not_exist() {
    let gateway = Gateway::start().await;
    let (own, other) = (admin_of("a"), admin_of("b"));
    let path = format!("/v1/docs/{}", gateway.post(&own, "/v1/docs", with(doc("One"), "state", "open")).await.id());
    for (method, path, body) in [
        ("GET", path.clone(), None),
        ("PATCH", path.clone(), Some(json!({ "state": "closed" }))),
        ("PUT", path.clone(), Some(doc("Two"))),
        ("DELETE", path.clone(), None),
        ("GET", format!("{path}/history"), None),
    ] {
        assert_eq!(gateway.call(&other, method, &path, &[], body).await.status, 404, "{method}");
    }
    assert_eq!(gateway.get(&own, &path).await.body["version"], 1);
    for query in ["", "?state=open", "?title=One", "?order=asc"] {
        assert_eq!(gateway.list_all(&other, &format!("/v1/docs{query}")).await, [] as [String; 0]);
        assert_eq!(gateway.list_all(&own, &format!("/v1/docs{query}")).await.len(), 1);
    }
}

#[tokio::test]
async fn principal_without_a_tenant_may_do_nothing() {
    let gateway = Gateway::start().await;
    let path = format!("/v1/docs/{}", gateway.post(&admin_of("a"), "/v1/docs", doc("One")).await.id());
    for caller in [Caller::user(Uuid::new_v4()).with_roles("admin"), Caller::key("app"), admin_of("")] {
        for (method, path, body) in [
            ("GET", path.as_str(), None),
            ("GET", "/v1/docs", None),
            ("POST", "/v1/docs", Some(doc("Two"))),
            ("PATCH", path.as_str(), Some(json!({ "state": "open" }))),
            ("DELETE", path.as_str(), None),
        ] {
            assert_eq!(gateway.call(&caller, method, path, &[], body).await.status, 403, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn unique_values_are_per_tenant() {
    let gateway = Gateway::start().await;
    let (first, second) = (admin_of("a"), admin_of("b"));
    let created = gateway.post(&first, "/v1/docs", doc("One")).await;
    assert_eq!(gateway.post(&first, "/v1/docs", doc("One")).await.status, 409);
    assert_eq!(gateway.post(&second, "/v1/docs", doc("One")).await.status, 201);
    let path = format!("/v1/docs/{}", created.id());
    assert_eq!(gateway.patch(&first, &path, json!({ "title": "Two" })).await.status, 200);
    assert_eq!(gateway.post(&second, "/v1/docs", doc("One")).await.status, 409, "the value of the second is kept");
    assert_eq!(gateway.post(&first, "/v1/docs", doc("One")).await.status, 201);
    assert_eq!(gateway.delete(&first, &path).await.status, 204);
    assert_eq!(gateway.post(&first, "/v1/docs", doc("Two")).await.status, 201);
}

#[tokio::test]
async fn keys_of_similar_tenants_and_values_are_apart() {
    let gateway = Gateway::start().await;
    let cases = [("a", "b#c"), ("a#b", "c"), ("a#b#c", ""), ("1:a", "b"), ("a:1", "b")];
    let cases = cases.map(|(tenant, title)| (admin_of(tenant), format!("{title}x")));
    for (caller, title) in &cases {
        assert_eq!(gateway.post(caller, "/v1/docs", doc(title)).await.status, 201);
    }
    for (caller, own) in &cases {
        assert_eq!(gateway.list_all(caller, "/v1/docs").await.len(), 1);
        for (_, title) in &cases {
            let expected = usize::from(title == own);
            assert_eq!(gateway.list_all(caller, &format!("/v1/docs?title={title}")).await.len(), expected);
        }
    }
}

#[tokio::test]
async fn reference_to_a_record_of_another_tenant_is_missing() {
    let gateway = Gateway::start().await;
    let (own, other) = (admin_of("a"), admin_of("b"));
    let parent = gateway.post(&own, "/v1/docs", doc("One")).await.id();
    let child = |title: &str| with(doc(title), "parentId", parent.clone());
    assert_eq!(gateway.post(&own, "/v1/docs", child("Two")).await.status, 201);
    let refused = gateway.post(&other, "/v1/docs", child("Two")).await;
    assert_eq!((refused.status, &refused.body["errors"][0]["pointer"]), (409, &json!("/parentId")));
}

#[tokio::test]
async fn update_keeps_a_record_in_the_lists_of_its_tenant() {
    let gateway = Gateway::start().await;
    let caller = admin_of("a");
    let path = format!("/v1/docs/{}", gateway.post(&caller, "/v1/docs", doc("One")).await.id());
    gateway.patch(&caller, &path, json!({ "state": "open" })).await;
    gateway.patch(&caller, &path, json!({ "title": "Two" })).await;
    for (query, expected) in [("", 1), ("?state=open", 1), ("?state=closed", 0), ("?title=Two", 1), ("?title=One", 0)] {
        assert_eq!(gateway.list_all(&caller, &format!("/v1/docs{query}")).await.len(), expected, "{query}");
    }
}
