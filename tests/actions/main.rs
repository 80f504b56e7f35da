//! Tests of actions that call the upstream API, against a local HTTPS server that misbehaves on purpose.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod addresses;
mod api_key;
mod cache;
mod circuit;
mod describe;
mod faults;
mod function;
mod grants;
mod idempotency;
#[path = "../local/process.rs"]
#[allow(dead_code, reason = "each test program uses only some of it")]
mod process;
mod retries;
#[path = "../service/secrets.rs"]
#[allow(dead_code, reason = "each test program uses only some of it")]
mod secrets;
mod settings;
#[path = "../support/mod.rs"]
mod support;
mod upstream;

use reqwest::{Method, Response};
use serde_json::{Value, json};
use serverless_crud::local::Options;

use support::TestServer;
use upstream::Upstream;

/// Starts a server whose actions call `upstream`, with further settings.
pub async fn start(upstream: &Upstream, settings: &[(&str, &str)]) -> TestServer {
    TestServer::start_with(|options| configure(options, upstream, settings)).await
}

/// Changes the options of a server so that its actions call `upstream`.
pub fn configure(options: &mut Options, upstream: &Upstream, settings: &[(&str, &str)]) {
    options.upstream = Some(upstream.url.clone());
    options.upstream_key_file = Some(upstream.key_file());
    let own = upstream.settings();
    let all = own.iter().map(|(name, value)| (*name, value.as_str())).chain(settings.iter().copied());
    options.upstream_setting = all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
}

/// Sends a text to `POST /v1/paraphrase`, with an idempotency key if any.
pub async fn paraphrase(server: &TestServer, text: &str, key: Option<&str>) -> Response {
    let request = server.request(Method::POST, "/v1/paraphrase").json(&json!({ "sourceText": text }));
    let request = key.into_iter().fold(request, |request, key| request.header("Idempotency-Key", key));
    request.send().await.unwrap()
}

/// Returns the status and the new text of a response.
pub async fn answer(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, response.json::<Value>().await.unwrap()["newText"].clone())
}
