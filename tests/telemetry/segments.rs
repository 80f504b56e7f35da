//! The segments of requests.

use std::time::Duration;

use serde_json::{Value, json};
use serverless_crud::{
    http::Answer,
    runtime::respond,
    telemetry::{Call, Invocation, Outcome, Target},
};

use crate::{
    daemon::{Daemon, calls},
    requests::{PRIVATE, app, app_with, item, send, user},
    schemas::check_segment,
    support::{self, TestServer, service},
};

#[tokio::test]
async fn every_operation_on_records_sends_one_tree() {
    let (server, daemon) = (TestServer::start().await, Daemon::start());
    let app = app(&server.dynamodb_url);
    for (collection, body) in [("items", item()), ("users", user())] {
        let mut id = None;
        let mut operations = service().operations();
        let is_of = |name: &str| name.starts_with(&format!("{collection}_"));
        operations.retain(|operation| is_of(&operation.name) && !operation.contract().upstream);
        // The deletion comes last.
        operations.sort_by_key(|operation| operation.method == "DELETE");
        assert!(operations.len() >= 6, "{}", operations.len());
        for operation in operations {
            let body = match operation.method {
                "POST" if operation.has_id() => Value::Null,
                "POST" | "PUT" => body.clone(),
                "PATCH" => json!({ "name": "Lovelace" }),
                _ => Value::Null,
            };
            let path_id = id.as_ref().filter(|_| operation.has_id());
            let (status, record) = send(&app, daemon.invocation(true), &operation.name, path_id, body).await;
            assert!((200..300).contains(&status), "{} answers {status}: {record}", operation.name);
            if operation.method == "POST" && !operation.has_id() {
                id = Some(record["id"].clone());
            }
            check(&daemon.document(), &operation.name, status, collection);
        }
    }
}

fn check(document: &Value, operation: &str, status: i64, collection: &str) {
    assert_eq!(document["name"], operation);
    let annotations = json!({
        "operation": operation, "status": status, "principalKind": "application", "resource": collection,
    });
    assert_eq!(document["annotations"], annotations);
    assert_eq!(document["http"]["response"]["status"], status);
    assert!(!calls(document).is_empty(), "{document}");
    for call in calls(document) {
        assert_eq!((&call["name"], &call["namespace"]), (&json!("DynamoDB"), &json!("aws")), "{call}");
        assert!(call["aws"]["operation"].is_string() && call["http"]["response"]["status"] == 200, "{call}");
        assert_eq!(call["metadata"]["dynamodb"]["attempts"], 1, "{call}");
        assert!(call["metadata"]["dynamodb"]["capacityUnits"].as_object().is_some_and(|units| !units.is_empty()));
        assert!(call.get("fault").is_none() && call.get("error").is_none() && call.get("throttle").is_none(), "{call}");
    }
    for private in PRIVATE {
        assert!(!document.to_string().contains(private), "{private} is in {document}");
    }
}

#[tokio::test]
async fn requests_that_are_not_sampled_send_nothing() {
    let (server, daemon) = (TestServer::start().await, Daemon::start());
    let app = app(&server.dynamodb_url);
    for invocation in [daemon.invocation(false), Invocation::default()] {
        assert_eq!(send(&app, invocation, "items_create", None, item()).await.0, 201);
    }
    assert_eq!(daemon.documents(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_dead_or_slow_daemon_changes_nothing() {
    let server = TestServer::start().await;
    let app = app(&server.dynamodb_url);
    let dead = {
        let daemon = Daemon::start();
        daemon.invocation(true)
    };
    // It reads nothing: the buffer of its socket fills up.
    let slow = Daemon::start();
    for _ in 0..300 {
        for invocation in [dead.clone(), slow.invocation(true)] {
            assert_eq!(send(&app, invocation, "items_get", Some(&json!("none")), Value::Null).await.0, 400);
        }
    }
    let (status, record) = send(&app, slow.invocation(true), "items_create", None, item()).await;
    assert_eq!(status, 201, "{record}");
    assert_eq!(send(&app, dead, "items_get", Some(&record["id"]), Value::Null).await.0, 200);
}

#[tokio::test]
async fn a_segment_that_is_too_large_is_sent_in_parts() {
    let (app, daemon) = (app("http://127.0.0.1:1"), Daemon::start());
    let handler = |_, _| async {
        for _ in 0..60 {
            let units = (0..12).map(|table| (format!("{table}-{}", "t".repeat(90)), 1.0)).collect();
            let target = || ("TransactWriteItems", Target::DynamoDb { table: None, has_condition: true });
            Call::start(true, target).end(Outcome { attempts: 1, units, ..Outcome::default() });
        }
        Ok(Answer::default())
    };
    let event = json!({ "httpMethod": "GET", "multiValueHeaders": {} }).to_string();
    let response = daemon.invocation(true).run(respond(&app, &handler, &event, Duration::from_secs(5))).await;
    assert_eq!(response.status_code, 200);
    let documents = daemon.documents();
    assert_eq!(documents.len(), 61);
    documents.iter().for_each(check_segment);
    for part in &documents[1..] {
        assert_eq!((&part["parent_id"], &part["trace_id"]), (&documents[0]["id"], &documents[0]["trace_id"]));
    }
}

#[tokio::test]
async fn a_call_of_the_upstream_api_is_a_part() {
    let (server, daemon) = (TestServer::start().await, Daemon::start());
    // The port is closed.
    let variable = |name: &str| match name {
        "UPSTREAM_URL" => Some("http://127.0.0.1:1".to_owned()),
        "UPSTREAM_ALLOW_HTTP" => Some("true".into()),
        "UPSTREAM_ALLOWED_ADDRESSES" => Some("127.0.0.1/32".into()),
        _ => None,
    };
    let upstream = serverless_crud::config::UpstreamConfig::read(variable).unwrap();
    let config = serverless_crud::app::Config { upstream, ..support::config() };
    let app = app_with(&server.dynamodb_url, config);
    let (status, _) =
        send(&app, daemon.invocation(true), "paraphrase", None, json!({ "sourceText": "Lovelace" })).await;
    assert!(status >= 500, "{status}");
    let document = daemon.document();
    assert_eq!((&document["annotations"]["resource"], &document["fault"]), (&json!("paraphrase"), &json!(true)));
    assert!(document["cause"]["exceptions"][0]["message"].is_string());
    let upstream: Vec<_> = calls(&document).iter().filter(|call| call["name"] == "upstream").collect();
    assert!(!upstream.is_empty(), "{document}");
    assert!(upstream.iter().all(|call| call["namespace"] == "remote" && call["fault"] == true), "{document}");
    assert!(PRIVATE.iter().all(|private| !document.to_string().contains(private)), "{document}");
}

#[tokio::test]
async fn a_secret_is_a_part() {
    let daemon = Daemon::start();
    let sdk = aws_sdk_secretsmanager::config::Builder::new()
        .behavior_version(aws_sdk_secretsmanager::config::BehaviorVersion::latest())
        .region(aws_sdk_secretsmanager::config::Region::new("local"))
        .credentials_provider(aws_sdk_secretsmanager::config::Credentials::new("local", "local", None, None, "test"))
        .endpoint_url("http://127.0.0.1:1");
    let client = serverless_crud::app::secrets_client(serverless_crud::app::http_client(), sdk);
    let cursor_secret = serverless_crud::app::CursorSecret::Arn("arn:aws:secretsmanager:local:0:secret:cursors".into());
    let config = serverless_crud::app::Config { cursor_secret, ..support::config() };
    let app = serverless_crud::app::App::with_secrets(config, support::dynamodb("http://127.0.0.1:1"), Some(&client));
    let (status, _) = send(&app, daemon.invocation(true), "items_list", None, Value::Null).await;
    assert_eq!(status, 503);
    let document = daemon.document();
    let secrets: Vec<_> = calls(&document).iter().filter(|call| call["name"] == "SecretsManager").collect();
    assert!(!secrets.is_empty(), "{document}");
    assert!(secrets.iter().all(|call| call["aws"]["operation"] == "GetSecretValue" && call["fault"] == true));
}
