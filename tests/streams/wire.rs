//! What stands between the consumers and AWS, and makes requests fail at random.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// For [`Wire::set_faults`]: no request comes through.
pub const DOWN: u32 = u32::MAX;

/// A DynamoDB, or an EventBridge, behind a bad wire.
#[derive(Clone)]
pub struct Wire {
    pub url: String,
    /// Of a hundred requests, so many meet a fault.
    faults: Arc<AtomicU32>,
    random: Arc<Mutex<fastrand::Rng>>,
    /// Where requests go on to; an EventBridge of the tests' own where there is nothing behind.
    behind: Option<String>,
    client: Client,
    /// The events that were taken, in order, each as often as it came.
    pub events: Arc<Mutex<Vec<Value>>>,
    /// The operations that were asked for, each with its table.
    pub operations: Arc<Mutex<BTreeSet<(String, String)>>>,
}

impl Wire {
    /// A wire to DynamoDB.
    pub async fn to(url: &str, seed: u64) -> Self {
        Self::start(Some(url.to_owned()), seed).await
    }

    /// A wire to an EventBridge that keeps what it takes.
    pub async fn to_bus(seed: u64) -> Self {
        Self::start(None, seed).await
    }

    async fn start(behind: Option<String>, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            faults: Arc::default(),
            random: Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))),
            behind,
            client: Client::new(),
            events: Arc::default(),
            operations: Arc::default(),
        };
        let router = Router::new().fallback(pass).with_state(wire.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        wire
    }

    /// From now on so many of a hundred requests meet a fault.
    pub fn set_faults(&self, percent: u32) {
        self.faults.store(percent, Ordering::Relaxed);
    }

    /// Of a hundred requests, so many meet a fault now.
    pub fn faults(&self) -> u32 {
        self.faults.load(Ordering::Relaxed)
    }

    fn chance(&self, percent: u32) -> bool {
        self.random.lock().unwrap().u32(0..100) < percent
    }

    fn one_of<T: Copy>(&self, values: &[T]) -> T {
        values[self.random.lock().unwrap().usize(0..values.len())]
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    Throttle,
    Crash,
    LoseResponse,
    /// EventBridge alone: some of the entries are refused.
    Partly,
    /// Longer than any attempt may take.
    Silence,
}

async fn pass(State(wire): State<Wire>, headers: HeaderMap, body: Bytes) -> Response {
    let usual = [Fault::Throttle, Fault::Crash, Fault::LoseResponse, Fault::LoseResponse, Fault::Partly];
    let percent = wire.faults.load(Ordering::Relaxed);
    if percent == DOWN {
        return (StatusCode::INTERNAL_SERVER_ERROR, "{}").into_response();
    }
    let fault = wire.chance(percent).then(|| {
        // Rare, since it takes its time.
        if wire.chance(2) { Fault::Silence } else { wire.one_of(&usual) }
    });
    match fault {
        Some(Fault::Throttle) => return refusal("ThrottlingException"),
        Some(Fault::Crash) => return (StatusCode::INTERNAL_SERVER_ERROR, "{}").into_response(),
        Some(Fault::Silence) => tokio::time::sleep(Duration::from_secs(4)).await,
        _ => {}
    }
    let answer = match &wire.behind {
        Some(url) => forward(&wire, url, headers, body).await,
        None => publish(&wire, &body, fault == Some(Fault::Partly)),
    };
    if fault == Some(Fault::LoseResponse) { (StatusCode::INTERNAL_SERVER_ERROR, "{}").into_response() } else { answer }
}

async fn forward(wire: &Wire, url: &str, mut headers: HeaderMap, body: Bytes) -> Response {
    let operation = headers["x-amz-target"].to_str().unwrap().rsplit('.').next().unwrap().to_owned();
    let request: Value = serde_json::from_slice(&body).unwrap();
    let table = request["TableName"].as_str().unwrap_or_default();
    let table = match request["IndexName"].as_str() {
        Some(index) => format!("{table}/index/{index}"),
        None => table.to_owned(),
    };
    wire.operations.lock().unwrap().insert((table, operation));
    headers.remove("host");
    let answer = wire.client.post(url).headers(headers).body(body).send().await.unwrap();
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
    (status, [("content-type", "application/x-amz-json-1.0")], answer.bytes().await.unwrap()).into_response()
}

/// `PutEvents`, within the limits of EventBridge.
fn publish(wire: &Wire, body: &[u8], partly: bool) -> Response {
    let request: Value = serde_json::from_slice(body).unwrap();
    let entries = request["Entries"].as_array().unwrap();
    assert!((1..=10).contains(&entries.len()), "{} entries", entries.len());
    let bytes: usize = entries.iter().map(|entry| entry["Detail"].as_str().unwrap().len()).sum();
    assert!(bytes <= 256 * 1024, "{bytes} bytes");
    let outcome = |entry: &Value| {
        if partly && wire.chance(50) {
            return json!({ "ErrorCode": "InternalFailure", "ErrorMessage": "injected" });
        }
        let mut event: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
        assert_eq!((&entry["DetailType"], &entry["Source"]), (&event["type"], &json!("serverless-crud")));
        event["bus"] = entry["EventBusName"].clone();
        wire.events.lock().unwrap().push(event);
        json!({ "EventId": "taken" })
    };
    let outcomes: Vec<Value> = entries.iter().map(outcome).collect();
    let failed = outcomes.iter().filter(|outcome| outcome["EventId"].is_null()).count();
    let answer = json!({ "FailedEntryCount": failed, "Entries": outcomes });
    ([("content-type", "application/x-amz-json-1.1")], answer.to_string()).into_response()
}

fn refusal(code: &str) -> Response {
    let body = json!({ "__type": code, "message": "injected" }).to_string();
    (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], body).into_response()
}
