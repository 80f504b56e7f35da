//! Routing, keys, CORS and the payload limit.

use crate::{item, problem, support::TestServer, user};

#[tokio::test]
async fn request_without_a_key_is_rejected() {
    let server = TestServer::start().await;
    let answer = server.anonymous("GET", "/v1/items").send().await.expect("an answer");
    assert_eq!(answer.status(), 403);
    problem(answer).await;
}

#[tokio::test]
async fn request_with_an_unknown_key_is_rejected() {
    let server = TestServer::start().await;
    for key in ["", "nonsense", "LOCAL-BASIC-KEY-0123456789"] {
        let answer = server.anonymous("GET", "/v1/items").header("x-api-key", key).send().await.expect("an answer");
        assert_eq!(answer.status(), 403, "{key}");
    }
}

#[tokio::test]
async fn premium_key_is_another_caller() {
    let server = TestServer::start().await;
    let post = |key: &str| {
        server.anonymous("POST", "/v1/items").header("x-api-key", key).header("idempotency-key", "1").json(&item())
    };
    let mut ids = Vec::new();
    for key in [server.key.as_str(), "local-premium-key-0123456789"] {
        let answer = post(key).send().await.expect("an answer");
        assert_eq!(answer.status(), 201);
        ids.push(answer.json::<serde_json::Value>().await.expect("JSON")["id"].clone());
    }
    assert_ne!(ids[0], ids[1], "an idempotency key is the caller's own");
}

#[tokio::test]
async fn root_redirects_to_the_documentation() {
    let server = TestServer::start().await;
    let answer = server.anonymous("GET", "/").send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.url().path()), (200, "/docs"));
}

#[tokio::test]
async fn unknown_path_is_404() {
    let server = TestServer::start().await;
    for path in ["/v1", "/v1/", "/v1/items/", "/v2/items", "/v1/things", "/v1/items/1/2", "//v1/items", "/V1/items"] {
        let answer = server.request("GET", path).send().await.expect("an answer");
        assert_eq!(answer.status(), 404, "{path}");
        problem(answer).await;
    }
}

#[tokio::test]
async fn unsupported_method_is_405_with_the_allowed_methods() {
    let server = TestServer::start().await;
    let cases = [
        ("DELETE", "/v1/items", "POST, GET, OPTIONS"),
        ("HEAD", "/v1/items", "POST, GET, OPTIONS"),
        ("BREW", "/v1/users", "POST, GET, OPTIONS"),
        ("POST", "/v1/users/1", "GET, PUT, PATCH, DELETE, OPTIONS"),
        ("POST", "/health", "GET"),
    ];
    for (method, path, allowed) in cases {
        let answer = server.request(method, path).send().await.expect("an answer");
        assert_eq!(answer.status(), 405, "{method} {path}");
        assert_eq!(answer.headers()["allow"], allowed, "{method} {path}");
    }
}

#[tokio::test]
async fn unknown_path_is_404_without_a_key() {
    let server = TestServer::start().await;
    assert_eq!(server.anonymous("GET", "/v1/nothing").send().await.expect("an answer").status(), 404);
    assert_eq!(server.anonymous("DELETE", "/v1/items").send().await.expect("an answer").status(), 405);
}

#[tokio::test]
async fn health_needs_no_key() {
    let server = TestServer::start().await;
    let answer = server.anonymous("GET", "/health").send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.expect("a text"), r#"{"dependencies":{"dynamodb":"ok"},"status":"ok"}"#);
}

#[tokio::test]
async fn preflight_needs_no_key_and_lists_methods_and_headers() {
    let server = TestServer::start().await;
    let preflight = server.anonymous("OPTIONS", "/v1/items/1").header("origin", "https://page.example");
    let answer = preflight.header("access-control-request-method", "PATCH").send().await.expect("an answer");
    assert_eq!(answer.status(), 204);
    let headers = answer.headers();
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert_eq!(headers["access-control-allow-methods"], "GET, PUT, PATCH, DELETE, OPTIONS");
    let allowed = headers["access-control-allow-headers"].to_str().expect("ASCII").to_lowercase();
    for name in ["content-type", "x-api-key", "if-match", "if-none-match", "idempotency-key"] {
        assert!(allowed.contains(name), "{name}");
    }
    assert!(headers.contains_key("access-control-max-age"));
}

#[tokio::test]
async fn unlisted_origin_gets_no_cors_headers() {
    let server = TestServer::start_with(|options| options.cors_origin = vec!["https://page.example".into()]).await;
    for (origin, allowed) in [("https://page.example", Some("https://page.example")), ("https://evil.example", None)] {
        for (method, path) in [("OPTIONS", "/v1/items"), ("GET", "/v1/items"), ("GET", "/nowhere")] {
            let answer = server.request(method, path).header("origin", origin).send().await.expect("an answer");
            let header = answer.headers().get("access-control-allow-origin");
            assert_eq!(header.map(|value| value.to_str().expect("ASCII")), allowed, "{method} {path} from {origin}");
        }
    }
}

#[tokio::test]
async fn gateway_responses_have_cors_headers() {
    let server = TestServer::start().await;
    let cases = [("GET", "/v1/items", 403), ("GET", "/nowhere", 404), ("DELETE", "/v1/items", 405)];
    for (method, path, status) in cases {
        let answer =
            server.anonymous(method, path).header("origin", "https://page.example").send().await.expect("an answer");
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["access-control-allow-origin"], "*", "{status}");
        assert!(answer.headers()["access-control-expose-headers"].to_str().expect("ASCII").contains("Retry-After"));
    }
}

#[tokio::test]
async fn body_over_10_mb_is_rejected_and_the_connection_stays_open() {
    let server = TestServer::start().await;
    for size in [10 * 1024 * 1024 + 1, 40 * 1024 * 1024] {
        let answer = server.request("POST", "/v1/items").body(vec![b'x'; size]).send().await.expect("an answer");
        assert_eq!(answer.status(), 413, "{size}");
        problem(answer).await;
    }
    let answer = server.request("GET", "/v1/items").send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn body_of_10_mb_reaches_the_function() {
    let server = TestServer::start().await;
    let body = vec![b' '; 10 * 1024 * 1024];
    let answer = server.request("POST", "/v1/items").header("content-type", "application/json").body(body).send();
    let problem = problem(answer.await.expect("an answer")).await;
    // The function has a lower limit, and another message.
    assert_eq!(problem["status"], 413);
    assert!(problem["detail"].as_str().expect("a text").contains("400 KB"), "{problem}");
}

#[tokio::test]
async fn body_that_is_not_utf_8_reaches_the_function() {
    let server = TestServer::start().await;
    let body = b"{\"name\":\"\xff\"}".to_vec();
    let answer = server.request("POST", "/v1/items").header("content-type", "application/json").body(body).send();
    let problem = problem(answer.await.expect("an answer")).await;
    assert_eq!(problem["status"], 400);
}

#[tokio::test]
async fn every_response_has_a_request_id() {
    let server = TestServer::start().await;
    for (method, path) in [("GET", "/v1/items"), ("OPTIONS", "/v1/items"), ("GET", "/health"), ("GET", "/nowhere")] {
        let answer = server.request(method, path).send().await.expect("an answer");
        assert!(answer.headers().contains_key("x-amzn-requestid"), "{method} {path}");
    }
}

#[tokio::test]
async fn parameter_names_are_decoded() {
    let server = TestServer::start().await;
    let posted =
        server.request("POST", "/v1/users").json(&user("plus+and@example.com")).send().await.expect("an answer");
    assert_eq!(posted.status(), 201);
    let answer = server.request("GET", "/v1/users?%65mail=plus%2Band%40example.com").send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let page: serde_json::Value = answer.json().await.expect("JSON");
    assert_eq!(page["data"][0]["email"], "plus+and@example.com");
}
