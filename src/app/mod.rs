//! The application that a cold start builds: settings, clients and store.

mod client;
mod deadline;
mod rewrite;
mod secrets;
mod tls;

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, environment::EnvironmentVariableCredentialsProvider};
use aws_sdk_dynamodb::{
    Client,
    config::{Builder, SharedHttpClient},
};
use futures_util::future::join;

pub use crate::config::{Config, ConfigError, CursorSecret, LogLevel};
use crate::{
    config::{ApiKeySource, UpstreamConfig},
    cursors::CursorKeys,
    error::Error,
    store::Store,
    upstream::{ApiKeys, Upstream},
};
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
    /// The client of the upstream API, in functions that call it.
    upstream: Option<Upstream>,
}

impl App {
    /// Creates the app with a DynamoDB client, and with the values of secrets in the settings if any.
    pub fn new(config: Config, client: Client) -> Arc<Self> {
        Self::with_secrets(config, client, None)
    }

    /// Creates the app with a DynamoDB client, and a client of Secrets Manager for the secrets that the settings name.
    pub fn with_secrets(config: Config, client: Client, secrets: Option<&aws_sdk_secretsmanager::Client>) -> Arc<Self> {
        let keys = match (&config.cursor_secret, secrets) {
            (CursorSecret::Value(secret), _) => CursorKeys::fixed(secret),
            (CursorSecret::Arn(arn), Some(secrets)) => CursorKeys::fetched(secrets.clone(), arn),
            (CursorSecret::None | CursorSecret::Arn(_), _) => CursorKeys::none(),
        };
        let store = Store::new(client, &config.table_prefix, keys);
        let upstream = config.upstream.clone().map(|upstream| upstream_client(upstream, secrets));
        Arc::new(Self { config, store, upstream })
    }

    /// Returns the client of the upstream API.
    ///
    /// # Errors
    /// Returns [`Error::Internal`] if the settings name no upstream API.
    pub fn upstream(&self) -> Result<&Upstream, Error> {
        let missing = || Error::Internal("the environment variable UPSTREAM_URL is not set".into());
        self.upstream.as_ref().ok_or_else(missing)
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
        let secrets = config.has_secrets().then(|| secrets_in_lambda(http, &config));
        Self::with_secrets(config, client, secrets.as_ref())
    }

    /// Opens the connections for the first request, and starts to fetch the secrets.
    ///
    /// Lambda runs the initialization on a whole core, whatever the memory of the function, so work done here saves time in
    /// the first request. The method never fails and takes at most half a second: the first request reports a connection
    /// error. It does not wait for the secrets.
    pub async fn prime(&self) {
        self.store.cursor_keys().prime();
        let upstream = async {
            if let Some(upstream) = &self.upstream {
                upstream.prime().await;
            }
        };
        let _ = tokio::time::timeout(PRIME_LIMIT, join(self.store.prime(), upstream)).await;
    }
}

fn upstream_client(config: UpstreamConfig, secrets: Option<&aws_sdk_secretsmanager::Client>) -> Upstream {
    let keys = match (&config.key, secrets) {
        (ApiKeySource::Value(key), _) => ApiKeys::fixed(key.clone()),
        (ApiKeySource::Arn(arn), Some(secrets)) => ApiKeys::fetched(secrets.clone(), arn),
        (ApiKeySource::None | ApiKeySource::Arn(_), _) => ApiKeys::none(),
    };
    Upstream::new(config, keys)
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
