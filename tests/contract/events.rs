//! The sample events, each fed to the handler of its function.

use std::{collections::BTreeMap, fs, sync::Arc, time::Duration};

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use lambda_http::Body;
use serde_json::Value;
use serverless_crud::{
    app::{App, Config, CursorSecret, client},
    routes::{Collection, Route, Verb, resources},
    runtime,
};

use crate::{support::TestServer, top};

/// The app as a function has it, over the server's database.
fn app_of(server: &TestServer) -> Arc<App> {
    let sdk = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("local"))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .endpoint_url(&server.dynamodb_url);
    let config = Config::read(|name| match name {
        "TABLE_PREFIX" => Some("local-".into()),
        "AWS_REGION" => Some("local".into()),
        "LOG_LEVEL" => Some("ERROR".into()),
        _ => None,
    });
    let config = config.expect("the settings are complete");
    App::new(Config { cursor_secret: CursorSecret::Value("0".repeat(32)), ..config }, client(sdk))
}

async fn feed(app: &Arc<App>, route: &Route, event: &str) -> ApiGatewayProxyResponse {
    let handler = route.handler.clone();
    runtime::respond(app, &|app, request| handler(app, request), event, Duration::from_secs(5)).await
}

fn read(operation: &str) -> String {
    fs::read_to_string(top().join(format!("events/{operation}.json"))).expect(operation)
}

fn route(collection: &Collection, verb: Verb) -> &Route {
    collection.routes.iter().find(|route| route.verb == verb).expect("a collection has every verb")
}

/// The ids of the records that were made, by collection.
type Made = BTreeMap<&'static str, Value>;

/// The event of a route, about records that are there.
fn event(collection: &Collection, route: &Route, made: &Made) -> String {
    let mut event: Value = serde_json::from_str(&read(&route.operation)).expect("an event is JSON");
    if route.verb.has_id() {
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

/// Makes a record, after those it refers to.
async fn make(app: &Arc<App>, collection: &Collection, made: &mut Made) {
    for target in resources() {
        let is_needed = collection.references.iter().any(|reference| reference.collection == target.name);
        if is_needed && !made.contains_key(target.name) {
            Box::pin(make(app, &target, made)).await;
        }
    }
    let route = route(collection, Verb::Create);
    let created = feed(app, route, &event(collection, route, made)).await;
    assert_eq!(created.status_code, 201, "{}", route.operation);
    let Some(Body::Text(body)) = created.body else { panic!("{} answers without a body", route.operation) };
    let record: Value = serde_json::from_str(&body).expect("a record is JSON");
    made.insert(collection.name, record["id"].clone());
}

#[tokio::test]
async fn every_sample_event_is_carried_out_by_its_function() {
    for collection in resources() {
        let server = TestServer::start().await;
        let app = app_of(&server);
        let mut made = Made::new();
        make(&app, &collection, &mut made).await;
        for (verb, expected) in
            [(Verb::List, 200), (Verb::Get, 200), (Verb::Update, 200), (Verb::Patch, 200), (Verb::Delete, 204)]
        {
            let route = route(&collection, verb);
            let answer = feed(&app, route, &event(&collection, route, &made)).await;
            assert_eq!(answer.status_code, expected, "{}", route.operation);
        }
        server.stop().await;
    }
}
