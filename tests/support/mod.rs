//! A local server and clients for tests.

#![allow(dead_code, reason = "each test program uses only some of it")]

#[path = "../fixtures/mod.rs"]
pub mod fixtures;
pub mod proxy;

use std::fmt::Debug;

use aws_sdk_dynamodb::config::{AppName, BehaviorVersion, Builder, Credentials, Region};
pub use fixtures::service;
use reqwest::{Client, Method, RequestBuilder};
use serverless_crud::{
    app::{self, Config, CursorSecret, LogLevel},
    functions::Service,
    local::{self, Options, Server, StartError, TokenClaims},
};

/// Starts a server of the service of the tests.
pub async fn start(options: Options) -> Result<Server, StartError> {
    local::start(service(), options).await
}

/// A local server with an empty in-memory database on free ports.
pub struct TestServer {
    pub url: String,
    pub key: String,
    pub dynamodb_url: String,
    pub client: Client,
    server: Server,
}

impl TestServer {
    /// Starts a server.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts a server with changed options.
    pub async fn start_with(change: impl FnOnce(&mut Options)) -> Self {
        Self::of(service(), change).await
    }

    /// Starts a server of another service.
    pub async fn of(service: Service, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = in_memory();
        change(&mut options);
        let server = local::start(service, options).await.expect("a server on free ports starts");
        let (url, key, dynamodb_url) = (server.url().into(), server.key().into(), server.dynamodb_url().into());
        Self { url, key, dynamodb_url, client: Client::new(), server }
    }

    /// Creates a request with the API key.
    pub fn request<M: TryInto<Method, Error: Debug>>(&self, method: M, path: &str) -> RequestBuilder {
        self.anonymous(method, path).header("x-api-key", &self.key)
    }

    /// Creates a request without a key.
    pub fn anonymous<M: TryInto<Method, Error: Debug>>(&self, method: M, path: &str) -> RequestBuilder {
        self.client.request(method.try_into().expect("a method"), format!("{}{path}", self.url))
    }

    /// Returns a token of a local user.
    pub fn token(&self, user: &str, roles: &[&str]) -> String {
        let role = roles.iter().map(|&role| role.to_owned()).collect();
        let claims = TokenClaims { user: user.to_owned(), role, tenant: None, scope: String::new(), ttl: 3600 };
        self.server.token(&claims).expect("the issuer is the local one")
    }

    /// Stops the server and waits until it has stopped.
    pub async fn stop(self) {
        drop(self.client);
        self.server.shutdown().await;
    }
}

/// Returns options for an in-memory server on free ports.
pub fn in_memory() -> Options {
    Options { memory: true, quiet: true, no_consumers: true, port: 0, dynamodb_port: 0, ..Options::default() }
}

/// Returns the settings of a function that uses the tables of a local server.
pub fn config() -> Config {
    Config {
        table_prefix: "local-".into(),
        cursor_secret: CursorSecret::Value("0".repeat(32)),
        cors_origins: vec!["https://app.example.com".into()],
        log_level: LogLevel::Error,
        region: "local".into(),
        endpoint_url: None,
        application_roles: vec!["admin".into()],
        service_roles: Vec::new(),
        ca_bundle: None,
        events_endpoint_url: None,
        secrets_endpoint_url: None,
        event_bus: "test".into(),
        history_days: 1,
        upstream: None,
    }
}

/// Creates a client of DynamoDB.
pub fn dynamodb(url: &str) -> aws_sdk_dynamodb::Client {
    app::client(settings(url))
}

/// Creates the client of a function. The proxy checks its requests against the function's grants.
pub fn dynamodb_as(url: &str, function: &str) -> aws_sdk_dynamodb::Client {
    app::client(settings(url).app_name(AppName::new(function.to_owned()).expect("function names are valid")))
}

fn settings(url: &str) -> Builder {
    Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("local"))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .endpoint_url(url)
}
