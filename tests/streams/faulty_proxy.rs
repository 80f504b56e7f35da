//! A proxy between the consumers and AWS that makes requests fail at random.

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

/// A value for [`FaultyProxy::set_faults`] with which every request fails.
pub const DOWN: u32 = u32::MAX;

/// A faulty proxy in front of DynamoDB or EventBridge.
#[derive(Clone)]
pub struct FaultyProxy {
    pub url: String,
    /// The percentage of requests with a fault.
    faults: Arc<AtomicU32>,
    random: Arc<Mutex<fastrand::Rng>>,
    /// The URL that requests are forwarded to; if none, the proxy itself acts as EventBridge.
    target: Option<String>,
    client: Client,
    /// The accepted events in order, with duplicates.
    pub events: Arc<Mutex<Vec<Value>>>,
    /// The requested operations, each with its table.
    pub operations: Arc<Mutex<BTreeSet<(String, String)>>>,
}

impl FaultyProxy {
    /// Starts a proxy to DynamoDB.
    pub async fn to(url: &str, seed: u64) -> Self {
        Self::start(Some(url.to_owned()), seed).await
    }

    /// Starts an EventBridge that records the accepted events.
    pub async fn to_bus(seed: u64) -> Self {
        Self::start(None, seed).await
    }

    async fn start(target: Option<String>, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            faults: Arc::default(),
            random: Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))),
            target,
            client: Client::new(),
            events: Arc::default(),
            operations: Arc::default(),
        };
        let router = Router::new().fallback(handle).with_state(proxy.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        proxy
    }

    /// Sets the percentage of requests with a fault.
    pub fn set_faults(&self, percent: u32) {
        self.faults.store(percent, Ordering::Relaxed);
    }

    /// Returns the percentage of requests with a fault.
    pub fn faults(&self) -> u32 {
        self.faults.load(Ordering::Relaxed)
    }

    fn chance(&self, percent: u32) -> bool {
        self.random.lock().unwrap().u32(0..100) < percent
    }

    fn pick<T: Copy>(&self, values: &[T]) -> T {
        values[self.random.lock().unwrap().usize(0..values.len())]
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    Throttle,
    Crash,
    LoseResponse,
    /// EventBridge only: some entries are rejected.
    Partial,
    /// A delay longer than the timeout of an attempt.
    Silence,
}

async fn handle(State(proxy): State<FaultyProxy>, headers: HeaderMap, body: Bytes) -> Response {
    let usual = [Fault::Throttle, Fault::Crash, Fault::LoseResponse, Fault::LoseResponse, Fault::Partial];
    let percent = proxy.faults.load(Ordering::Relaxed);
    if percent == DOWN {
        return (StatusCode::INTERNAL_SERVER_ERROR, "{}").into_response();
    }
    let fault = proxy.chance(percent).then(|| {
        // Rare, because it is slow.
        if proxy.chance(2) { Fault::Silence } else { proxy.pick(&usual) }
    });
    match fault {
        Some(Fault::Throttle) => return rejection("ThrottlingException"),
        Some(Fault::Crash) => return (StatusCode::INTERNAL_SERVER_ERROR, "{}").into_response(),
        Some(Fault::Silence) => tokio::time::sleep(Duration::from_secs(4)).await,
        _ => {}
    }
    let answer = match &proxy.target {
        Some(url) => forward(&proxy, url, headers, body).await,
        None => publish(&proxy, &body, fault == Some(Fault::Partial)),
    };
    if fault == Some(Fault::LoseResponse) { (StatusCode::INTERNAL_SERVER_ERROR, "{}").into_response() } else { answer }
}

async fn forward(proxy: &FaultyProxy, url: &str, mut headers: HeaderMap, body: Bytes) -> Response {
    let operation = headers["x-amz-target"].to_str().unwrap().rsplit('.').next().unwrap().to_owned();
    let request: Value = serde_json::from_slice(&body).unwrap();
    let table = request["TableName"].as_str().unwrap_or_default();
    let table = match request["IndexName"].as_str() {
        Some(index) => format!("{table}/index/{index}"),
        None => table.to_owned(),
    };
    proxy.operations.lock().unwrap().insert((table, operation));
    headers.remove("host");
    let answer = proxy.client.post(url).headers(headers).body(body).send().await.unwrap();
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
    (status, [("content-type", "application/x-amz-json-1.0")], answer.bytes().await.unwrap()).into_response()
}

/// Implements `PutEvents`, and checks the limits of EventBridge.
fn publish(proxy: &FaultyProxy, body: &[u8], is_partial: bool) -> Response {
    let request: Value = serde_json::from_slice(body).unwrap();
    let entries = request["Entries"].as_array().unwrap();
    assert!((1..=10).contains(&entries.len()), "{} entries", entries.len());
    let bytes: usize = entries.iter().map(|entry| entry["Detail"].as_str().unwrap().len()).sum();
    assert!(bytes <= 256 * 1024, "{bytes} bytes");
    let outcome = |entry: &Value| {
        if is_partial && proxy.chance(50) {
            return json!({ "ErrorCode": "InternalFailure", "ErrorMessage": "injected" });
        }
        let mut event: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
        assert_eq!((&entry["DetailType"], &entry["Source"]), (&event["type"], &json!("serverless-crud")));
        event["bus"] = entry["EventBusName"].clone();
        proxy.events.lock().unwrap().push(event);
        json!({ "EventId": "taken" })
    };
    let outcomes: Vec<Value> = entries.iter().map(outcome).collect();
    let failed = outcomes.iter().filter(|outcome| outcome["EventId"].is_null()).count();
    let answer = json!({ "FailedEntryCount": failed, "Entries": outcomes });
    ([("content-type", "application/x-amz-json-1.1")], answer.to_string()).into_response()
}

fn rejection(code: &str) -> Response {
    let body = json!({ "__type": code, "message": "injected" }).to_string();
    (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], body).into_response()
}
