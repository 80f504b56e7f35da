//! What a cold start builds: the store, out of the settings.

mod client;
mod deadline;
mod signature;
mod tls;

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, environment::EnvironmentVariableCredentialsProvider};
use aws_sdk_dynamodb::{Client, config::Builder};

use crate::store::{CursorKey, Store};
pub use crate::{
    config::{Config, ConfigError, LogLevel},
    deadline::within,
    store::metered,
};
pub use client::{client, client_over};
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
    /// Builds the app over a DynamoDB client.
    pub fn new(config: Config, client: Client) -> Arc<Self> {
        let store = Store::new(client, &config.table_prefix, CursorKey::new(&config.cursor_secret));
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
        let client = client_over(https_client(Roots::in_lambda(&config)), sdk);
        Self::new(config, client)
    }

    /// Opens the way to DynamoDB, so that the first request finds it open.
    ///
    /// A Lambda starts on a whole core, whatever its memory: what is done here costs the first caller nothing.
    /// It never fails, and ends within half a second: a way that stays shut is the first request's to report.
    pub async fn prime(&self) {
        let _ = tokio::time::timeout(PRIME_LIMIT, self.store.prime()).await;
    }
}
