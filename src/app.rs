//! What a cold start builds: the store, out of the settings.

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, environment::EnvironmentVariableCredentialsProvider};
use aws_sdk_dynamodb::{
    Client,
    config::{Builder, SharedHttpClient, retry::RetryConfig, timeout::TimeoutConfig},
};
use aws_smithy_http_client::tls;

use crate::store::{CursorKey, Store};
pub use crate::{
    config::{Config, ConfigError, LogLevel},
    store::metered,
};

const CONNECT_TIMEOUT: Duration = Duration::from_millis(1000);
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(2500);
const MAX_ATTEMPTS: u32 = 3;

/// What every handler works with.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The tables.
    pub store: Store,
}

impl App {
    /// Builds the app over a DynamoDB client.
    pub fn new(config: Config, client: Client) -> Arc<Self> {
        let store = Store::new(client, &config.table_prefix, CursorKey::new(&config.cursor_secret));
        Arc::new(Self { config, store })
    }

    /// Builds the app in a Lambda: credentials and region come from its environment, so that no other
    /// source is asked.
    pub fn in_lambda(config: Config) -> Arc<Self> {
        let sdk = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(config.region.clone()))
            .credentials_provider(EnvironmentVariableCredentialsProvider::new());
        let sdk = match &config.endpoint_url {
            Some(url) => sdk.endpoint_url(url),
            None => sdk,
        };
        let client = client(sdk);
        Self::new(config, client)
    }
}

/// A DynamoDB client with this service's timeouts, retries and TLS.
pub fn client(sdk: Builder) -> Client {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT);
    let sdk = sdk
        .http_client(http_client())
        .timeout_config(timeouts.build())
        .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS));
    Client::from_conf(sdk.build())
}

/// The HTTP client of the AWS SDK.
///
/// Its TLS is ring's: the default, aws-lc, gathers entropy from CPU jitter for 22 ms of CPU in the first handshake.
pub fn http_client() -> SharedHttpClient {
    let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    aws_smithy_http_client::Builder::new().tls_provider(provider).build_https()
}
