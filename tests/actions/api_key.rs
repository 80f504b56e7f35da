//! The API key in Secrets Manager: fetched at the start, and again when the API refuses it.

use futures_util::future::join_all;
use serverless_crud::config::ApiKey;

use crate::{
    function::Function,
    secrets::{Fault, Secrets},
    support::TestServer,
    upstream::{KEY, Upstream},
};

async fn start() -> (TestServer, Upstream, Secrets) {
    let secrets = Secrets::start().await;
    secrets.put(KEY);
    (TestServer::start().await, Upstream::start().await, secrets)
}

#[tokio::test]
async fn key_is_fetched_once() {
    let (server, upstream, secrets) = start().await;
    let function = Function::with_secret(&server.dynamodb_url, &upstream, &secrets);
    for _ in 0..3 {
        assert_eq!(function.paraphrase("Old", None).await.0, 200);
    }
    assert_eq!(secrets.fetches(), 1);
}

#[tokio::test]
async fn refused_key_is_fetched_again_and_the_request_repeated() {
    let (server, upstream, secrets) = start().await;
    let function = Function::with_secret(&server.dynamodb_url, &upstream, &secrets);
    assert_eq!(function.paraphrase("Old", None).await.0, 200);
    secrets.put("sk-the-next-key");
    upstream.set_key("sk-the-next-key");
    let texts: Vec<_> = (0..5).map(|number| format!("Old {number}")).collect();
    let answers = join_all(texts.iter().map(|text| function.paraphrase(text, None))).await;
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    assert_eq!(secrets.fetches(), 2, "concurrent requests share a fetch");
}

#[tokio::test]
async fn key_that_stays_refused_is_not_fetched_for_each_request() {
    let (server, upstream, secrets) = start().await;
    let function = Function::with_secret(&server.dynamodb_url, &upstream, &secrets);
    upstream.set_key("sk-a-key-that-nobody-has");
    for _ in 0..6 {
        let (status, problem) = function.paraphrase("Old", None).await;
        assert!([502, 503].contains(&status), "{problem}");
    }
    // The first one, and at most two on demand within the window.
    assert!((2..=3).contains(&secrets.fetches()), "{}", secrets.fetches());
}

#[tokio::test]
async fn missing_key_gives_503_without_a_call() {
    let (server, upstream, secrets) = start().await;
    secrets.fault(Some(Fault::Denied));
    let function = Function::with_secret(&server.dynamodb_url, &upstream, &secrets);
    assert_eq!(function.paraphrase("Old", None).await.0, 503);
    secrets.fault(None);
    secrets.put("no\nheader");
    assert_eq!(function.paraphrase("Old", None).await.0, 503);
    assert_eq!(upstream.requests(), 0);
    secrets.put(KEY);
    assert_eq!(function.paraphrase("Old", None).await.0, 200);
}

#[tokio::test]
async fn start_fetches_the_key_and_opens_a_connection() {
    let (server, upstream, secrets) = start().await;
    let function = Function::with_secret(&server.dynamodb_url, &upstream, &secrets);
    function.app.prime().await;
    assert_eq!((upstream.connections(), upstream.requests()), (1, 0));
    assert_eq!(function.paraphrase("Old", None).await.0, 200);
    assert_eq!((upstream.connections(), upstream.requests(), secrets.fetches()), (1, 1, 1));
}

#[test]
fn debug_forms_do_not_contain_the_key() {
    let key = ApiKey::new(&KEY.to_owned().into()).unwrap();
    for text in [format!("{key:?}"), format!("{:?}", key.header(Some("Bearer")))] {
        assert!(!text.contains(KEY), "{text}");
    }
}
