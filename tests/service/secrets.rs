//! A local Secrets Manager: one secret with versions and staging labels, and faults on request.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

/// The ARN of the secret.
pub const ARN: &str = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:cursor-AbCdEf";

/// A fault of all requests.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// No response.
    Silence,
    Throttle,
    Denied,
    /// An internal error.
    Broken,
}

/// The secret behind an HTTP endpoint that speaks Secrets Manager's protocol.
#[derive(Clone)]
pub struct Secrets {
    pub url: String,
    state: Arc<Mutex<SecretState>>,
}

struct SecretState {
    /// All versions, from the first to the current one.
    versions: Vec<String>,
    requests: usize,
    fault: Option<Fault>,
}

impl Secrets {
    /// Starts a server whose secret was never rotated.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = SecretState { versions: vec![random()], requests: 0, fault: None };
        let secrets = Self { url, state: Arc::new(Mutex::new(state)) };
        let router = Router::new().fallback(answer).with_state(secrets.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        secrets
    }

    /// Adds a version and makes it current, like `PutSecretValue`.
    pub fn put(&self, value: &str) {
        self.state.lock().unwrap().versions.push(value.to_owned());
    }

    /// Adds a random version and makes it current.
    pub fn rotate(&self) {
        self.put(&random());
    }

    /// Sets the fault of all further requests, or removes it.
    pub fn fault(&self, fault: Option<Fault>) {
        self.state.lock().unwrap().fault = fault;
    }

    /// Returns the number of fetches of the current version.
    pub fn fetches(&self) -> usize {
        self.state.lock().unwrap().requests
    }
}

fn random() -> String {
    [Uuid::now_v7(), Uuid::now_v7()].map(|id| id.simple().to_string()).concat()
}

async fn answer(State(secrets): State<Secrets>, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(request["SecretId"], ARN);
    let (fault, answer) = {
        let mut state = secrets.state.lock().unwrap();
        let is_current = request["VersionStage"] == "AWSCURRENT";
        state.requests += usize::from(is_current);
        let back = if is_current { 1 } else { 2 };
        let value = state.versions.len().checked_sub(back).map(|place| state.versions[place].clone());
        (state.fault, value)
    };
    let refusal = |status, code: &str| reply(status, &json!({ "__type": code, "message": "no" }));
    match (fault, answer) {
        (Some(Fault::Silence), _) => std::future::pending().await,
        (Some(Fault::Throttle), _) => refusal(StatusCode::BAD_REQUEST, "ThrottlingException"),
        (Some(Fault::Denied), _) => refusal(StatusCode::BAD_REQUEST, "AccessDeniedException"),
        (Some(Fault::Broken), _) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceError"),
        (None, None) => refusal(StatusCode::BAD_REQUEST, "ResourceNotFoundException"),
        (None, Some(value)) => reply(StatusCode::OK, &json!({ "ARN": ARN, "SecretString": value })),
    }
}

fn reply(status: StatusCode, body: &Value) -> Response {
    (status, [("content-type", "application/x-amz-json-1.1")], body.to_string()).into_response()
}
