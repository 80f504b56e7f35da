//! Counts the instructions of the hot paths, from the event to the response, and compares them with
//! `benches/instructions.toml`.
//!
//! DynamoDB responses are canned. The count covers this service and the SDK, without the socket and TLS, which depend
//! on the kernel's timing. `valgrind` runs twice, with few and with more events, so that startup cancels out in the
//! difference. `UPDATE=1` rewrites the budget.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../tests/fixtures/mod.rs"]
mod fixtures;

use std::{
    collections::BTreeMap,
    env, fs,
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::Arc,
    time::Duration,
};

use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use serde_json::{Value, json};
use serverless_crud::{
    app::{App, Config, CursorSecret, LogLevel, client_with_http},
    operations::Handler,
    runtime,
    telemetry::{Invocation, Sink, TraceContext},
};

use fixtures::service;

const OF_A_USER: &str = " of a user";
const SAMPLED: &str = " sampled";
const USER: &str = "019a7d3e-0c00-7000-8000-000000000001";
/// The numbers of events in the two runs.
const EVENTS: [u32; 2] = [40, 140];
/// The growth of a path that is accepted without a new budget.
const TOLERANCE: f64 = 1.05;
/// The operations, each for an application with the role `admin`, some for a user, whose rules depend on the record, and some
/// with the segments of a sampled request.
const PATHS: [&str; 14] = [
    "items_create",
    "items_create sampled",
    "items_delete",
    "items_delete of a user",
    "items_get",
    "items_get of a user",
    "items_get sampled",
    "items_list",
    "items_list of a user",
    "items_patch",
    "items_patch of a user",
    "items_update",
    "items_update sampled",
    "users_create",
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match &arguments[..] {
        [path, events] => {
            run(path, events.parse().unwrap());
            ExitCode::SUCCESS
        }
        _ => check(),
    }
}

/// Sends events to one operation.
fn run(path: &str, events: u32) {
    let operation = path.trim_end_matches(OF_A_USER).trim_end_matches(SAMPLED);
    let event = fs::read_to_string(project().join(format!("benches/events/{operation}.json"))).unwrap();
    let mut event: Value = serde_json::from_str(&event).unwrap();
    if path.ends_with(OF_A_USER) {
        event["requestContext"]["authorizer"] =
            json!({ "kind": "user", "principalId": USER, "scopes": "openid items" });
    }
    let event = event.to_string();
    let found = service().operations().into_iter().find(|known| known.name == operation).unwrap();
    let handler: Handler = found.handler;
    let config = Config {
        table_prefix: "bench-".into(),
        cursor_secret: CursorSecret::Value("0".repeat(32)),
        cors_origins: vec!["*".into()],
        log_level: LogLevel::Info,
        region: "us-east-1".into(),
        endpoint_url: None,
        application_roles: vec!["admin".into()],
        service_roles: Vec::new(),
        ca_bundle: None,
        events_endpoint_url: None,
        secrets_endpoint_url: None,
        event_bus: "default".into(),
        history_days: 365,
        upstream: None,
    };
    let http =
        http_client_fn(|_: &HttpConnectorSettings, _: &RuntimeComponents| SharedHttpConnector::new(CannedDynamoDb));
    let sdk = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "bench"));
    let app = App::new(config, client_with_http(http, sdk));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    let invocation = invocation(daemon.local_addr().unwrap(), path.ends_with(SAMPLED));
    runtime.block_on(async {
        for _ in 0..events {
            let call = |app: Arc<App>, request| handler(app, request);
            let work = runtime::respond(&app, &call, &event, Duration::from_secs(10));
            let response = invocation.clone().run(work).await;
            assert!((200..300).contains(&response.status_code), "{operation} responds {response:?}");
        }
    });
}

/// Returns the invocation of a Lambda function.
fn invocation(daemon: SocketAddr, is_sampled: bool) -> Invocation {
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=";
    Invocation {
        request_id: Some("8476a536-e9f4-11e8-9739-2dfe598c3fcd".into()),
        trace: TraceContext::parse(&format!("{header}{}", u8::from(is_sampled))),
        sink: is_sampled.then(|| Arc::new(Sink::daemon(daemon).unwrap())),
    }
}

/// A DynamoDB with canned responses.
#[derive(Debug)]
struct CannedDynamoDb;

impl HttpConnector for CannedDynamoDb {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let body = match target.rsplit('.').next().unwrap_or_default() {
            "GetItem" => json!({ "Item": row() }),
            "UpdateItem" => json!({ "Attributes": row() }),
            "Query" => json!({ "Items": [row(), row(), row()], "Count": 3, "ScannedCount": 3 }),
            _ => json!({}),
        };
        let response = HttpResponse::new(StatusCode::try_from(200).unwrap(), body.to_string().into());
        HttpConnectorFuture::ready(Ok(response))
    }
}

fn row() -> Value {
    json!({
        "id": { "S": "019a7d3e-0c00-7000-8000-000000000002" },
        "version": { "N": "1" },
        "createdAt": { "S": "2025-11-13T10:00:00.000Z" },
        "updatedAt": { "S": "2025-11-13T10:00:00.000Z" },
        "name": { "S": "Espresso cup" },
        "description": { "S": "Stoneware, 80 ml, dishwasher safe." },
        "priceCents": { "N": "1250" },
        "currency": { "S": "EUR" },
        "status": { "S": "active" },
        "tags": { "L": [{ "S": "kitchen" }, { "S": "coffee" }] },
    })
}

/// Compares each path with its budget.
fn check() -> ExitCode {
    if Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_err() {
        return skip("valgrind is missing");
    }
    let file = project().join("benches/instructions.toml");
    let text = fs::read_to_string(&file).unwrap_or_default();
    let budget = budget(&text);
    let counted: BTreeMap<&str, u64> = PATHS.into_iter().map(|path| (path, instructions(path))).collect();
    let is_update = env::var_os("UPDATE").is_some();
    if is_update {
        fs::write(&file, render(&text, &counted)).unwrap();
    } else if budget.is_empty() {
        return skip(&format!("there is no budget for {}", env::consts::ARCH));
    }
    let mut is_within_budget = true;
    for (path, count) in counted {
        let limit = budget.get(path).copied().unwrap_or(count);
        let change = (count as f64 / limit as f64 - 1.0) * 100.0;
        let verdict = if count as f64 > limit as f64 * TOLERANCE { "OVER BUDGET" } else { "ok" };
        println!("{path:<22} {count:>9} instructions per event, budget {limit:>9} ({change:+.1} %) {verdict}");
        is_within_budget &= verdict == "ok";
    }
    if is_within_budget || is_update { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn skip(reason: &str) -> ExitCode {
    println!("SKIPPED: the instructions of the hot paths are not counted: {reason}");
    if env::var_os("REQUIRE_ALL").is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Returns the instructions that one event takes.
fn instructions(path: &str) -> u64 {
    let [few, more] = EVENTS.map(|events| {
        let mut command = Command::new("valgrind");
        // With metrics, as in Lambda.
        command.env("AWS_LAMBDA_FUNCTION_NAME", format!("serverless-crud-bench-{}", path.replace(' ', "-")));
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(env::current_exe().unwrap());
        let output = command.args([path, &events.to_string()]).stdout(Stdio::null()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let count = text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse::<u64>().ok());
        count.filter(|_| output.status.success()).unwrap_or_else(|| panic!("{path} was not counted: {text}"))
    });
    (more - few) / u64::from(EVENTS[1] - EVENTS[0])
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Parses the budget for this machine's architecture.
fn budget(text: &str) -> BTreeMap<String, u64> {
    let section = format!("[{}]", env::consts::ARCH);
    let lines = text.lines().skip_while(|line| *line != section).skip(1).take_while(|line| !line.starts_with('['));
    let entries = lines.filter_map(|line| line.split_once(" = "));
    entries.map(|(path, count)| (path.trim_matches('"').to_owned(), count.replace('_', "").parse().unwrap())).collect()
}

/// Returns the file with the section of this machine's architecture replaced.
fn render(text: &str, counted: &BTreeMap<&str, u64>) -> String {
    let section = format!("[{}]\n", env::consts::ARCH);
    let (before, rest) = text.split_once(&section).unwrap_or((text, ""));
    let after = rest.find("\n[").map_or("", |index| &rest[index..]);
    let entries: String = counted.iter().map(|(path, count)| format!("{path:?} = {count}\n")).collect();
    format!("{before}{section}{entries}{after}")
}
