//! What tests need to talk to a server of their own.

#![allow(dead_code, reason = "each test program uses its part")]

pub mod proxy;

use std::fmt::Debug;

use aws_sdk_dynamodb::config::{AppName, BehaviorVersion, Builder, Credentials, Region};
use reqwest::{Client, Method, RequestBuilder};
use serverless_crud::{
    app::{self, Config, CursorSecret, LogLevel},
    local::{self, Options, Server},
};

/// A local server with an empty database in memory, on ports of its own.
pub struct TestServer {
    pub url: String,
    pub key: String,
    pub dynamodb_url: String,
    pub client: Client,
    server: Server,
}

impl TestServer {
    /// Starts one.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts one with other options.
    pub async fn start_with(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = in_memory();
        change(&mut options);
        let server = local::start(options).await.expect("a server on free ports starts");
        let (url, key, dynamodb_url) = (server.url().into(), server.key().into(), server.dynamodb_url().into());
        Self { url, key, dynamodb_url, client: Client::new(), server }
    }

    /// A request with the API key.
    pub fn request<M: TryInto<Method, Error: Debug>>(&self, method: M, path: &str) -> RequestBuilder {
        self.anonymous(method, path).header("x-api-key", &self.key)
    }

    /// A request without a key.
    pub fn anonymous<M: TryInto<Method, Error: Debug>>(&self, method: M, path: &str) -> RequestBuilder {
        self.client.request(method.try_into().expect("a method"), format!("{}{path}", self.url))
    }

    /// Stops the server and waits for its end.
    pub async fn stop(self) {
        drop(self.client);
        self.server.shutdown().await;
    }
}

/// Options for a server in memory on any free ports.
pub fn in_memory() -> Options {
    Options { memory: true, quiet: true, no_consumers: true, port: 0, dynamodb_port: 0, ..Options::default() }
}

/// The settings of a function over the tables of a local server.
pub fn config() -> Config {
    Config {
        table_prefix: "local-".into(),
        cursor_secret: CursorSecret::Value("0".repeat(32)),
        cors_origins: vec!["https://app.example.com".into()],
        log_level: LogLevel::Error,
        region: "local".into(),
        endpoint_url: None,
        ca_bundle: None,
        events_endpoint_url: None,
        secrets_endpoint_url: None,
        event_bus: "test".into(),
        history_days: 1,
    }
}

/// A client of DynamoDB.
pub fn dynamodb(url: &str) -> aws_sdk_dynamodb::Client {
    app::client(settings(url))
}

/// The client of a function, which the proxy holds against the function's grants.
pub fn dynamodb_as(url: &str, function: &str) -> aws_sdk_dynamodb::Client {
    app::client(settings(url).app_name(AppName::new(function.to_owned()).expect("a function's name is plain")))
}

fn settings(url: &str) -> Builder {
    Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("local"))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .endpoint_url(url)
}
