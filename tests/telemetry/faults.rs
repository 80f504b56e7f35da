//! The segments of faults, retries and failed conditions.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    daemon::{Daemon, calls},
    requests::{app, item, send, send_with, user},
    support::{
        TestServer,
        proxy::{Fault, Proxy},
    },
};

/// Returns the calls of one operation of DynamoDB.
fn of<'a>(document: &'a Value, operation: &str) -> Vec<&'a Value> {
    calls(document).iter().filter(|call| call["aws"]["operation"] == operation).collect()
}

async fn behind_proxy() -> (TestServer, Proxy, Daemon) {
    let server = TestServer::start().await;
    let proxy = Proxy::start(&server.dynamodb_url).await;
    (server, proxy, Daemon::start())
}

#[tokio::test]
async fn throttled_attempts_are_marked_and_counted() {
    let (_server, proxy, daemon) = behind_proxy().await;
    let app = app(&proxy.url);
    proxy.fault("PutItem", &[Fault::Throttle]);
    let (status, record) = send(&app, daemon.invocation(true), "items_create", None, item()).await;
    assert_eq!(status, 201);
    let document = daemon.document();
    let [call] = of(&document, "PutItem")[..] else { panic!("{document}") };
    assert_eq!((&call["throttle"], &call["error"], call.get("fault")), (&json!(true), &json!(true), None), "{call}");
    let dynamodb = &call["metadata"]["dynamodb"];
    assert_eq!((&dynamodb["attempts"], &dynamodb["throttles"]), (&json!(2), &json!(1)));
    assert_eq!((&dynamodb["condition"], &call["aws"]["retries"]), (&json!("met"), &json!(1)));
    assert_eq!(call["aws"]["table_name"], "local-items");
    assert!(document.get("throttle").is_none() && document.get("fault").is_none(), "the request succeeded");

    // The service itself repeats an update: each attempt is a call.
    proxy.fault("UpdateItem", &[Fault::Throttle]);
    let change = json!({ "name": "Lovelace" });
    assert_eq!(send(&app, daemon.invocation(true), "items_patch", Some(&record["id"]), change).await.0, 200);
    let document = daemon.document();
    let marks: Vec<_> = of(&document, "UpdateItem").iter().map(|call| call["throttle"] == true).collect();
    assert_eq!(marks, [true, false]);
}

#[tokio::test]
async fn failures_of_dynamodb_are_faults() {
    let (_server, proxy, daemon) = behind_proxy().await;
    proxy.fault("GetItem", &[Fault::Crash; 3]);
    let id = json!("019a7d3e-0c00-7000-8000-000000000001");
    assert_eq!(send(&app(&proxy.url), daemon.invocation(true), "items_get", Some(&id), Value::Null).await.0, 503);
    let document = daemon.document();
    assert_eq!(document["fault"], true);
    let [call] = of(&document, "GetItem")[..] else { panic!("{document}") };
    assert_eq!((&call["fault"], call.get("error")), (&json!(true), None), "{call}");
    assert_eq!(
        (&call["metadata"]["dynamodb"]["attempts"], &call["http"]["response"]["status"]),
        (&json!(3), &json!(500))
    );
}

#[tokio::test]
async fn a_failed_condition_is_no_error_of_the_call() {
    let (_server, proxy, daemon) = behind_proxy().await;
    let app = app(&proxy.url);
    let (_, record) = send(&app, daemon.invocation(false), "items_create", None, item()).await;
    let (headers, change) = (json!({ "If-Match": "\"9\"" }), json!({ "name": "Lovelace" }));
    let limit = Duration::from_secs(5);
    let stale =
        send_with(&app, daemon.invocation(true), "items_patch", Some(&record["id"]), change, headers, limit).await;
    assert_eq!(stale.0, 412);
    let document = daemon.document();
    assert_eq!((&document["error"], document.get("fault")), (&json!(true), None));
    let [call] = of(&document, "UpdateItem")[..] else { panic!("{document}") };
    assert_eq!(call["metadata"]["dynamodb"]["condition"], "failed");
    assert!(call.get("error").is_none() && call.get("fault").is_none(), "{call}");

    let (_, first) = send(&app, daemon.invocation(false), "users_create", None, user()).await;
    assert!(first["id"].is_string());
    assert_eq!(send(&app, daemon.invocation(true), "users_create", None, user()).await.0, 409);
    let document = daemon.document();
    let [call] = of(&document, "TransactWriteItems")[..] else { panic!("{document}") };
    assert_eq!(call["metadata"]["dynamodb"]["condition"], "failed");
    assert!(call.get("error").is_none() && call.get("fault").is_none(), "{call}");
}

#[tokio::test]
async fn a_call_in_progress_at_the_deadline_is_a_fault() {
    let (_server, proxy, daemon) = behind_proxy().await;
    proxy.fault("PutItem", &[Fault::HoldAndLoseResponse; 3]);
    let (app, limit) = (app(&proxy.url), Duration::from_millis(300));
    let timed_out = send_with(&app, daemon.invocation(true), "items_create", None, item(), json!({}), limit).await;
    assert_eq!(timed_out.0, 503);
    let document = daemon.document();
    assert_eq!(document["fault"], true);
    let puts = of(&document, "PutItem");
    assert!(!puts.is_empty() && puts.iter().all(|call| call["fault"] == true), "{document}");
}
