//! What passes between a run and DynamoDB: requests that are remembered, throttled, or whose answers are lost.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What becomes of a request, by its operation and body.
type Rule = Arc<dyn Fn(&str, &Value) -> Fault + Send + Sync>;

/// What happens to a request on its way.
#[derive(Clone, PartialEq)]
pub enum Fault {
    None,
    Throttle,
    LoseAnswer,
    /// Another's request of the same operation comes right before it.
    After(Value),
}

/// A proxy in front of DynamoDB.
#[derive(Clone)]
pub struct Proxy {
    pub url: String,
    /// The requests that came, each an operation and a body.
    pub requests: Arc<Mutex<Vec<(String, Value)>>>,
    /// How many writes of records were under way at once, at most.
    pub most: Arc<AtomicUsize>,
    under_way: Arc<AtomicUsize>,
    target: String,
    client: Client,
    rule: Rule,
}

impl Proxy {
    /// Starts one.
    pub async fn start(target: &str, rule: impl Fn(&str, &Value) -> Fault + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            requests: Arc::default(),
            most: Arc::default(),
            under_way: Arc::default(),
            target: target.to_owned(),
            client: Client::new(),
            rule: Arc::new(rule),
        };
        let router = Router::new().fallback(pass).with_state(proxy.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        proxy
    }
}

async fn pass(State(proxy): State<Proxy>, mut headers: HeaderMap, bytes: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let fault = (proxy.rule)(&operation, &body);
    let is_write = operation == "UpdateItem" && body["TableName"] != "local-bookkeeping";
    proxy.requests.lock().unwrap().push((operation, body));
    if fault == Fault::Throttle {
        let refusal = json!({ "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException" });
        return (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], refusal.to_string())
            .into_response();
    }
    let under_way = proxy.under_way.fetch_add(usize::from(is_write), Ordering::SeqCst) + usize::from(is_write);
    proxy.most.fetch_max(under_way, Ordering::SeqCst);
    headers.remove("host");
    headers.remove("content-length");
    if let Fault::After(other) = &fault {
        proxy.client.post(&proxy.target).headers(headers.clone()).body(other.to_string()).send().await.unwrap();
    }
    let answer = proxy.client.post(&proxy.target).headers(headers).body(bytes).send().await.unwrap();
    let (status, content) = (answer.status(), answer.headers()["content-type"].clone());
    let bytes = answer.bytes().await.unwrap();
    proxy.under_way.fetch_sub(usize::from(is_write), Ordering::SeqCst);
    if fault == Fault::LoseAnswer {
        return (StatusCode::INTERNAL_SERVER_ERROR, "{}").into_response();
    }
    let mut response = Response::builder().status(status);
    response.headers_mut().unwrap().insert("content-type", content);
    response.body(Body::from(bytes)).unwrap()
}
