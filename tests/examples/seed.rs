//! The command that creates sample data.

use std::{net::TcpListener, num::NonZeroU32};

use serde_json::Value;
use tokio::process::Command;

use crate::{server, support::TestServer};

async fn seed(url: &str, options: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seed"));
    let output = command.args(["--url", url]).args(options).output().await.expect("the program is built");
    let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("it writes text");
    (output.status.code(), text)
}

async fn count(server: &TestServer, path: &str) -> usize {
    let (mut count, mut cursor) = (0, String::new());
    loop {
        // The premium key has its own rate limit.
        let request = server.anonymous("GET", &format!("{path}?limit=100{cursor}"));
        let answer = request.header("x-api-key", "local-premium-key-0123456789").send().await.expect("an answer");
        let page: Value = answer.json().await.expect("JSON");
        count += page["data"].as_array().expect("a list").len();
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return count,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seed_creates_the_requested_records_and_is_idempotent() {
    let server = server(|_| {}).await;
    let (code, text) = seed(&server.url, &["--users", "20", "--items", "120"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("20 users (20 new) and 120 items (120 new)"), "{text}");
    let (code, text) = seed(&server.url, &["--users", "20", "--items", "120"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("20 users (0 new) and 120 items (0 new)"), "{text}");
    assert_eq!((count(&server, "/v1/users").await, count(&server, "/v1/items").await), (20, 120));
}

#[tokio::test(flavor = "multi_thread")]
async fn seed_recreates_a_deleted_user() {
    let server = server(|_| {}).await;
    seed(&server.url, &["--users", "5", "--items", "10"]).await;
    let page: Value = server.request("GET", "/v1/users").send().await.expect("an answer").json().await.expect("JSON");
    let path = format!("/v1/users/{}", page["data"][0]["id"].as_str().expect("an id"));
    assert_eq!(server.request("DELETE", &path).send().await.expect("an answer").status(), 204);
    let (code, text) = seed(&server.url, &["--users", "5", "--items", "10"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("5 users (1 new)"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn seed_waits_when_it_is_throttled() {
    let limits = |rate, burst| (NonZeroU32::new(rate).expect("not zero"), NonZeroU32::new(burst).expect("not zero"));
    let server = server(|options| (options.rate, options.burst) = limits(20, 5)).await;
    let (code, text) = seed(&server.url, &["--users", "10", "--items", "10"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(count(&server, "/v1/items").await, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn seed_names_the_plan_when_its_quota_is_used_up() {
    let server = server(|options| options.quota = Some(30)).await;
    let (code, text) = seed(&server.url, &["--users", "20", "--items", "20"]).await;
    assert_eq!(code, Some(1), "{text}");
    let expected =
        "error: the monthly quota of the API key's usage plan is used up: give a key of a larger plan with --key";
    assert!(text.starts_with(expected), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_reported_in_one_line() {
    let server = server(|_| {}).await;
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port was free");
    let cases = [
        (format!("http://{closed}"), vec![], "error: no server responds at http://"),
        ("nonsense".into(), vec![], "error: nonsense is not an http URL"),
        (server.url.clone(), vec!["--key", "wrong"], "error: the server does not know the API key"),
        (server.url.clone(), vec!["--users", "0"], "error: items need owners: set --users to at least 1"),
    ];
    for (url, options, expected) in cases {
        let (code, text) = seed(&url, &options).await;
        assert_eq!(code, Some(1), "{text}");
        assert!(text.starts_with(expected), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}
