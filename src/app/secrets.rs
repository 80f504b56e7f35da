//! The client of AWS Secrets Manager: its timeouts and retries.

use std::time::Duration;

use aws_sdk_secretsmanager::{
    Client,
    config::{Builder, SharedHttpClient, StalledStreamProtectionConfig, retry::RetryConfig, timeout::TimeoutConfig},
};

use super::client::CONNECT_TIMEOUT;

const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(900);
const MAX_ATTEMPTS: u32 = 3;
const FIRST_BACKOFF: Duration = Duration::from_millis(50);

/// Creates a client of Secrets Manager with this service's timeouts and retries and the given HTTP client.
pub fn secrets_client(http: SharedHttpClient, sdk: Builder) -> Client {
    // With the same connection timeout as DynamoDB's client, both share one TLS configuration.
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT);
    let retries = RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS).with_initial_backoff(FIRST_BACKOFF);
    let sdk = sdk
        .http_client(http)
        .timeout_config(timeouts.build())
        .retry_config(retries)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    Client::from_conf(sdk.build())
}
