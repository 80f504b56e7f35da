//! The handlers accept the sample events of their functions.

use std::{collections::BTreeMap, fs, sync::Arc, time::Duration};

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use axum::{Json, Router};
use lambda_http::Body;
use serde_json::{Value, json};
use serverless_crud::{
    app::{App, Config, CursorSecret, client},
    operations::{ACTIONS, Collection, Operation},
    runtime, service,
};
use tokio::net::TcpListener;

use crate::{support::TestServer, top};

/// Starts an upstream API that gives each text the same answer.
async fn start_upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let router = Router::new().fallback(async || Json(json!({ "text": "New" })));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// Returns the app of a function, with the server's database.
fn app_of(server: &TestServer, upstream_url: &str) -> Arc<App> {
    let sdk = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("local"))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .endpoint_url(&server.dynamodb_url);
    let config = Config::read(|name| match name {
        "TABLE_PREFIX" => Some("local-".into()),
        "AWS_REGION" => Some("local".into()),
        "APPLICATION_ROLES" => Some("admin".into()),
        "LOG_LEVEL" => Some("ERROR".into()),
        "UPSTREAM_URL" => Some(upstream_url.to_owned()),
        "UPSTREAM_ALLOW_HTTP" => Some("true".into()),
        "UPSTREAM_ALLOWED_ADDRESSES" => Some("127.0.0.1/32".into()),
        _ => None,
    });
    let config = config.expect("the settings are complete");
    App::new(Config { cursor_secret: CursorSecret::Value("0".repeat(32)), ..config }, client(sdk))
}

async fn invoke(app: &Arc<App>, operation: &Operation, event: &str) -> ApiGatewayProxyResponse {
    let handler = operation.handler.clone();
    runtime::respond(app, &|app, request| handler(app, request), event, Duration::from_secs(5)).await
}

fn read(operation: &str) -> String {
    fs::read_to_string(top().join(format!("events/{operation}.json"))).expect(operation)
}

/// The ids of the created records, by collection.
type Made = BTreeMap<&'static str, Value>;

/// Returns the event of an operation, with the ids of existing records.
fn event(collection: &Collection, operation: &Operation, made: &Made) -> String {
    let mut event: Value = serde_json::from_str(&read(&operation.name)).expect("an event is JSON");
    if operation.has_id() {
        event["pathParameters"]["id"] = made[collection.name].clone();
    }
    if let Some(body) = event["body"].as_str() {
        let mut body: Value = serde_json::from_str(body).expect("a body is JSON");
        for reference in collection.references {
            if let Some(id) = body.get_mut(reference.field) {
                *id = made[reference.collection].clone();
            }
        }
        event["body"] = body.to_string().into();
    }
    event.to_string()
}

/// Creates a record, after the records that it refers to.
async fn make(app: &Arc<App>, collection: &Collection, made: &mut Made) {
    for target in service().resources() {
        let is_needed = collection.references.iter().any(|reference| reference.collection == target.name);
        if is_needed && !made.contains_key(target.name) {
            Box::pin(make(app, &target, made)).await;
        }
    }
    let all = service().operations();
    let create = all.iter().find(|operation| operation.method == "POST" && operation.path == collection.path());
    let create = create.expect("a resource can be created");
    let created = invoke(app, create, &event(collection, create, made)).await;
    assert_eq!(created.status_code, 201, "{}", create.name);
    let Some(Body::Text(body)) = created.body else { panic!("{} answers without a body", create.name) };
    let record: Value = serde_json::from_str(&body).expect("a record is JSON");
    made.insert(collection.name, record["id"].clone());
}

#[tokio::test]
async fn functions_accept_their_sample_events() {
    for collection in service().resources() {
        let server = TestServer::of(service(), |_| {}).await;
        let app = app_of(&server, &start_upstream().await);
        let mut made = Made::new();
        make(&app, &collection, &mut made).await;
        let (deletions, others): (Vec<_>, Vec<_>) = service()
            .operations()
            .into_iter()
            .filter(|operation| [collection.name, ACTIONS].contains(&operation.contract().tag))
            .partition(|operation| operation.method == "DELETE");
        for operation in others.iter().chain(&deletions) {
            if operation.path == collection.path() && operation.method == "POST" {
                continue;
            }
            let answer = invoke(&app, operation, &event(&collection, operation, &made)).await;
            let expected = operation.contract().responses[0].status;
            assert_eq!(answer.status_code, i64::from(expected), "{}", operation.name);
        }
        server.stop().await;
    }
}
