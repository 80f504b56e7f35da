//! The permissions of functions that call the upstream API: they use exactly their grants, and only they read its secret.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    configure, paraphrase,
    support::{
        TestServer,
        proxy::{Action, Fault, Grants, Proxy},
        service,
    },
    upstream::{Behaviour, Upstream},
};

fn used(proxy: &Proxy, function: &str) -> BTreeSet<Action> {
    let calls = proxy.calls.lock().unwrap();
    let own = calls.iter().filter(|call| call.function.as_deref() == Some(function));
    own.flat_map(|call| Action::required_by(&call.operation, &call.body)).collect()
}

#[tokio::test]
async fn functions_use_exactly_their_granted_actions() {
    let (behind, upstream) = (TestServer::start().await, Upstream::start().await);
    let proxy = Proxy::start(&behind.dynamodb_url).await;
    let server = TestServer::start_with(|options| {
        configure(options, &upstream, &[("UPSTREAM_CACHE_SECONDS", "60")]);
        options.endpoint_url = Some(proxy.url.clone());
    });
    let server = server.await;
    let item = json!({ "name": "Cup", "priceCents": 1, "currency": "EUR" });
    let item =
        server.request(Method::POST, "/v1/items").json(&item).send().await.unwrap().json::<Value>().await.unwrap();
    let describe = format!("/v1/items/{}/describe", item["id"].as_str().unwrap());
    upstream.answer_with([Behaviour::Raw("400 Bad Request", String::new())]);
    assert_eq!(paraphrase(&server, "Old", Some("key-1")).await.status(), 502);
    assert_eq!(paraphrase(&server, "Old", Some("key-1")).await.status(), 200);
    for fault in [Fault::None, Fault::Throttle, Fault::Crash, Fault::LoseResponse, Fault::Conflict] {
        for operation in ["GetItem", "PutItem", "UpdateItem", "DeleteItem"] {
            proxy.fault(operation, &[fault]);
            let key = format!("{operation}-{fault:?}");
            assert_eq!(paraphrase(&server, &key, Some(&key)).await.status(), 200, "{key}");
            assert_eq!(server.request(Method::POST, &describe).send().await.unwrap().status(), 200, "{key}");
            proxy.clear_faults();
        }
    }
    for function in ["paraphrase", "items_describe"] {
        assert_eq!(used(&proxy, function), Grants::declared().of(function), "{function}");
    }
    assert_eq!(proxy.denied(), []);
}

#[test]
fn functions_without_the_upstream_api_have_neither_its_secret_nor_its_settings() {
    for operation in service().operations() {
        let (contract, calls) =
            (operation.contract(), ["paraphrase", "items_describe"].contains(&operation.name.as_str()));
        assert_eq!(contract.secrets.contains(&"upstream"), calls, "{}", operation.name);
        assert_eq!(contract.environment.contains(&"UPSTREAM_URL"), calls, "{}", operation.name);
        let reads_answers = contract.grants.iter().any(|grant| grant.table == "answers");
        assert_eq!(reads_answers, calls, "{}", operation.name);
        let writes_bookkeeping = contract.grants.iter().any(|grant| grant.table == "bookkeeping");
        assert!(!calls || !writes_bookkeeping, "{}", operation.name);
    }
}
