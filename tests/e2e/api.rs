//! A client of the deployed API.

use std::{env, net::SocketAddr, time::Duration};

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url, header};
use serde_json::{Value, json};
use uuid::Uuid;

const PROBLEM: &str = "application/problem+json";

/// The deployed API with an API key, and with the token of an administrator if it requires one.
pub struct Api {
    pub url: String,
    pub key: String,
    pub token: Option<String>,
    pub client: Client,
}

impl Api {
    pub fn new() -> Self {
        let url = variable("E2E_URL");
        Self { client: client(&url), url, key: variable("E2E_KEY"), token: env::var("E2E_ADMIN_TOKEN").ok() }
    }

    /// Returns the API with another user's token.
    pub fn of(user: &str) -> Self {
        Self { token: Some(variable(&format!("E2E_{user}_TOKEN"))), ..Self::new() }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.authorized(self.anonymous(method, path))
    }

    /// Adds the API key and the token to a request.
    pub fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        self.with_token(request).header("x-api-key", &self.key)
    }

    /// Adds the token to a request, without the API key.
    pub fn with_token(&self, request: RequestBuilder) -> RequestBuilder {
        self.token.iter().fold(request, |request, token| request.bearer_auth(token))
    }

    pub fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.at(path)).timeout(Duration::from_secs(30))
    }

    pub fn at(&self, path: &str) -> Url {
        format!("{}{path}", self.url).parse().expect("E2E_URL is a URL")
    }

    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        answer(self.request(method, path).json(body)).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    pub async fn created(&self, sample: &Sample) -> Value {
        let answer = self.send(Method::POST, sample.path, &sample.body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer.body
    }
}

pub fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: `make e2e` sets it"))
}

/// Creates a client that resolves names under `localhost`, for emulators, to this machine (RFC 6761 §6.3).
fn client(url: &str) -> Client {
    let url: Url = url.parse().expect("E2E_URL is a URL");
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
    let builder = Client::builder();
    let is_here = host.ends_with(".localhost") || host.ends_with(".localhost.localstack.cloud");
    let builder = if is_here { builder.resolve(host, SocketAddr::from(([127, 0, 0, 1], port))) } else { builder };
    builder.build().expect("a client")
}

/// A complete response.
pub struct Answer {
    pub status: StatusCode,
    pub headers: header::HeaderMap,
    pub body: Value,
}

impl Answer {
    pub async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("a body");
        let body = if text.trim().is_empty() { Value::Null } else { serde_json::from_str(&text).expect(&text) };
        Self { status, headers, body }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// Asserts that the response is a problem with this status.
    ///
    /// An emulator without the API's gateway responses sends its own text for these: only the status is checked then.
    pub fn assert_problem(&self, status: StatusCode) {
        assert_eq!(self.status, status, "{}", self.body);
        if lacks("gateway_responses") && self.body.as_object().is_some_and(|body| body.keys().eq(["message"])) {
            return;
        }
        assert_eq!(self.header("content-type"), PROBLEM);
        assert_eq!(self.body["status"], status.as_u16());
        assert_eq!(self.body["title"], status.canonical_reason().unwrap_or_default());
        for member in ["type", "detail", "requestId"] {
            assert!(self.body[member].is_string(), "{member}: {}", self.body);
        }
    }
}

/// Returns true if the emulator is known to lack this behaviour of AWS: `Capabilities` in `scripts/emulator.py`.
pub fn lacks(capability: &str) -> bool {
    let missing = std::env::var("E2E_WITHOUT").unwrap_or_default();
    let is_missing = missing.split(',').any(|name| name == capability);
    if is_missing {
        eprintln!("skipped: this emulator lacks {capability}");
    }
    is_missing
}

/// Sends a request, and retries it while the usage plan of the tests' key is exceeded.
pub async fn answer(request: RequestBuilder) -> Answer {
    loop {
        let response = request.try_clone().expect("a body in memory").send().await.expect("an answer");
        if response.status() != StatusCode::TOO_MANY_REQUESTS {
            return Answer::of(response).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// A sample resource with unique fields, and a change.
pub struct Sample {
    pub path: &'static str,
    pub body: Value,
    pub change: Value,
}

pub fn samples() -> [Sample; 2] {
    [item(), user()]
}

pub fn item() -> Sample {
    let body = json!({ "name": "Lamp", "priceCents": 1999, "currency": "EUR", "tags": ["light"] });
    Sample { path: "/v1/items", body, change: json!({ "name": "Lantern" }) }
}

pub fn user() -> Sample {
    let body = json!({ "name": "Ada", "email": format!("{}@example.com", Uuid::now_v7()) });
    Sample { path: "/v1/users", body, change: json!({ "name": "Ada L." }) }
}

pub fn path_of(sample: &Sample, record: &Value) -> String {
    format!("{}/{}", sample.path, record["id"].as_str().expect("an id"))
}

pub fn merged(whole: &Value, part: &Value) -> Value {
    let mut merged = whole.clone();
    merged.as_object_mut().expect("an object").extend(part.as_object().expect("an object").clone());
    merged
}
