//! What a cold start builds: the store, out of the settings.

mod client;
mod deadline;
mod secrets;
mod signature;
mod tls;

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, environment::EnvironmentVariableCredentialsProvider};
use aws_sdk_dynamodb::{
    Client,
    config::{Builder, SharedHttpClient},
};

pub use crate::{
    config::{Config, ConfigError, CursorSecret, LogLevel},
    deadline::within,
    store::metered,
};
use crate::{cursors::CursorKeys, store::Store};
pub use client::{client, client_over};
pub use secrets::secrets_client;
pub use signature::KeptKey;
pub use tls::{Roots, http_client, https_client};

/// How long the start waits for DynamoDB at most.
const PRIME_LIMIT: Duration = Duration::from_millis(500);

/// What every handler works with.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The tables.
    pub store: Store,
}

impl App {
    /// Builds the app over a DynamoDB client, with the cursor key the settings hold, if they hold one.
    pub fn new(config: Config, client: Client) -> Arc<Self> {
        let keys = match &config.cursor_secret {
            CursorSecret::Value(secret) => CursorKeys::fixed(secret),
            CursorSecret::None | CursorSecret::Arn(_) => CursorKeys::none(),
        };
        Self::with_cursor_keys(config, client, keys)
    }

    /// Builds the app over a DynamoDB client, with other cursor keys.
    pub fn with_cursor_keys(config: Config, client: Client, keys: CursorKeys) -> Arc<Self> {
        let store = Store::new(client, &config.table_prefix, keys);
        Arc::new(Self { config, store })
    }

    /// Builds the app in a Lambda: credentials and region come from its environment, so that no other
    /// source is asked, and AWS's own roots are trusted, or those of `AWS_CA_BUNDLE`.
    pub fn in_lambda(config: Config) -> Arc<Self> {
        let sdk = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(config.region.clone()))
            .credentials_provider(EnvironmentVariableCredentialsProvider::new());
        let sdk = match &config.endpoint_url {
            Some(url) => sdk.endpoint_url(url),
            None => sdk,
        };
        let sdk = KeptKey::install(sdk, &config.region);
        let http = https_client(Roots::in_lambda(&config));
        let client = client_over(http.clone(), sdk);
        let keys = match &config.cursor_secret {
            CursorSecret::Arn(arn) => CursorKeys::fetched(secrets_in_lambda(http, &config), arn),
            CursorSecret::None | CursorSecret::Value(_) => return Self::new(config, client),
        };
        Self::with_cursor_keys(config, client, keys)
    }

    /// Opens the way to DynamoDB, so that the first request finds it open.
    ///
    /// A Lambda starts on a whole core, whatever its memory: what is done here costs the first caller nothing.
    /// It never fails, and ends within half a second: a way that stays shut is the first request's to report. The keys
    /// of cursors are asked for too, where the function has any, but not waited for.
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
