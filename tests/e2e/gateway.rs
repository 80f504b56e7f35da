//! The gateway: keys, limits, preflights, unknown paths and methods.

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::api::{Answer, Api, answer, lacks, variable};

/// A number above the burst of the basic tier in `dev`, including refills during the test.
const TOO_MANY: usize = 40;

#[tokio::test]
#[ignore = "needs a deployed API: make e2e"]
async fn missing_or_wrong_key_is_refused_for_every_method() {
    let api = Api::new();
    for (method, path) in [
        (Method::GET, "/v1/items"),
        (Method::POST, "/v1/users"),
        (Method::DELETE, "/v1/items/01890000-0000-7000-8000-000000000000"),
    ] {
        let keyless = || api.with_token(api.anonymous(method.clone(), path));
        answer(keyless()).await.assert_problem(StatusCode::FORBIDDEN);
        answer(keyless().header("x-api-key", "wrong")).await.assert_problem(StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
#[ignore = "needs a deployed API: make e2e"]
async fn exceeded_burst_returns_429_with_retry_after() {
    if lacks("throttling") {
        return;
    }
    let (api, key) = (Api::new(), variable("E2E_BASIC_KEY"));
    let request = || api.with_token(api.anonymous(Method::GET, "/v1/items")).header("x-api-key", &key);
    let requests = (0..TOO_MANY).map(|_| request().send());
    let mut refused = 0;
    for response in join_all(requests).await {
        let answer = Answer::of(response.expect("an answer")).await;
        if answer.status != StatusCode::OK {
            answer.assert_problem(StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(answer.header("retry-after"), "1");
            refused += 1;
        }
    }
    assert!(refused > 0, "none of {TOO_MANY} requests at once was refused");
    assert!(refused < TOO_MANY, "all of {TOO_MANY} requests were refused");
}

#[tokio::test]
#[ignore = "needs a deployed API: make e2e"]
async fn preflight_needs_no_key_and_lists_methods_and_headers() {
    let api = Api::new();
    for (path, methods) in
        [("/v1/items", ["GET", "POST"].as_slice()), ("/v1/users/1", &["DELETE", "GET", "PATCH", "PUT"])]
    {
        let request = api.anonymous(Method::OPTIONS, path).header("Origin", "https://app.example.com");
        let response = request.header("Access-Control-Request-Method", methods[0]).send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let header = |name: &str| response.headers()[name].to_str().expect("ASCII").to_owned();
        assert_eq!(header("access-control-allow-origin"), "*");
        for method in methods {
            assert!(header("access-control-allow-methods").contains(method));
        }
        for name in ["If-Match", "If-None-Match", "Idempotency-Key", "X-Api-Key", "Content-Type"] {
            assert!(header("access-control-allow-headers").contains(name));
        }
    }
}

#[tokio::test]
#[ignore = "needs a deployed API: make e2e"]
async fn pages_may_read_responses_of_function_and_gateway() {
    if lacks("gateway_responses") {
        return;
    }
    let api = Api::new();
    for (path, status) in [("/v1/items", StatusCode::OK), ("/v1/nothing", StatusCode::NOT_FOUND)] {
        let answer = answer(api.request(Method::GET, path).header("Origin", "https://app.example.com")).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        for name in ["ETag", "Link", "Location", "Retry-After"] {
            assert!(answer.header("access-control-expose-headers").contains(name));
        }
    }
}

#[tokio::test]
#[ignore = "needs a deployed API: make e2e"]
async fn unknown_path_returns_404_and_unknown_method_405() {
    if lacks("gateway_responses") {
        return;
    }
    let api = Api::new();
    api.get("/v1/nothing").await.assert_problem(StatusCode::NOT_FOUND);
    for (method, path, allowed) in [
        (Method::DELETE, "/v1/items", ["GET", "POST"].as_slice()),
        (Method::POST, "/v1/users/1", &["DELETE", "GET", "PATCH", "PUT"]),
    ] {
        let answer = api.send(method, path, &json!({})).await;
        answer.assert_problem(StatusCode::METHOD_NOT_ALLOWED);
        for method in allowed {
            assert!(answer.header("allow").contains(method));
        }
    }
}
