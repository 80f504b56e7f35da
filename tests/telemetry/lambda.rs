//! A function in a process that a Lambda Runtime API of the test invokes, with the address of a daemon.
//!
//! As in <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use std::{
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Semaphore};

use crate::{
    daemon::{Daemon, PARENT, TRACE},
    requests::{app, item, send},
    schemas::{check_line, check_metrics},
    support::TestServer,
};

/// The only event of the function, and a permit for it.
type Event = Arc<(String, Semaphore)>;

async fn next(State(event): State<Event>) -> impl IntoResponse {
    // The second request for an event waits for the end of the process.
    event.1.acquire().await.unwrap().forget();
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-deadline-ms", "4102444800000".into()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:123456789012:function:items".into()),
        ("lambda-runtime-trace-id", format!("Root={TRACE};Parent={PARENT};Sampled=1;Lineage=a:0")),
        ("content-type", "application/json".into()),
    ];
    (headers, event.0.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lambda_function_sends_its_segments_to_the_daemon_of_its_environment() {
    let (server, daemon) = (TestServer::start().await, Daemon::start());
    let (_, record) = send(&app(&server.dynamodb_url), daemon.invocation(false), "items_create", None, item()).await;
    let event = json!({
        "httpMethod": "PATCH", "multiValueHeaders": {}, "pathParameters": { "id": record["id"] },
        "requestContext": { "requestId": "request-1", "resourcePath": "/v1/items/{id}", "identity": { "apiKeyId": "key-1" } },
        "body": json!({ "name": "Lovelace" }).to_string(),
    });
    let answered = Arc::new(Semaphore::new(0));
    let done = answered.clone();
    let base = "/2018-06-01/runtime/invocation";
    let router = Router::new()
        .route(&format!("{base}/next"), get(next))
        .with_state(Arc::new((event.to_string(), Semaphore::new(1))))
        .route(
            &format!("{base}/{{id}}/response"),
            post(async move || {
                done.add_permits(1);
                StatusCode::ACCEPTED
            }),
        );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let mut command = Command::new(env!("CARGO_BIN_EXE_fixtures"));
    // Two operations share the function: the method tells which one it is.
    command.env_clear();
    command.env("AWS_LAMBDA_FUNCTION_NAME", "serverless-crud-prod-items_update");
    command.env("_HANDLER", "items_update");
    command.env("AWS_LAMBDA_FUNCTION_VERSION", "7").env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128");
    command.env("AWS_LAMBDA_RUNTIME_API", &address).env("AWS_XRAY_DAEMON_ADDRESS", daemon.address());
    command.env("AWS_ENDPOINT_URL", &server.dynamodb_url).env("AWS_REGION", "local").env("TABLE_PREFIX", "local-");
    command.env("AWS_ACCESS_KEY_ID", "local").env("AWS_SECRET_ACCESS_KEY", "local").env("APPLICATION_ROLES", "admin");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let answered = tokio::time::timeout(Duration::from_secs(30), answered.acquire()).await;
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(answered.is_ok(), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [line] = &lines[..] else { panic!("{text}") };
    check_line(line);
    check_metrics(line);
    assert_eq!(
        (&line["status"], &line["operation"], &line["traceId"]),
        (&json!(200), &json!("items_patch"), &json!(TRACE))
    );
    assert_eq!((&line["coldStart"], line["initMs"].is_number()), (&json!(true), true));
    assert_eq!(line["invocationId"], "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
    assert_eq!(daemon.document()["name"], "items_patch");
}
