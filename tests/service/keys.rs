//! Values at the size limit of DynamoDB's keys, in a resource without its own length limits.

use std::{sync::Arc, time::Duration};

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use lambda_http::Body;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use serverless_crud::{
    app::App,
    handlers,
    record::{Filter, Normalization, Reference, Resource, Shards},
    runtime::respond,
    store::{create_missing_tables, resource_table},
};
use validator::Validate;

use crate::{runtime::app_at, samples::places, support::TestServer};

/// A note.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
struct Note {
    label: String,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<String>,
}

impl Resource for Note {
    const NAME: &'static str = "note";
    const COLLECTION: &'static str = "notes";
    const REFERENCES: &'static [Reference] = &[Reference { field: "about", collection: "users" }];
    const FILTERS: &'static [Filter] = &[
        Filter { field: "label", normalization: Normalization::Lowercase, shards: Shards::new(1) },
        Filter { field: "kind", normalization: Normalization::None, shards: Shards::new(16) },
    ];

    fn example() -> Self {
        Self { label: "label".into(), kind: "kind".into(), about: Some("somebody".into()) }
    }
}

async fn app(server: &TestServer) -> Arc<App> {
    let app = app_at(&server.dynamodb_url);
    create_missing_tables(&app.store, &[resource_table::<Note>()]).await.unwrap();
    app
}

fn event(method: &str, query: Value, body: &Value) -> String {
    json!({
        "resource": "/v1/notes", "path": "/v1/notes", "httpMethod": method, "headers": {}, "multiValueHeaders": {},
        "multiValueQueryStringParameters": query, "pathParameters": null, "requestContext": { "httpMethod": method, "identity": { "apiKeyId": "key-1" } },
        "body": body.to_string(), "isBase64Encoded": false,
    })
    .to_string()
}

const LIMIT: Duration = Duration::from_secs(10);

async fn create(app: &Arc<App>, change: Value) -> (i64, Vec<String>) {
    let mut body = json!({ "label": "a", "kind": "b" });
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    outcome(&respond(app, &handlers::create::<Note>, &event("POST", Value::Null, &body), LIMIT).await)
}

async fn list(app: &Arc<App>, query: Value) -> (i64, Vec<String>) {
    outcome(&respond(app, &handlers::list::<Note>, &event("GET", query, &Value::Null), LIMIT).await)
}

/// Returns the status and the locations of the violations.
fn outcome(response: &ApiGatewayProxyResponse) -> (i64, Vec<String>) {
    let Some(Body::Text(text)) = &response.body else { panic!("the answer has no JSON body") };
    (response.status_code, places(&serde_json::from_str(text).unwrap()))
}

#[tokio::test]
async fn value_too_long_for_an_index_key_returns_400_with_the_field() {
    let server = TestServer::start().await;
    let app = app(&server).await;
    // A sharded key ends with `#` and up to two digits. `İ` has two bytes, and three in lower case.
    for (field, fits, too_long) in [
        ("label", "x".repeat(2048), "x".repeat(2049)),
        ("label", "İ".repeat(682), "İ".repeat(683)),
        ("kind", "x".repeat(2045), "x".repeat(2046)),
    ] {
        assert_eq!(create(&app, json!({ field: fits })).await, (201, vec![]), "{field}");
        assert_eq!(list(&app, json!({ field: [fits] })).await, (200, vec![]), "{field}");
        assert_eq!(create(&app, json!({ field: too_long })).await, (400, vec![format!("/{field}")]));
        assert_eq!(list(&app, json!({ field: [too_long] })).await, (400, vec![field.to_owned()]));
    }
}

#[tokio::test]
async fn reference_too_long_for_a_key_returns_400_with_the_field() {
    let server = TestServer::start().await;
    let app = app(&server).await;
    for about in [String::new(), "x".repeat(2049)] {
        assert_eq!(create(&app, json!({ "about": about })).await, (400, vec!["/about".to_owned()]));
    }
    assert_eq!(create(&app, json!({ "about": "x".repeat(2048) })).await, (409, vec!["/about".to_owned()]));
}
