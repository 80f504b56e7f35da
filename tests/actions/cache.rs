//! Cached answers, and concurrent equal requests.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

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

const CACHED: [(&str, &str); 1] = [("UPSTREAM_CACHE_SECONDS", "3600")];
const TABLE: &str = "local-answers";

#[tokio::test]
async fn equal_texts_cost_one_call_while_the_answer_is_cached() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &CACHED).await;
    for _ in 0..3 {
        assert_eq!(answer(paraphrase(&server, "Old", None).await).await, (200, "answer 1".into()));
    }
    assert_eq!(answer(paraphrase(&server, "Old ", None).await).await, (200, "answer 2".into()));
}

#[tokio::test]
async fn nothing_is_cached_by_default() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &[]).await;
    for number in 1..=2 {
        assert_eq!(answer(paraphrase(&server, "Old", None).await).await, (200, format!("answer {number}").into()));
    }
    let rows = dynamodb(&server.dynamodb_url).scan().table_name(TABLE).send().await.unwrap();
    assert_eq!(rows.count(), 0);
}

#[tokio::test]
async fn callers_do_not_share_answers() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &CACHED).await;
    assert_eq!(answer(paraphrase(&server, "Old", None).await).await.1, "answer 1");
    let other = server.anonymous(Method::POST, "/v1/paraphrase").header("x-api-key", "local-premium-key-0123456789");
    let other = other.json(&json!({ "sourceText": "Old" })).send().await.unwrap();
    assert_eq!(answer(other).await, (200, "answer 2".into()));
}

#[tokio::test]
async fn another_mapping_does_not_use_cached_answers() {
    let (server, upstream) = (TestServer::start().await, Upstream::start().await);
    let first = Function::new(&server.dynamodb_url, &upstream, &CACHED);
    assert_eq!(first.paraphrase("Old", None).await.1["newText"], "answer 1");
    let request = ("UPSTREAM_REQUEST", r#"{"text":"{{text}}","style":"formal"}"#);
    let second = Function::new(&server.dynamodb_url, &upstream, &[CACHED[0], request]);
    assert_eq!(second.paraphrase("Old", None).await.1["newText"], "answer 2");
    let same = Function::new(&server.dynamodb_url, &upstream, &CACHED);
    assert_eq!(same.paraphrase("Old", None).await.1["newText"], "answer 1");
}

#[tokio::test]
async fn expired_answer_is_not_used() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &CACHED).await;
    assert_eq!(answer(paraphrase(&server, "Old", None).await).await.1, "answer 1");
    // The embedded DynamoDB has not deleted it, nor has AWS for up to some days.
    let client = dynamodb(&server.dynamodb_url);
    let rows = client.scan().table_name(TABLE).send().await.unwrap();
    let mut row = rows.items()[0].clone();
    assert!(!format!("{row:?}").contains("Old"), "the text is stored as a digest alone");
    row.insert("expiresAt".into(), AttributeValue::N("1".into()));
    client.put_item().table_name(TABLE).set_item(Some(row)).send().await.unwrap();
    assert_eq!(answer(paraphrase(&server, "Old", None).await).await.1, "answer 2");
}

#[tokio::test]
async fn failures_are_not_cached() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &CACHED).await;
    upstream.answer_with([Behaviour::Raw("400 Bad Request", String::new())]);
    assert_eq!(paraphrase(&server, "Old", None).await.status(), 502);
    assert_eq!(answer(paraphrase(&server, "Old", None).await).await, (200, "answer 2".into()));
}

#[tokio::test]
async fn request_succeeds_without_the_cache() {
    let (behind, upstream) = (TestServer::start().await, Upstream::start().await);
    let proxy = Proxy::start(&behind.dynamodb_url).await;
    let server = TestServer::start_with(|options| {
        configure(options, &upstream, &CACHED);
        options.endpoint_url = Some(proxy.url.clone());
    });
    let server = server.await;
    for (operation, number) in [("GetItem", 1), ("PutItem", 2)] {
        proxy.fault(operation, &[Fault::Crash; 3]);
        let text = format!("Old {number}");
        assert_eq!(answer(paraphrase(&server, &text, None).await).await, (200, format!("answer {number}").into()));
        proxy.clear_faults();
    }
}

#[tokio::test]
async fn concurrent_equal_requests_share_a_call() {
    let (server, upstream) = (TestServer::start().await, Upstream::start().await);
    let function = Function::new(&server.dynamodb_url, &upstream, &[]);
    // All of them start before the first can have an answer, since they run in one task.
    let answers = join_all((0..8).map(|_| function.paraphrase("Old", None))).await;
    assert!(answers.iter().all(|(status, body)| *status == 200 && body["newText"] == "answer 1"), "{answers:?}");
    assert_eq!(upstream.requests(), 1);
    assert_eq!(function.paraphrase("Old", None).await.1["newText"], "answer 2", "it is no longer concurrent");
}

#[tokio::test]
async fn concurrent_equal_requests_share_a_failure() {
    let (server, upstream) = (TestServer::start().await, Upstream::start().await);
    let function = Function::new(&server.dynamodb_url, &upstream, &[]);
    upstream.answer_with([Behaviour::Raw("400 Bad Request", String::new())]);
    let answers: Vec<(i64, Value)> = join_all((0..8).map(|_| function.paraphrase("Old", None))).await;
    assert!(answers.iter().all(|(status, _)| *status == 502), "{answers:?}");
    assert_eq!(upstream.requests(), 1);
}
