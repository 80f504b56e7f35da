//! A proxy in front of the embedded DynamoDB, which adds faults, grants and transaction conflicts.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod conflicts;
mod fault;
mod grants;

use std::{
    ops::RangeInclusive,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use reqwest::Client;
use serde_json::Value;
use tokio::{net::TcpListener, sync::Semaphore};

use conflicts::Transactions;
pub use fault::Fault;
pub use grants::{Action, Grants};

/// A function that selects the fault of a request without a queued fault.
type Rule = dyn Fn(&Call) -> Fault + Send + Sync;

/// A received request.
#[derive(Clone, Debug)]
pub struct Call {
    /// The function that sends the request, from the user agent of its client. `None` for requests of tests.
    pub function: Option<String>,
    pub operation: String,
    pub body: Value,
}

/// A request that reached DynamoDB, and its response.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub operation: String,
    pub request: Value,
    pub answer: Value,
}

/// A proxy in front of DynamoDB.
///
/// Requests that name their function are checked against the function's grants.
#[derive(Clone)]
pub struct Proxy {
    pub url: String,
    /// The number of received requests, including those with a fault.
    pub requests: Arc<AtomicUsize>,
    /// All requests in order.
    pub calls: Arc<Mutex<Vec<Call>>>,
    /// The maximum number of concurrent updates of records.
    pub most_updates: Arc<AtomicUsize>,
    /// A semaphore with one permit for each held response.
    pub held: Arc<Semaphore>,
    /// A semaphore on which each permit releases one held response.
    pub released: Arc<Semaphore>,
    target: String,
    client: Client,
    rule: Arc<Rule>,
    faults: Arc<Mutex<Vec<(&'static str, Fault)>>>,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
    denied: Arc<Mutex<Vec<(String, Action)>>>,
    grants: Arc<Grants>,
    transactions: Arc<Transactions>,
    updates: Arc<AtomicUsize>,
}

impl Proxy {
    /// Starts a proxy in front of the DynamoDB at `target`.
    pub async fn start(target: &str) -> Self {
        Self::start_with(target, |_| Fault::None).await
    }

    /// Starts a proxy whose faults follow a rule.
    pub async fn start_with(target: &str, rule: impl Fn(&Call) -> Fault + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            requests: Arc::default(),
            calls: Arc::default(),
            most_updates: Arc::default(),
            held: Arc::new(Semaphore::new(0)),
            released: Arc::new(Semaphore::new(0)),
            target: target.to_owned(),
            client: Client::new(),
            rule: Arc::new(rule),
            faults: Arc::default(),
            exchanges: Arc::default(),
            denied: Arc::default(),
            grants: Arc::new(Grants::declared()),
            transactions: Arc::default(),
            updates: Arc::default(),
        };
        let router = Router::new().fallback(handle).with_state(proxy.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        proxy
    }

    /// Queues faults for the next requests of an operation.
    pub fn fault(&self, operation: &'static str, faults: &[Fault]) {
        self.faults.lock().unwrap().extend(faults.iter().map(|fault| (operation, *fault)));
    }

    /// Removes all queued faults.
    pub fn clear_faults(&self) {
        self.faults.lock().unwrap().clear();
    }

    /// Keeps each transaction open for a random time in this range, in milliseconds, before it is applied.
    pub fn delay_transactions(&self, range: RangeInclusive<u64>) {
        *self.transactions.delay.lock().unwrap() = range;
    }

    /// Returns the exchanges since the last call.
    pub fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut self.exchanges.lock().unwrap())
    }

    /// Returns the denied actions, each with the function that lacks it.
    pub fn denied(&self) -> Vec<(String, Action)> {
        self.denied.lock().unwrap().clone()
    }

    fn next_fault(&self, call: &Call) -> Fault {
        let mut faults = self.faults.lock().unwrap();
        match faults.iter().position(|(operation, _)| *operation == call.operation) {
            Some(place) => faults.remove(place).1,
            None => (self.rule)(call),
        }
    }

    async fn forward(&self, mut headers: HeaderMap, body: Bytes) -> (Response<()>, Bytes) {
        for name in ["host", "content-length"] {
            headers.remove(name);
        }
        let answer = self.client.post(&self.target).headers(headers).body(body).send().await.unwrap();
        let mut response = Response::builder().status(answer.status());
        response
            .headers_mut()
            .unwrap()
            .extend(answer.headers().get(CONTENT_TYPE).map(|kind| (CONTENT_TYPE, kind.clone())));
        (response.body(()).unwrap(), answer.bytes().await.unwrap())
    }
}

impl Call {
    fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let function = text("x-amz-user-agent").split(' ').find_map(|part| part.strip_prefix("app/"));
        Self {
            function: function.map(str::to_owned),
            operation: text("x-amz-target").rsplit('.').next().unwrap_or_default().to_owned(),
            body: serde_json::from_slice(body).unwrap_or_default(),
        }
    }

    fn is_update_of_a_record(&self) -> bool {
        self.operation == "UpdateItem" && self.body["TableName"] != "local-bookkeeping"
    }
}

async fn handle(State(proxy): State<Proxy>, headers: HeaderMap, body: Bytes) -> Response {
    let call = Call::read(&headers, &body);
    proxy.requests.fetch_add(1, Ordering::Relaxed);
    proxy.calls.lock().unwrap().push(call.clone());
    if let Some((action, answer)) = proxy.grants.deny(&call) {
        proxy.denied.lock().unwrap().push((call.function.unwrap_or_default(), action));
        return answer;
    }
    let fault = proxy.next_fault(&call);
    if let Some(answer) = fault.respond_instead(&call).await {
        return answer;
    }
    let _open = match proxy.transactions.begin(&call).await {
        Ok(open) => open,
        Err(conflict) => return *conflict,
    };
    apply(&proxy, call, fault, headers, body).await
}

async fn apply(proxy: &Proxy, call: Call, fault: Fault, headers: HeaderMap, body: Bytes) -> Response {
    let counted = usize::from(call.is_update_of_a_record());
    proxy.most_updates.fetch_max(proxy.updates.fetch_add(counted, Ordering::SeqCst) + counted, Ordering::SeqCst);
    if let Fault::After(other) = &fault {
        proxy.forward(headers.clone(), other.to_string().into()).await;
    }
    let body = fault.change(body);
    let (head, answer) = proxy.forward(headers, body.clone()).await;
    proxy.updates.fetch_sub(counted, Ordering::SeqCst);
    proxy.exchanges.lock().unwrap().push(Exchange {
        operation: call.operation,
        request: serde_json::from_slice(&body).unwrap_or_default(),
        answer: serde_json::from_slice(&answer).unwrap_or_default(),
    });
    if fault == Fault::HoldAndLoseResponse {
        proxy.held.add_permits(1);
        proxy.released.acquire().await.unwrap().forget();
    }
    if matches!(fault, Fault::LoseResponse | Fault::HoldAndLoseResponse) {
        return (StatusCode::INTERNAL_SERVER_ERROR, "{}").into_response();
    }
    head.map(|()| Body::from(fault.change_response(answer)))
}
