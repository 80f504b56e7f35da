//! Requests to functions, in this process.

use std::{sync::Arc, time::Duration};

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use lambda_http::Body;
use serde_json::{Value, json};
use serverless_crud::{
    app::{App, Config},
    operations::Operation,
    runtime,
    telemetry::Invocation,
};

use crate::support::{self, dynamodb, service};

const LIMIT: Duration = Duration::from_secs(5);
/// Values in the bodies and headers of the requests, which must not appear in telemetry.
pub const PRIVATE: [&str; 5] = ["Lovelace", "ada@secret.example", "+442071838750", "idempotency-7", "Bearer abc"];

/// Returns the app of a function with the DynamoDB at this address.
pub fn app(dynamodb_url: &str) -> Arc<App> {
    app_with(dynamodb_url, support::config())
}

pub fn app_with(dynamodb_url: &str, config: Config) -> Arc<App> {
    App::new(config, dynamodb(dynamodb_url))
}

pub fn operation(name: &str) -> Operation {
    service().operations().into_iter().find(|operation| operation.name == name).unwrap()
}

pub fn user() -> Value {
    json!({ "name": "Ada Lovelace", "email": "ada@secret.example", "phone": "+442071838750" })
}

pub fn item() -> Value {
    json!({ "name": "Lovelace cup", "priceCents": 1250, "currency": "EUR" })
}

/// Sends a request to an operation, and returns the status and the body of the response.
pub async fn send(app: &Arc<App>, invocation: Invocation, name: &str, id: Option<&Value>, body: Value) -> (i64, Value) {
    send_with(app, invocation, name, id, body, json!({}), LIMIT).await
}

pub async fn send_with(
    app: &Arc<App>,
    invocation: Invocation,
    name: &str,
    id: Option<&Value>,
    body: Value,
    headers: Value,
    limit: Duration,
) -> (i64, Value) {
    let operation = operation(name);
    let mut lists = json!({ "Authorization": ["Bearer abc"] });
    for (name, value) in headers.as_object().unwrap() {
        lists[name] = json!([value]);
    }
    let event = json!({
        "httpMethod": operation.method,
        "multiValueHeaders": lists,
        "multiValueQueryStringParameters": if name == "users_list" { json!({ "email": ["ada@secret.example"] }) } else { json!({}) },
        "pathParameters": id.map(|id| json!({ "id": id })),
        "requestContext": {
            "requestId": "request-1", "resourcePath": operation.path, "path": operation.path,
            "identity": { "apiKeyId": "key-1" },
        },
        "body": if body.is_null() { body } else { body.to_string().into() },
    });
    let (event, handler) = (event.to_string(), operation.handler.clone());
    let call = |app, request| handler(app, request);
    let response = invocation.run(runtime::respond(app, &call, &event, limit)).await;
    (response.status_code, body_of(&response))
}

fn body_of(response: &ApiGatewayProxyResponse) -> Value {
    match &response.body {
        Some(Body::Text(text)) => serde_json::from_str(text).unwrap(),
        _ => Value::Null,
    }
}
