//! The runtime with events of API Gateway, and the settings from environment variables.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use base64::{Engine, engine::general_purpose::STANDARD};
use lambda_http::Body;
use serde_json::{Value, json};
use serverless_crud::{
    app::{App, Config, ConfigError},
    error::Error,
    handlers,
    http::{Answer, Request},
    runtime::respond,
};

use crate::{
    samples::item,
    support::{TestServer, config, dynamodb, fixtures::Item},
};

/// Creates the app of a function with the server's database.
fn app_of(server: &TestServer) -> Arc<App> {
    app_at(&server.dynamodb_url)
}

/// Creates the app of a function with the DynamoDB at this address.
pub fn app_at(dynamodb_url: &str) -> Arc<App> {
    App::new(config(), dynamodb(dynamodb_url))
}

const LIMIT: Duration = Duration::from_secs(5);

fn event(method: &str, id: Option<&str>, body: Value) -> Value {
    let (resource, path) = match id {
        Some(id) => ("/v1/items/{id}", format!("/v1/items/{id}")),
        None => ("/v1/items", "/v1/items".to_owned()),
    };
    json!({
        "resource": resource, "path": path, "httpMethod": method,
        "headers": { "Host": "api.example.com" }, "multiValueHeaders": { "Host": ["api.example.com"] },
        "queryStringParameters": null, "multiValueQueryStringParameters": null,
        "pathParameters": id.map(|id| json!({ "id": id })), "stageVariables": null,
        "requestContext": {
            "requestId": "request-1", "resourcePath": resource, "httpMethod": method, "stage": "prod",
            "path": format!("/prod{path}"), "identity": { "apiKeyId": "key-1" },
        },
        "body": body, "isBase64Encoded": false,
    })
}

async fn create(app: &Arc<App>, event: &Value) -> ApiGatewayProxyResponse {
    respond(app, &handlers::create::<Item>, &event.to_string(), LIMIT).await
}

fn body(response: &ApiGatewayProxyResponse) -> Value {
    match &response.body {
        Some(Body::Text(text)) => serde_json::from_str(text).unwrap(),
        other => panic!("the answer has no JSON body: {other:?}"),
    }
}

#[tokio::test]
async fn base64_encoded_body_is_decoded() {
    let server = TestServer::start().await;
    let mut event = event("POST", None, STANDARD.encode(item().to_string()).into());
    event["isBase64Encoded"] = true.into();
    let response = create(&app_of(&server), &event).await;
    assert_eq!(response.status_code, 201);
    assert_eq!(body(&response)["name"], "Cup");
}

#[tokio::test]
async fn missing_body_returns_400() {
    let server = TestServer::start().await;
    for missing in [Value::Null, "".into()] {
        let response = create(&app_of(&server), &event("POST", None, missing)).await;
        assert_eq!(response.status_code, 400);
        assert_eq!(body(&response)["errors"], json!([{ "pointer": "", "detail": "is missing" }]));
    }
}

#[tokio::test]
async fn location_contains_the_stage_of_the_request() {
    let server = TestServer::start().await;
    let response = create(&app_of(&server), &event("POST", None, item().to_string().into())).await;
    let id = body(&response)["id"].as_str().unwrap().to_owned();
    assert_eq!(response.multi_value_headers["location"], format!("/prod/v1/items/{id}"));
}

#[tokio::test]
async fn headers_are_case_insensitive_and_accept_non_ascii_values() {
    let server = TestServer::start().await;
    let created = body(&create(&app_of(&server), &event("POST", None, item().to_string().into())).await);
    for name in ["If-Match", "if-match", "IF-MATCH"] {
        let mut event = event("DELETE", created["id"].as_str(), Value::Null);
        event["headers"] = json!({ name: "\"9\"", "X-Name": "Zoë" });
        event["multiValueHeaders"] = json!({ name: ["\"9\""], "X-Name": ["Zoë"] });
        let response = respond(&app_of(&server), &handlers::delete::<Item>, &event.to_string(), LIMIT).await;
        assert_eq!(response.status_code, 412, "{name}");
    }
}

#[tokio::test]
async fn repeated_header_is_joined_to_a_list() {
    let server = TestServer::start().await;
    let created = body(&create(&app_of(&server), &event("POST", None, item().to_string().into())).await);
    let mut event = event("DELETE", created["id"].as_str(), Value::Null);
    event["headers"] = json!({ "If-Match": "\"9\"" });
    event["multiValueHeaders"] = json!({ "If-Match": ["\"1\"", "\"9\""] });
    let response = respond(&app_of(&server), &handlers::delete::<Item>, &event.to_string(), LIMIT).await;
    assert_eq!(response.status_code, 204);
}

#[tokio::test]
async fn event_without_multi_value_headers_is_parsed() {
    let server = TestServer::start().await;
    let created = body(&create(&app_of(&server), &event("POST", None, item().to_string().into())).await);
    let mut event = event("DELETE", created["id"].as_str(), Value::Null);
    event["headers"] = json!({ "If-Match": "\"9\"" });
    event["multiValueHeaders"] = Value::Null;
    let response = respond(&app_of(&server), &handlers::delete::<Item>, &event.to_string(), LIMIT).await;
    assert_eq!(response.status_code, 412);
}

#[tokio::test]
async fn only_allowed_origins_may_read_responses() {
    let server = TestServer::start().await;
    for (origin, allowed) in [("https://app.example.com", true), ("https://evil.example.com", false)] {
        let mut event = event("POST", None, item().to_string().into());
        event["multiValueHeaders"] = json!({ "Origin": [origin] });
        let headers = create(&app_of(&server), &event).await.multi_value_headers;
        assert_eq!(headers.get("access-control-allow-origin").is_some_and(|value| value == origin), allowed);
        assert_eq!(headers.contains_key("access-control-expose-headers"), allowed);
        assert_eq!(headers["vary"], "Origin");
    }
}

async fn panicking_handler(_: Arc<App>, _: Request) -> Result<Answer, Error> {
    panic!("a bug")
}

#[tokio::test]
async fn panic_returns_500_and_the_next_request_succeeds() {
    let server = TestServer::start().await;
    let response =
        respond(&app_of(&server), &panicking_handler, &event("GET", None, Value::Null).to_string(), LIMIT).await;
    assert_eq!(response.status_code, 500);
    let problem = body(&response);
    assert_eq!(problem["requestId"], "request-1");
    assert!(!problem.to_string().contains("bug"), "nothing internal is shown");
    let response = create(&app_of(&server), &event("POST", None, item().to_string().into())).await;
    assert_eq!(response.status_code, 201);
}

async fn hanging_handler(_: Arc<App>, _: Request) -> Result<Answer, Error> {
    std::future::pending().await
}

#[tokio::test]
async fn handler_timeout_returns_503() {
    let server = TestServer::start().await;
    let event = event("GET", None, Value::Null).to_string();
    let response = respond(&app_of(&server), &hanging_handler, &event, Duration::from_millis(50)).await;
    assert_eq!(response.status_code, 503);
    assert_eq!(response.multi_value_headers["retry-after"], "1");
}

#[tokio::test]
async fn malformed_event_returns_500() {
    let server = TestServer::start().await;
    for text in ["", "null", "{}", "[]", "{\"httpMethod\":5}"] {
        let response = respond(&app_of(&server), &handlers::create::<Item>, text, LIMIT).await;
        assert_eq!(response.status_code, 500, "{text}");
        assert_eq!(body(&response)["status"], 500);
    }
}

#[test]
fn invalid_configuration_names_the_variable() {
    let whole = [("TABLE_PREFIX", "dev-"), ("AWS_REGION", "eu-west-1")];
    let read = |variables: &[(&str, &str)]| {
        let variables: Mutex<Vec<(String, String)>> =
            Mutex::new(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect());
        Config::read(|name| {
            variables.lock().unwrap().iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        })
    };
    assert!(read(&whole).is_ok());
    for (name, _) in whole {
        let rest: Vec<_> = whole.into_iter().filter(|(known, _)| *known != name).collect();
        assert_eq!(read(&rest).err(), Some(ConfigError { name, problem: "is not set" }));
    }
    for (name, value) in [
        ("TABLE_PREFIX", "dev/"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "localhost:8000"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "localhost:8000"),
        ("LOG_LEVEL", "loud"),
        ("AWS_ENDPOINT_URL", "localhost"),
        ("CORS_ORIGINS", "https://app.example.com/"),
    ] {
        let mut variables: Vec<_> = whole.into_iter().filter(|(known, _)| *known != name).collect();
        variables.push((name, value));
        assert_eq!(read(&variables).err().map(|error| error.name), Some(name));
    }
}
