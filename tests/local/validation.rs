//! The validation of bodies against the models, before a function runs.

use serde_json::{Value, json};

use crate::{problem, support::TestServer};

async fn faults(server: &TestServer, method: &str, path: &str, body: &Value) -> Vec<(String, String)> {
    let answer = server.request(method, path).json(body).send().await.expect("an answer");
    assert_eq!(answer.status(), 400, "{body}");
    let problem = problem(answer).await;
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let errors = problem["errors"].as_array().expect("a list").iter();
    errors.map(|error| (text(&error["pointer"]), text(&error["detail"]))).collect()
}

fn pointers(faults: &[(String, String)]) -> Vec<&str> {
    let mut pointers: Vec<_> = faults.iter().map(|(pointer, _)| pointer.as_str()).collect();
    pointers.sort_unstable();
    pointers
}

#[tokio::test]
async fn every_violation_of_a_model_is_listed_with_its_pointer() {
    let server = TestServer::start().await;
    let tags = json!(["a", "a", "", "x".repeat(41)]);
    let body = json!({ "name": "", "priceCents": -1, "status": "lost", "tags": tags, "colour": 1, "a/b~c": 2 });
    let faults = faults(&server, "POST", "/v1/items", &body).await;
    let expected =
        ["/a~1b~0c", "/colour", "/currency", "/name", "/priceCents", "/status", "/tags", "/tags/2", "/tags/3"];
    assert_eq!(pointers(&faults), expected);
}

#[tokio::test]
async fn gateway_and_function_report_the_same_violations() {
    let (gateway, function) =
        (TestServer::start().await, TestServer::start_with(|options| options.no_validation = true).await);
    let bodies = [
        json!({}),
        json!([]),
        json!({ "name": "", "priceCents": -1, "currency": "EUR" }),
        json!({ "name": 1, "priceCents": "1", "currency": true }),
        json!({ "name": "x".repeat(121), "priceCents": 1, "currency": "XXQ", "description": "x".repeat(2001) }),
        json!({ "name": "x", "priceCents": 1, "currency": "EUR", "status": "lost", "colour": "red" }),
    ];
    for body in bodies {
        let mut found = faults(&gateway, "POST", "/v1/items", &body).await;
        let mut expected = faults(&function, "POST", "/v1/items", &body).await;
        found.sort();
        expected.sort();
        assert_eq!(pointers(&found), pointers(&expected), "of {body}");
        for ((pointer, found), (_, expected)) in found.iter().zip(&expected) {
            // serde reports the range of a 64-bit integer, which the model does not contain.
            assert!(expected.starts_with(found.as_str()), "{pointer}: {found} | {expected}, {body}");
        }
    }
}

#[tokio::test]
async fn wrong_type_is_the_only_violation_of_a_value() {
    let server = TestServer::start().await;
    let body = json!({ "name": "x", "priceCents": 1, "currency": 7, "tags": "x" });
    let faults = faults(&server, "POST", "/v1/items", &body).await;
    let expected = [("/currency", "must be a string"), ("/tags", "must be an array")];
    assert_eq!(faults, expected.map(|(pointer, detail)| (pointer.to_owned(), detail.to_owned())));
}

#[tokio::test]
async fn long_value_is_not_repeated() {
    let server = TestServer::start().await;
    let huge = "x".repeat(100_000);
    let body = json!({ "name": huge, "priceCents": huge, "currency": huge, "status": huge, huge.as_str(): huge });
    let answer = server.request("POST", "/v1/items").json(&body).send().await.expect("an answer");
    assert_eq!(answer.status(), 400);
    let text = answer.text().await.expect("a text");
    assert!(text.len() < 2_000, "{} bytes", text.len());
}

#[tokio::test]
async fn at_most_fifty_violations_are_listed() {
    let server = TestServer::start().await;
    let unknown: serde_json::Map<String, Value> = (0..1000).map(|number| (format!("f{number}"), json!(1))).collect();
    assert_eq!(faults(&server, "POST", "/v1/items", &unknown.into()).await.len(), 50);
    let body = json!({ "name": "x", "priceCents": 1, "currency": "EUR", "tags": vec![1; 1000] });
    assert_eq!(faults(&server, "POST", "/v1/items", &body).await.len(), 50);
}

#[tokio::test]
async fn patch_is_validated_against_its_own_model() {
    let server = TestServer::start().await;
    let path = "/v1/items/019a7d3e-0c00-7000-8000-000000000001";
    for media_type in ["application/json", "application/merge-patch+json; charset=utf-8"] {
        let request = server.request("PATCH", path).header("content-type", media_type);
        let answer = request.body(r#"{"name":null,"priceCents":-1,"colour":1}"#).send().await.expect("an answer");
        let problem = problem(answer).await;
        let errors = problem["errors"].as_array().expect("a list");
        let mut pointers: Vec<_> = errors.iter().map(|error| error["pointer"].as_str().expect("a text")).collect();
        pointers.sort_unstable();
        assert_eq!(pointers, ["/colour", "/name", "/priceCents"], "{media_type}");
    }
}

#[tokio::test]
async fn function_rejects_a_body_that_is_not_json() {
    let server = TestServer::start().await;
    for body in ["", "{", "nonsense", "{\"name\":1,\"name\":2}"] {
        let request = server.request("POST", "/v1/items").header("content-type", "application/json");
        assert_eq!(request.body(body).send().await.expect("an answer").status(), 400, "{body}");
    }
}

#[tokio::test]
async fn function_rejects_another_media_type() {
    let server = TestServer::start().await;
    let request = server.request("POST", "/v1/items").header("content-type", "text/plain").body("{}");
    assert_eq!(request.send().await.expect("an answer").status(), 415);
}
