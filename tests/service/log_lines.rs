//! The log lines that the metric filters of the alarms count. The tests of the stack read the same file.

use std::{env, process::Command, time::Duration};

use serde_json::{Map, Value, json};
use serverless_crud::{
    authorizer::{self, Authorizer, Discovery, Intervals, Keys, Settings},
    error::Error,
    http::Answer,
    runtime,
    streams::{self, Change},
    telemetry,
};

use crate::support::fixtures::Item;

/// The file of the expected lines, by event.
const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cdk/test/log-lines.json");
/// The names of the lines below, in order.
const NAMES: [&str; 11] = [
    "answered",
    "refused",
    "failed",
    "upstreamFailed",
    "panicked",
    "timedOut",
    "batchDone",
    "recordFailedAlone",
    "recordFailedFirst",
    "batchCrashed",
    "unauthorized",
];
const LONG_LIMIT: Duration = Duration::from_secs(5);

#[test]
fn log_lines_match_the_stacks_metric_filters() {
    let this_test = env::current_exe().expect("this program");
    let output = Command::new(this_test)
        .args(["log_lines::writes_the_lines", "--exact", "--ignored", "--nocapture"])
        .env("AWS_LAMBDA_FUNCTION_NAME", "serverless-crud-prod-items_get")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "7")
        .output()
        .expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    // The test harness writes a prefix before the first line.
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(&line[line.find('{')?..]).ok());
    let (panics, mut lines): (Vec<Value>, Vec<Value>) = lines.partition(|line| line["cause"] == "panic");
    assert!(panics.iter().all(|line| line["version"] == "7" && line["location"].is_string()), "{panics:?}");
    for line in &mut lines {
        assert!(line["time"].is_string() && line["durationMs"].is_number() && line["coldStart"].is_boolean(), "{line}");
        line["time"] = "2026-01-02T03:04:05.678Z".into();
        line["durationMs"] = 1.5.into();
        line["coldStart"] = false.into();
    }
    assert_eq!(lines.len(), NAMES.len(), "{text}");
    let named: Map<String, Value> = NAMES.into_iter().map(str::to_owned).zip(lines).collect();
    if env::var_os("UPDATE").is_some() {
        let text = serde_json::to_string_pretty(&named).expect("JSON");
        std::fs::write(FIXTURE, text + "\n").expect("the file can be written");
    }
    let expected: Value = serde_json::from_str(&std::fs::read_to_string(FIXTURE).expect(FIXTURE)).expect("JSON");
    assert_eq!(Value::from(named), expected, "run with UPDATE=1 once the stack's filters fit the new form");
}

/// Writes the log lines in a separate process with the environment of a function, for the test above.
#[tokio::test]
#[ignore = "it is run by the test above, with a function's environment"]
async fn writes_the_lines() {
    let mut config = crate::support::config();
    config.log_level = serverless_crud::app::LogLevel::Info;
    let app = serverless_crud::app::App::new(config, crate::support::dynamodb("http://127.0.0.1:1"));
    runtime::report_panics();
    let request = json!({
        "resource": "/v1/items/{id}", "path": "/v1/items/1", "httpMethod": "GET", "headers": {},
        "multiValueHeaders": {}, "requestContext": { "requestId": "request-1", "resourcePath": "/v1/items/{id}",
        "httpMethod": "GET" }, "body": null, "isBase64Encoded": false,
    })
    .to_string();
    runtime::respond(&app, &|_, _| async { Ok(Answer::default()) }, &request, LONG_LIMIT).await;
    runtime::respond(&app, &|_, _| async { Err(Error::NotFound) }, &request, LONG_LIMIT).await;
    runtime::respond(&app, &|_, _| async { Err(Error::Unavailable("throttled".into())) }, &request, LONG_LIMIT).await;
    let upstream_failed = |_, _| async {
        telemetry::add_field("upstreamFailed", true);
        Err(Error::BadUpstream("the upstream API failed with status 500".into()))
    };
    runtime::respond(&app, &upstream_failed, &request, LONG_LIMIT).await;
    runtime::respond(&app, &|_, _| async { panic!("a bug") }, &request, LONG_LIMIT).await;
    runtime::respond(&app, &|_, _| std::future::pending(), &request, Duration::from_millis(20)).await;

    let done = streams::on_change(|_, _: Change<Item>| async { Ok(()) });
    let failing = streams::on_change(|_, _: Change<Item>| async { Err(Error::Unavailable("the bus is away".into())) });
    let panicking = streams::on_change(|_, _: Change<Item>| async { panic!("a bug") });
    let function = "serverless-crud-prod-items_get";
    let _ = streams::respond_or_fail(&app, function, &done, &batch(2), LONG_LIMIT).await;
    let _ = streams::respond_or_fail(&app, function, &failing, &batch(1), LONG_LIMIT).await;
    let _ = streams::respond_or_fail(&app, function, &failing, &batch(2), LONG_LIMIT).await;
    let _ = streams::respond_or_fail(&app, function, &panicking, &batch(1), LONG_LIMIT).await;

    let settings = Settings::new("https://issuer.example.com", &["web"]);
    let keys = Keys::discovered(Discovery::new(&settings), Intervals::default());
    let authorizer = Authorizer::new(settings, keys, Vec::new());
    let event = json!({
        "methodArn": "arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/prod/GET/v1/items",
        "multiValueHeaders": { "Authorization": ["Bearer invalid"] },
        "requestContext": { "apiId": "abcdef1234", "stage": "prod", "requestId": "request-1" },
    });
    let _ = authorizer::respond(&authorizer, &serde_json::from_value(event).expect("an event")).await;
}

/// Creates a batch of changes of items.
fn batch(size: usize) -> String {
    let image = |place: usize| {
        json!({
            "id": { "S": format!("019a7d3e-0c00-7000-8000-00000000000{place}") }, "version": { "N": "1" },
            "createdAt": { "S": "2026-01-02T03:04:05.678Z" }, "updatedAt": { "S": "2026-01-02T03:04:05.678Z" },
            "name": { "S": "Cup" }, "priceCents": { "N": "1" }, "currency": { "S": "EUR" },
            "status": { "S": "draft" }, "tags": { "L": [] },
        })
    };
    let record = |place: usize| {
        json!({
            "eventID": format!("event-{place}"), "eventName": "INSERT", "eventSource": "aws:dynamodb",
            "eventSourceARN": "arn:aws:dynamodb:local:000000000000:table/local-items/stream/2026",
            "awsRegion": "local", "eventVersion": "1.1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_767_323_045.0, "Keys": { "id": image(place)["id"] },
                "NewImage": image(place), "SequenceNumber": format!("10000000000000000000{place}"), "SizeBytes": 100,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
        })
    };
    json!({ "Records": (1..=size).map(record).collect::<Vec<_>>() }).to_string()
}
