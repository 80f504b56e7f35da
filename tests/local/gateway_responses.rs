//! The answers of the gateway itself, which are those that the contract gives API Gateway.

use std::num::NonZeroU32;

use reqwest::Response;
use serde_json::{Value, json};
use serverless_crud::{local::Options, openapi::document};

use crate::{
    problem,
    support::{TestServer, service},
};

/// The answer that the contract has for a response type, or for 405, which has none.
fn response_of(document: &Value, response_type: &str) -> Value {
    let responses = document["x-gateway-responses"].as_array().expect("there are responses");
    let is_of_type = |response: &&Value| match response_type {
        "" => response["types"] == json!([]),
        name => response["types"].as_array().expect("types are a list").contains(&name.into()),
    };
    responses.iter().find(is_of_type).expect(response_type).clone()
}

async fn assert_equals_contract(answer: Response, response_type: &str) {
    let expected = response_of(&document(&service()), response_type);
    for (name, value) in expected["headers"].as_object().expect("headers are an object") {
        let found = answer.headers()[name].to_str().expect("ASCII");
        // The local server knows the time that is left.
        assert!(name == "Retry-After" || found == value, "{response_type}: {name}: {found}");
    }
    assert_eq!(answer.headers().contains_key("retry-after"), expected["headers"].get("Retry-After").is_some());
    let problem = problem(answer).await;
    for name in ["status", "title", "detail"] {
        assert_eq!(problem[name], expected[name], "{response_type}");
    }
    assert_eq!(problem.get("errors").is_some(), expected["hasErrors"] == true, "{response_type}");
}

#[tokio::test]
async fn answers_to_requests_that_reach_no_function_are_those_of_the_contract() {
    let server = TestServer::start().await;
    let too_large = vec![b'x'; 10 * 1024 * 1024 + 1];
    let cases = [
        ("INVALID_API_KEY", server.anonymous("GET", "/v1/items")),
        ("MISSING_AUTHENTICATION_TOKEN", server.request("GET", "/v1/nothing")),
        ("", server.request("DELETE", "/v1/items")),
        ("REQUEST_TOO_LARGE", server.request("POST", "/v1/items").body(too_large)),
        ("BAD_REQUEST_BODY", server.request("POST", "/v1/items").json(&json!({ "name": 1 }))),
    ];
    for (response_type, request) in cases {
        assert_equals_contract(request.send().await.expect("an answer"), response_type).await;
    }
}

#[tokio::test]
async fn answers_of_the_usage_plan_and_for_a_slow_function_are_those_of_the_contract() {
    let one = NonZeroU32::MIN;
    let too_fast = |options: &mut Options| (options.rate, options.burst) = (one, one);
    assert_equals_contract(second_answer(too_fast).await, "THROTTLED").await;
    assert_equals_contract(second_answer(|options| options.quota = Some(1)).await, "QUOTA_EXCEEDED").await;
    assert_equals_contract(second_answer(|options| options.integration_timeout = 0.0).await, "INTEGRATION_TIMEOUT")
        .await;
}

/// The answer to the second of two requests.
async fn second_answer(change: impl FnOnce(&mut Options)) -> Response {
    let server = TestServer::start_with(change).await;
    server.request("GET", "/v1/items").send().await.expect("an answer");
    server.request("GET", "/v1/items").send().await.expect("an answer")
}

#[tokio::test]
async fn a_preflight_has_the_headers_of_the_contract() {
    let server = TestServer::start().await;
    let names = |value: &Value| {
        value.as_array().expect("a list").iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
    };
    let cors = &document(&service())["x-cors"];
    let origin = ("origin", "https://page.example");
    let answer = server.anonymous("OPTIONS", "/v1/items").header(origin.0, origin.1).send().await.expect("an answer");
    assert_eq!(answer.headers()["access-control-allow-headers"], names(&cors["allowedHeaders"]));
    assert_eq!(answer.headers()["access-control-expose-headers"], names(&cors["exposedHeaders"]));
    assert_eq!(answer.headers()["access-control-max-age"], cors["maxAgeSeconds"].to_string());
}
