//! Idempotency keys of an action: one call, one answer, whatever happens between them.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::{
    answer, configure,
    function::Function,
    paraphrase, start,
    support::{
        TestServer, dynamodb,
        proxy::{Fault, Proxy},
    },
    upstream::{Behaviour, Upstream},
};

const TABLE: &str = "local-answers";

#[tokio::test]
async fn repeat_gets_the_first_answer_without_a_call() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &[]).await;
    for _ in 0..3 {
        assert_eq!(answer(paraphrase(&server, "Old", Some("key-1")).await).await, (200, "answer 1".into()));
    }
    assert_eq!(answer(paraphrase(&server, "Old", Some("key-2")).await).await, (200, "answer 2".into()));
    assert_eq!(answer(paraphrase(&server, "Old", None).await).await, (200, "answer 3".into()));
}

#[tokio::test]
async fn another_body_under_the_same_key_is_refused() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &[]).await;
    paraphrase(&server, "Old", Some("key-1")).await;
    assert_eq!(paraphrase(&server, "Other", Some("key-1")).await.status(), 422);
    assert_eq!(upstream.requests(), 1);
    for key in ["", "a b", &"x".repeat(256)] {
        assert_eq!(paraphrase(&server, "Old", Some(key)).await.status(), 400, "{key}");
    }
}

#[tokio::test]
async fn callers_have_keys_of_their_own() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &[]).await;
    assert_eq!(answer(paraphrase(&server, "Old", Some("key-1")).await).await.1, "answer 1");
    let other = server.anonymous(Method::POST, "/v1/paraphrase").header("x-api-key", "local-premium-key-0123456789");
    let other = other.header("Idempotency-Key", "key-1").json(&json!({ "sourceText": "Other" })).send().await.unwrap();
    assert_eq!(answer(other).await, (200, "answer 2".into()));
}

#[tokio::test]
async fn repeats_during_the_first_request_are_told_to_wait() {
    let (server, upstream) = (TestServer::start().await, Upstream::start().await);
    let function = Function::new(&server.dynamodb_url, &upstream, &[]);
    upstream.answer_with([Behaviour::Held]);
    let first = {
        let function = function.clone();
        tokio::spawn(async move { function.paraphrase("Old", Some("key-1")).await })
    };
    upstream.held.acquire().await.unwrap().forget();
    let repeats = join_all((0..4).map(|_| function.paraphrase("Old", Some("key-1")))).await;
    assert!(repeats.iter().all(|(status, _)| *status == 409), "{repeats:?}");
    assert_eq!(function.paraphrase("Other", Some("key-1")).await.0, 422);
    upstream.permits.add_permits(1);
    assert_eq!(first.await.unwrap(), (200, json!({ "newText": "answer 1" })));
    assert_eq!(function.paraphrase("Old", Some("key-1")).await.1["newText"], "answer 1");
    assert_eq!(upstream.requests(), 1);
}

#[tokio::test]
async fn response_to_a_repeat_says_when_to_try_again() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &[]).await;
    upstream.answer_with([Behaviour::Held]);
    let request = server.request(Method::POST, "/v1/paraphrase").header("Idempotency-Key", "key-1");
    let first = tokio::spawn(request.json(&json!({ "sourceText": "Old" })).send());
    upstream.held.acquire().await.unwrap().forget();
    let response = paraphrase(&server, "Old", Some("key-1")).await;
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (409, &"1".parse().unwrap()));
    upstream.permits.add_permits(1);
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn concurrent_requests_with_one_key_cost_one_call() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &[]).await;
    let responses = join_all((0..12).map(|_| paraphrase(&server, "Old", Some("key-1")))).await;
    for response in responses {
        let (status, text) = answer(response).await;
        assert!((status, text.as_str()) == (200, Some("answer 1")) || status == 409, "{status} {text}");
    }
    assert_eq!(answer(paraphrase(&server, "Old", Some("key-1")).await).await, (200, "answer 1".into()));
    assert_eq!(upstream.requests(), 1);
}

#[tokio::test]
async fn failure_does_not_use_up_the_key() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &[]).await;
    upstream.answer_with([Behaviour::Raw("400 Bad Request", String::new())]);
    assert_eq!(paraphrase(&server, "Old", Some("key-1")).await.status(), 502);
    assert_eq!(answer(paraphrase(&server, "Old", Some("key-1")).await).await, (200, "answer 2".into()));
}

#[tokio::test]
async fn crash_between_claim_and_answer_holds_the_key_for_the_lease_alone() {
    let (server, upstream) = (TestServer::start().await, Upstream::start().await);
    let function = Function::new(&server.dynamodb_url, &upstream, &[]);
    upstream.answer_with([Behaviour::Held]);
    let crashed = function.clone().with_limit(Duration::from_secs(1));
    let crashed = tokio::spawn(async move { crashed.paraphrase("Old", Some("key-1")).await });
    upstream.held.acquire().await.unwrap().forget();
    crashed.abort();
    assert!(crashed.await.is_err());
    assert_eq!(function.paraphrase("Old", Some("key-1")).await.0, 409);
    let taken_over = async {
        loop {
            match function.paraphrase("Old", Some("key-1")).await {
                (409, _) => tokio::time::sleep(Duration::from_millis(100)).await,
                other => break other,
            }
        }
    };
    let taken_over = tokio::time::timeout(Duration::from_secs(60), taken_over).await.unwrap();
    assert_eq!(taken_over, (200, json!({ "newText": "answer 2" })));
    assert_eq!(function.paraphrase("Old", Some("key-1")).await.1["newText"], "answer 2");
}

/// The lease of a request can end before the request, if the clock of another function is ahead.
#[tokio::test]
async fn late_request_returns_the_answer_of_the_one_that_took_over() {
    let (server, upstream) = (TestServer::start().await, Upstream::start().await);
    let [late, other] = [(); 2].map(|()| Function::new(&server.dynamodb_url, &upstream, &[]));
    upstream.answer_with([Behaviour::Held]);
    let late = tokio::spawn(async move { late.paraphrase("Old", Some("key-1")).await });
    upstream.held.acquire().await.unwrap().forget();
    let client = dynamodb(&server.dynamodb_url);
    let mut row = client.scan().table_name(TABLE).send().await.unwrap().items()[0].clone();
    row.insert("leaseUntil".into(), AttributeValue::N("1".into()));
    client.put_item().table_name(TABLE).set_item(Some(row)).send().await.unwrap();
    assert_eq!(other.paraphrase("Old", Some("key-1")).await.1["newText"], "answer 2");
    upstream.permits.add_permits(1);
    assert_eq!(late.await.unwrap(), (200, json!({ "newText": "answer 2" })));
}

#[tokio::test]
async fn expired_key_is_free() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &[]).await;
    paraphrase(&server, "Old", Some("key-1")).await;
    let client = dynamodb(&server.dynamodb_url);
    let mut row = client.scan().table_name(TABLE).send().await.unwrap().items()[0].clone();
    row.insert("expiresAt".into(), AttributeValue::N("1".into()));
    client.put_item().table_name(TABLE).set_item(Some(row)).send().await.unwrap();
    assert_eq!(answer(paraphrase(&server, "Other", Some("key-1")).await).await, (200, "answer 2".into()));
}

#[tokio::test]
async fn lost_responses_of_writes_do_no_harm() {
    let (behind, upstream) = (TestServer::start().await, Upstream::start().await);
    let proxy = Proxy::start(&behind.dynamodb_url).await;
    let server = TestServer::start_with(|options| {
        configure(options, &upstream, &[]);
        options.endpoint_url = Some(proxy.url.clone());
    });
    let server = server.await;
    for (operation, key) in [("PutItem", "key-1"), ("UpdateItem", "key-2")] {
        for fault in [Fault::LoseResponse, Fault::Crash, Fault::Throttle, Fault::Conflict] {
            let (before, key) = (upstream.requests(), format!("{key}-{fault:?}"));
            proxy.fault(operation, &[fault]);
            let first = answer(paraphrase(&server, "Old", Some(&key)).await).await;
            assert_eq!(first.0, 200, "{fault:?} in {operation}");
            assert_eq!(answer(paraphrase(&server, "Old", Some(&key)).await).await, first);
            assert_eq!(upstream.requests() - before, 1, "{fault:?} in {operation}");
        }
    }
    assert_eq!(proxy.denied(), []);
}

#[tokio::test]
async fn answer_that_cannot_be_stored_is_not_given() {
    let (behind, upstream) = (TestServer::start().await, Upstream::start().await);
    let proxy = Proxy::start(&behind.dynamodb_url).await;
    let server = TestServer::start_with(|options| {
        configure(options, &upstream, &[]);
        options.endpoint_url = Some(proxy.url.clone());
    });
    let server = server.await;
    proxy.fault("UpdateItem", &[Fault::Crash; 30]);
    // A later repeat would get another answer.
    assert_eq!(paraphrase(&server, "Old", Some("key-1")).await.status(), 503);
    proxy.clear_faults();
    proxy.fault("PutItem", &[Fault::Crash; 30]);
    assert_eq!(paraphrase(&server, "Old", Some("key-2")).await.status(), 503);
    assert_eq!(upstream.requests(), 1, "a key that cannot be claimed costs no call");
}
