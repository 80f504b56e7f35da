//! The Lambda job, and the migrations at the start of the local server.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use serverless_crud::{
    app::{App, Config},
    local::embedded_client,
    migrate,
};

use crate::{
    raw::{assert_migrated, bookkeeping, fixtures, id, migrations, old_item, put, rows, server_with},
    support::{self, TestServer, in_memory},
};

fn app(url: &str) -> Arc<App> {
    let config = Config::read(|name| match name {
        "TABLE_PREFIX" => Some("local-".into()),
        "AWS_REGION" => Some("us-east-1".into()),
        _ => None,
    });
    App::new(config.unwrap(), embedded_client(url))
}

/// Runs the job with the test migrations.
async fn job(app: &Arc<App>, event: Value, remaining: Duration) -> Value {
    migrate::run_job(|| Ok(migrations()), Arc::clone(app), event, remaining).await.unwrap()
}

/// Creates an item that the third migration refuses.
fn invalid_item(number: usize) -> Value {
    let mut row = old_item(number);
    row["tags"] = json!({ "S": "x".repeat(50) });
    row
}

#[tokio::test]
async fn job_reports_completion_and_resumes() {
    let server = server_with(300).await;
    let url = &server.dynamodb_url;
    let app = app(url);
    let (mut calls, mut answer) = (0, Value::Null);
    loop {
        calls += 1;
        assert!(calls < 100, "{answer}");
        // The state machine passes the last response to the next call.
        let event = json!({ "maxWcu": 400, "answer": answer });
        answer = job(&app, event, Duration::from_millis(900)).await;
        assert!(answer.get("failed").is_none(), "{answer}");
        if answer["done"] == true {
            break;
        }
    }
    assert!(calls > 1, "its time did not suffice");
    rows(url).await.values().for_each(|row| assert_migrated(row, 3));
    let answer = job(&app, json!({ "to": 9 }), Duration::from_secs(9)).await;
    assert!(answer["failed"].as_str().unwrap().contains("no migration 0009"));
}

#[tokio::test]
async fn invalid_event_is_refused_before_the_lock_is_taken() {
    let server = server_with(5).await;
    let url = &server.dynamodb_url;
    let before = (rows(url).await, bookkeeping(url, "migration-lock").await);
    for (event, expected) in [
        (json!({ "to": "x" }), "cannot be parsed"),
        (json!({ "max_wcu": 5 }), "unknown field `max_wcu`"),
        (json!({ "maxWCU": 5 }), "unknown field `maxWCU`"),
        (json!({ "again": 1 }), "unknown field `again`"),
        (json!({ "maxWcu": 0 }), "`maxWcu` must be from 0.1 to 1000000"),
        (json!({ "maxRcu": -1 }), "`maxRcu` must be from 0.1"),
        (json!({ "segments": 0 }), "`segments` must be from 1 to 256"),
        (json!({ "segments": 257 }), "`segments` must be from 1 to 256"),
        (json!({ "to": 9 }), "no migration 0009"),
    ] {
        let answer = job(&app(url), event.clone(), Duration::from_secs(9)).await;
        assert!(answer["failed"].as_str().unwrap().contains(expected), "{event}: {answer}");
    }
    assert_eq!((rows(url).await, bookkeeping(url, "migration-lock").await), before);
}

#[tokio::test]
async fn job_reports_the_first_refused_records() {
    let server = server_with(6).await;
    let url = &server.dynamodb_url;
    put(url, &(1..6).map(invalid_item).collect::<Vec<_>>()).await;
    let answer = job(&app(url), json!({}), Duration::from_secs(60)).await;
    let failed = answer["failed"].as_str().unwrap();
    assert!(failed.starts_with("0003_items_split_tags refused 5 records: "), "{failed}");
    assert_eq!(failed.matches(": a tag is longer than 40 characters").count(), 3);
}

#[tokio::test]
async fn local_server_applies_pending_migrations_at_start() {
    let before = server_with(10).await;
    let url = before.dynamodb_url.clone();
    let after = TestServer::start_with(|options| {
        (options.endpoint_url, options.migrations) = (Some(url.clone()), Some(fixtures()));
    })
    .await;
    rows(&url).await.values().for_each(|row| assert_migrated(row, 3));
    let item = after.request("GET", &format!("/v1/items/{}", id(3))).send().await.unwrap();
    assert_eq!(item.status(), 200);
}

#[tokio::test]
async fn server_reports_failed_migrations_and_can_start_without_them() {
    let server = server_with(1).await;
    put(&server.dynamodb_url, &[invalid_item(1)]).await;
    let mut options = in_memory();
    (options.endpoint_url, options.migrations) = (Some(server.dynamodb_url.clone()), Some(fixtures()));
    let error = support::start(options).await.err().unwrap().to_string();
    let expected = format!(
        "cannot apply the migrations: 0003_items_split_tags refused 1 records: {}: a tag is longer than 40 characters; \
         --no-migrations starts without them",
        id(1)
    );
    assert_eq!(error, expected);
    let before = rows(&server.dynamodb_url).await;
    let url = server.dynamodb_url.clone();
    let after = TestServer::start_with(|options| {
        (options.endpoint_url, options.no_migrations) = (Some(url), true);
    })
    .await;
    assert_eq!(after.request("GET", &format!("/v1/items/{}", id(0))).send().await.unwrap().status(), 200);
    assert_eq!(rows(&server.dynamodb_url).await, before);
}
