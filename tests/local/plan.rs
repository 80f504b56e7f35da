//! The usage plan: rate, burst and quota of each key.

use std::num::NonZeroU32;

use serde_json::Value;

use crate::{problem, support::TestServer};

fn number(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).expect("it is not zero")
}

async fn retry_after(answer: reqwest::Response) -> u64 {
    assert_eq!(answer.status(), 429);
    let seconds = answer.headers()["retry-after"].to_str().expect("ASCII").parse().expect("a number");
    problem(answer).await;
    seconds
}

#[tokio::test]
async fn requests_beyond_the_burst_are_429_until_the_rate_allows_more() {
    let server = TestServer::start_with(|options| (options.rate, options.burst) = (number(1), number(3))).await;
    let get = || async { server.request("GET", "/v1/items").send().await.expect("an answer") };
    for _ in 0..3 {
        assert_eq!(get().await.status(), 200);
    }
    let seconds = retry_after(get().await).await;
    assert!((1..=2).contains(&seconds), "{seconds}");
    tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
    assert_eq!(get().await.status(), 200);
}

#[tokio::test]
async fn each_key_has_its_own_rate_limit() {
    let server = TestServer::start_with(|options| (options.rate, options.burst) = (number(1), number(1))).await;
    assert_eq!(server.request("GET", "/v1/items").send().await.expect("an answer").status(), 200);
    retry_after(server.request("GET", "/v1/items").send().await.expect("an answer")).await;
    let premium = server.anonymous("GET", "/v1/items").header("x-api-key", "local-premium-key-0123456789");
    assert_eq!(premium.send().await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn used_up_quota_is_429_until_next_month() {
    let server = TestServer::start_with(|options| options.quota = Some(2)).await;
    for _ in 0..2 {
        assert_eq!(server.request("GET", "/v1/items").send().await.expect("an answer").status(), 200);
    }
    let seconds = retry_after(server.request("GET", "/v1/items").send().await.expect("an answer")).await;
    assert!(seconds <= 31 * 24 * 60 * 60, "{seconds}");
}

#[tokio::test]
async fn requests_without_a_key_are_not_counted() {
    let server = TestServer::start_with(|options| options.quota = Some(1)).await;
    for (method, path) in [("OPTIONS", "/v1/items"), ("GET", "/health"), ("GET", "/nowhere"), ("DELETE", "/v1/items")] {
        server.request(method, path).send().await.expect("an answer");
    }
    assert_eq!(server.request("GET", "/v1/items").send().await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn throttled_response_has_cors_headers() {
    let server = TestServer::start_with(|options| options.quota = Some(0)).await;
    let answer =
        server.request("GET", "/v1/items").header("origin", "https://page.example").send().await.expect("an answer");
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    let problem: Value = problem(answer).await;
    assert_eq!(problem["title"], "Too Many Requests");
}
