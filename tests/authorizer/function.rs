//! The authorizer function, in a process that a Lambda Runtime API of the test invokes.
//!
//! As in <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc as blocking},
    thread,
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
};

use crate::issuer::{AUDIENCE, Issuer};

/// A time limit that is only reached when a test fails.
const LIMIT: Duration = Duration::from_secs(20);
/// The ARN of a method.
pub const ARN: &str = "arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/prod/GET/v1/items";

/// A running function.
pub struct Function {
    child: Child,
    events: mpsc::UnboundedSender<Value>,
    answers: mpsc::UnboundedReceiver<(String, Value)>,
    lines: blocking::Receiver<String>,
}

struct Shared {
    events: Mutex<mpsc::UnboundedReceiver<Value>>,
    answers: mpsc::UnboundedSender<(String, Value)>,
}

impl Function {
    /// Starts the authorizer of an issuer.
    pub async fn start(issuer: &Issuer, variables: &[(&str, &str)]) -> Self {
        let (events, event) = mpsc::unbounded_channel();
        let (answer, answers) = mpsc::unbounded_channel();
        let base = "/2018-06-01/runtime/invocation";
        let router = Router::new()
            .route(&format!("{base}/next"), get(next))
            .route(&format!("{base}/{{id}}/{{kind}}"), post(receive))
            .with_state(Arc::new(Shared { events: Mutex::new(event), answers: answer }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut child = command()
            .envs([("AWS_LAMBDA_RUNTIME_API", address.as_str()), ("ISSUER", &issuer.url), ("AUDIENCE", AUDIENCE)])
            .env("ALLOW_HTTP_LOOPBACK", "true")
            .envs(variables.iter().copied())
            .spawn()
            .unwrap();
        let (line, lines) = blocking::channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|text| line.send(text)));
        Self { child, events, answers, lines }
    }

    /// Sends an event. Returns the policy, or the error's message, and the log line.
    pub async fn invoke(&mut self, event: Value) -> (Result<Value, String>, Value) {
        self.events.send(event).unwrap();
        let (kind, body) = tokio::time::timeout(LIMIT, self.answers.recv()).await.unwrap().unwrap();
        let line = self.lines.recv_timeout(LIMIT).unwrap();
        let line = serde_json::from_str(&line).unwrap();
        match kind.as_str() {
            "response" => (Ok(body), line),
            _ => (Err(body["errorMessage"].as_str().unwrap().to_owned()), line),
        }
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // The process may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the command that starts the authorizer without settings.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fixtures"));
    command.args(["function", "authorizer"]).env_clear().env("AWS_LAMBDA_FUNCTION_NAME", "authorizer");
    command.env("AWS_LAMBDA_FUNCTION_VERSION", "1").env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128");
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// Returns the event of a request with these headers.
pub fn event(headers: &[(&str, &str)]) -> Value {
    let mut lists = json!({ "Accept": ["application/json"] });
    for (name, value) in headers {
        match lists[*name].as_array_mut() {
            Some(list) => list.push((*value).into()),
            None => lists[*name] = json!([value]),
        }
    }
    json!({
        "type": "REQUEST", "methodArn": ARN, "resource": "/v1/items", "path": "/v1/items", "httpMethod": "GET",
        "headers": {}, "multiValueHeaders": lists, "queryStringParameters": null, "pathParameters": null,
        "requestContext": {
            "apiId": "abcdef1234", "stage": "prod", "requestId": "request-1", "accountId": "123456789012",
            "resourcePath": "/v1/items", "httpMethod": "GET", "identity": { "sourceIp": "127.0.0.1" },
        },
    })
}

/// Returns the event of a request with this token.
pub fn event_with(token: &str) -> Value {
    event(&[("Authorization", &format!("Bearer {token}"))])
}

async fn next(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let event = shared.events.lock().await.recv().await.unwrap_or_default();
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
        ("lambda-runtime-deadline-ms", "4102444800000"),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:123456789012:function:authorizer"),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1"),
        ("content-type", "application/json"),
    ];
    (headers, event.to_string())
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    Path((_, kind)): Path<(String, String)>,
    body: Bytes,
) -> StatusCode {
    let _ = shared.answers.send((kind, serde_json::from_slice(&body).unwrap_or_default()));
    StatusCode::ACCEPTED
}
