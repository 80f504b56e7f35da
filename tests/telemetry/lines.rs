//! The log lines of Lambda functions, which are metrics too.

use std::{collections::BTreeSet, env, process::Command, time::Duration};

use serde_json::{Value, json};
use serverless_crud::{
    app::LogLevel,
    streams::{self, Change},
    telemetry::{DIMENSIONS, Invocation, METRICS, NAMESPACE, TraceContext},
};

use crate::{
    requests::{PRIVATE, app_with, item, send, send_with, user},
    schemas::{check_line, check_metrics},
    support::{
        self, TestServer,
        fixtures::Item,
        proxy::{Fault, Proxy},
    },
};

const LIMIT: Duration = Duration::from_secs(5);

/// Runs the events below in a process with a function's environment, and returns its lines.
fn lines(variables: &[(&str, &str)]) -> Vec<Value> {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["lines::writes_lines", "--exact", "--ignored", "--nocapture"]);
    command.env("AWS_LAMBDA_FUNCTION_NAME", "serverless-crud-prod-items_get").env("_HANDLER", "items_get");
    command.env("AWS_LAMBDA_FUNCTION_VERSION", "7").envs(variables.iter().copied());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    for private in PRIVATE {
        assert!(!text.contains(private), "{private} is in the log");
    }
    // The test harness writes a prefix before the first line.
    text.lines().filter_map(|line| serde_json::from_str(&line[line.find('{')?..]).ok()).collect()
}

#[tokio::test]
#[ignore = "it is run by the tests below, with a function's environment"]
async fn writes_lines() {
    let server = TestServer::start().await;
    let proxy = Proxy::start(&server.dynamodb_url).await;
    let mut config = support::config();
    config.log_level = if env::var_os("LOG_LEVEL").is_some() { LogLevel::Error } else { LogLevel::Info };
    let app = app_with(&proxy.url, config);
    let invocation = || Invocation {
        request_id: Some("invocation-1".into()),
        trace: TraceContext::parse("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0"),
        sink: None,
    };
    let headers = || json!({ "Idempotency-Key": "idempotency-7" });
    let created = send_with(&app, invocation(), "users_create", None, user(), headers(), LIMIT).await;
    assert_eq!(created.0, 201);
    let id = Some(&created.1["id"]);
    assert_eq!(send(&app, invocation(), "users_get", id, Value::Null).await.0, 200);
    assert_eq!(send(&app, invocation(), "users_list", None, Value::Null).await.0, 200);
    assert_eq!(send(&app, invocation(), "users_create", None, user()).await.0, 409);
    assert_eq!(send(&app, invocation(), "users_create", None, json!({ "email": "ada@secret.example" })).await.0, 400);
    let stale = json!({ "If-Match": "\"9\"" });
    let change = json!({ "name": "Lovelace" });
    assert_eq!(send_with(&app, invocation(), "users_patch", id, change, stale, LIMIT).await.0, 412);
    assert_eq!(send(&app, invocation(), "users_get", Some(&json!("Lovelace")), Value::Null).await.0, 400);
    proxy.fault("PutItem", &[Fault::Throttle]);
    assert_eq!(send(&app, invocation(), "items_create", None, item()).await.0, 201);
    proxy.fault("GetItem", &[Fault::Crash; 3]);
    assert_eq!(send(&app, invocation(), "users_get", id, Value::Null).await.0, 503);
    let consumer = streams::on_change(|_, _: Change<Item>| async { Ok(()) });
    let batch = json!({ "Records": [{ "dynamodb": { "SequenceNumber": "1", "Keys": { "name": "Lovelace" } } }] });
    streams::respond(&app, "serverless-crud-prod-items_get", &consumer, &batch.to_string(), LIMIT).await;
}

#[test]
fn each_event_is_one_documented_line_with_its_metrics() {
    let lines = lines(&[]);
    assert_eq!(lines.len(), 10, "{lines:?}");
    for line in &lines {
        check_line(line);
        check_metrics(line);
        assert_eq!((&line["stage"], &line["version"], &line["requests"]), (&json!("prod"), &json!("7"), &json!(1)));
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!((&directive["Namespace"], &directive["Dimensions"]), (&json!(NAMESPACE), &json!([DIMENSIONS])));
        assert!(line["commit"].is_string() && line["durationMs"].is_number());
    }
    let operations: Vec<_> = lines.iter().map(|line| line["operation"].as_str().unwrap()).collect();
    let expected =
        ["users_create", "users_get", "users_list", "users_create", "users_create", "users_patch", "users_get"];
    assert_eq!(operations, [&expected[..], &["items_create", "users_get", "items_get"]].concat());
    let of = |name: &str| lines.iter().map(|line| line[name].as_u64().unwrap_or_default()).collect::<Vec<_>>();
    assert_eq!(of("clientErrors"), [0, 0, 0, 1, 1, 1, 1, 0, 0, 0]);
    assert_eq!(of("serverErrors"), [0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
    assert_eq!(of("conflicts"), [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(of("preconditionFailed"), [0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(of("throttles"), [0, 0, 0, 0, 0, 0, 0, 1, 0, 0]);
    assert_eq!(of("retries"), [0, 0, 0, 0, 0, 0, 0, 1, 2, 0]);
    assert_eq!(of("coldStarts"), [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let create = &lines[0];
    assert_eq!((&create["invocationId"], &create["requestId"]), (&json!("invocation-1"), &json!("request-1")));
    assert_eq!(
        (&create["traceId"], &create["principalId"]),
        (&json!("1-5759e988-bd862e3fe1be46a994272793"), &json!("key-1"))
    );
    assert!(create["bytesIn"].as_u64() > Some(50) && create["bytesOut"].as_u64() > Some(50), "{create}");
    assert!((4000..=5000).contains(&create["deadlineLeftMs"].as_u64().unwrap()), "{create}");
    let tables: Vec<_> = create["capacityByTable"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(tables, ["local-bookkeeping", "local-users"]);
    assert_eq!((&lines[3]["problem"], &lines[8]["level"]), (&json!("Conflict"), &json!("ERROR")));
    assert!(lines[8]["cause"].is_string() && lines[9]["failures"][0]["cause"].is_string());
    assert!(create["dynamoDbMs"].as_f64() <= create["durationMs"].as_f64());
    let sent: BTreeSet<&str> = lines.iter().flat_map(metrics_of).collect();
    let known: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(sent, known, "every metric of the contract is written, and no other");
}

fn metrics_of(line: &Value) -> impl Iterator<Item = &str> {
    let metrics = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array();
    metrics.into_iter().flatten().map(|metric| metric["Name"].as_str().unwrap())
}

#[test]
fn reads_outside_of_the_sample_count_without_their_fields() {
    let lines = lines(&[("LOG_SAMPLE_READS", "0")]);
    assert_eq!(lines.len(), 10);
    let is_logged: Vec<_> = lines.iter().map(|line| line["level"].is_string()).collect();
    // Two reads succeed; the failed ones are logged.
    assert_eq!(is_logged, [true, false, false, true, true, true, true, true, true, true]);
    for line in &lines {
        check_line(line);
        check_metrics(line);
    }
    let read = &lines[1];
    assert!(read["requestId"].is_null() && read["principalId"].is_null(), "{read}");
    assert!(read["capacityUnits"].as_f64() > Some(0.0) && read["dynamoDbMs"].is_number(), "{read}");
}

#[test]
fn log_level_error_keeps_the_metrics() {
    let lines = lines(&[("LOG_LEVEL", "ERROR")]);
    let is_logged: Vec<_> = lines.iter().map(|line| line["level"].is_string()).collect();
    assert_eq!(is_logged, [false, false, false, false, false, false, false, false, true, true]);
    lines.iter().for_each(check_metrics);
}

#[test]
fn metrics_can_be_by_stage_alone_or_none() {
    let by_stage = lines(&[("METRICS", "stage")]);
    assert!(by_stage.iter().all(|line| line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == json!([["stage"]])));
    by_stage.iter().for_each(check_metrics);
    let without = lines(&[("METRICS", "none"), ("LOG_SAMPLE_READS", "0")]);
    assert_eq!(without.len(), 8, "reads outside of the sample have no line");
    assert!(without.iter().all(|line| line["_aws"].is_null() && line["requests"].is_null()));
}
