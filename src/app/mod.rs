//! The application that a cold start builds: settings, clients and store.

mod client;
mod deadline;
mod secrets;
mod tls;

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, environment::EnvironmentVariableCredentialsProvider};
use aws_sdk_dynamodb::{
    Client,
    config::{Builder, SharedHttpClient},
};

pub use crate::config::{Config, ConfigError, CursorSecret, LogLevel};
use crate::{cursors::CursorKeys, store::Store};
pub use client::{client, client_with_http};
pub use secrets::secrets_client;
pub use tls::{Roots, http_client, https_client};

/// The maximum time that the start waits for DynamoDB.
const PRIME_LIMIT: Duration = Duration::from_millis(500);

/// The state that all handlers share.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The tables.
    pub store: Store,
}

impl App {
    /// Creates the app with a DynamoDB client, and with the cursor key in the settings if any.
    pub fn new(config: Config, client: Client) -> Arc<Self> {
        let keys = match &config.cursor_secret {
            CursorSecret::Value(secret) => CursorKeys::fixed(secret),
            CursorSecret::None | CursorSecret::Arn(_) => CursorKeys::none(),
        };
        Self::with_cursor_keys(config, client, keys)
    }

    /// Creates the app with a DynamoDB client and cursor keys.
    pub fn with_cursor_keys(config: Config, client: Client, keys: CursorKeys) -> Arc<Self> {
        let store = Store::new(client, &config.table_prefix, keys);
        Arc::new(Self { config, store })
    }

    /// Creates the app in a Lambda function. Credentials and region come from the environment alone. The trusted roots are
    /// Amazon's, or those of `AWS_CA_BUNDLE`.
    pub fn in_lambda(config: Config) -> Arc<Self> {
        let sdk = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(config.region.clone()))
            .credentials_provider(EnvironmentVariableCredentialsProvider::new());
        let sdk = match &config.endpoint_url {
            Some(url) => sdk.endpoint_url(url),
            None => sdk,
        };
        let http = https_client(Roots::in_lambda(&config));
        let client = client_with_http(http.clone(), sdk);
        let keys = match &config.cursor_secret {
            CursorSecret::Arn(arn) => CursorKeys::fetched(secrets_in_lambda(http, &config), arn),
            CursorSecret::None | CursorSecret::Value(_) => return Self::new(config, client),
        };
        Self::with_cursor_keys(config, client, keys)
    }

    /// Opens the connection to DynamoDB for the first request, and starts to fetch the cursor keys.
    ///
    /// Lambda runs the initialization on a whole core, whatever the memory of the function, so work done here saves time in
    /// the first request. The method never fails and takes at most half a second: the first request reports a connection
    /// error. It does not wait for the cursor keys.
    pub async fn prime(&self) {
        self.store.cursor_keys().prime();
        let _ = tokio::time::timeout(PRIME_LIMIT, self.store.prime()).await;
    }
}

fn secrets_in_lambda(http: SharedHttpClient, config: &Config) -> aws_sdk_secretsmanager::Client {
    let sdk = aws_sdk_secretsmanager::config::Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(config.region.clone()))
        .credentials_provider(EnvironmentVariableCredentialsProvider::new());
    let sdk = match &config.secrets_endpoint_url {
        Some(url) => sdk.endpoint_url(url),
        None => sdk,
    };
    secrets_client(http, sdk)
}
