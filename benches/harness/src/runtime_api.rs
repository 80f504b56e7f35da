//! A Lambda Runtime API for one function.
//!
//! As in <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post},
    serve::ListenerExt,
};
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
    task::JoinHandle,
};

use crate::error::Result;

const FUNCTION_TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(20);

/// The server side of the Runtime API.
pub struct RuntimeApi {
    /// The address that the function connects to.
    pub address: String,
    polls: mpsc::UnboundedReceiver<Instant>,
    events: mpsc::UnboundedSender<String>,
    responses: mpsc::UnboundedReceiver<(Instant, Bytes)>,
    server: JoinHandle<()>,
}

struct Shared {
    polls: mpsc::UnboundedSender<Instant>,
    events: Mutex<mpsc::UnboundedReceiver<String>>,
    responses: mpsc::UnboundedSender<(Instant, Bytes)>,
}

impl RuntimeApi {
    /// Starts a server on a free port.
    pub async fn start() -> Result<Self> {
        let (poll, polls) = mpsc::unbounded_channel();
        let (events, event) = mpsc::unbounded_channel();
        let (response, responses) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { polls: poll, events: Mutex::new(event), responses: response });
        let base = "/2018-06-01/runtime/invocation";
        let router = Router::new()
            .route(&format!("{base}/next"), get(next))
            .route(&format!("{base}/{{id}}/{{kind}}"), post(receive_response))
            .route("/2018-06-01/runtime/init/error", post(receive_response))
            .with_state(shared);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let server = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { address, polls, events, responses, server })
    }

    /// Returns the time the function asks for its next event.
    pub async fn wait_for_poll(&mut self) -> Result<Instant> {
        let poll = tokio::time::timeout(TIMEOUT, self.polls.recv()).await;
        poll.ok().flatten().ok_or_else(|| "the function does not ask for an event".into())
    }

    /// Sends an event, and waits for the response and the next poll. Returns the response time and body.
    pub async fn invoke(&mut self, event: String) -> Result<(Duration, Bytes)> {
        let sent = Instant::now();
        self.events.send(event)?;
        let response = tokio::time::timeout(TIMEOUT, self.responses.recv()).await;
        let (received, body) = response.ok().flatten().ok_or("the function does not respond")?;
        self.wait_for_poll().await?;
        Ok((received - sent, body))
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    // The receiver is gone once the measurement has ended.
    let _ = shared.polls.send(Instant::now());
    let event = shared.events.lock().await.recv().await.unwrap_or_default();
    let deadline = SystemTime::now() + FUNCTION_TIMEOUT;
    let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis().to_string();
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-deadline-ms", deadline),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:bench".to_owned()),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1".to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, event)
}

async fn receive_response(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    let _ = shared.responses.send((Instant::now(), body));
    StatusCode::ACCEPTED
}
