//! The DynamoDB client: its timeouts, its retries and their budget.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    config::{
        Builder, SharedHttpClient, StalledStreamProtectionConfig,
        retry::{RetryConfig, RetryPartition, TokenBucket},
        timeout::TimeoutConfig,
    },
};

use super::{deadline::FitToDeadline, tls::http_client};

/// How long a connection may take to open.
pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(1000);
/// The longest an attempt may take; less where less time is left, see [`within`](super::within).
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(2500);
/// How often a request is sent in all.
pub const MAX_ATTEMPTS: u32 = 3;
/// What a retry takes from the budget (5 tokens, 10 after a timeout), until a success brings it back: past a hundred
/// retries in vain a database in trouble gets each request once.
const RETRY_TOKENS: usize = 500;

/// A DynamoDB client with this service's timeouts, retries and TLS, which trusts what the system trusts.
pub fn client(sdk: Builder) -> Client {
    client_over(http_client(), sdk)
}

/// A DynamoDB client with this service's timeouts and retries, over an HTTP client.
pub fn client_over(http: SharedHttpClient, sdk: Builder) -> Client {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT);
    let budget = RetryPartition::custom("serverless-crud").token_bucket(TokenBucket::new(RETRY_TOKENS)).build();
    let sdk = sdk
        .http_client(http)
        .timeout_config(timeouts.build())
        .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS))
        .retry_partition(budget)
        // It watches streamed bodies; DynamoDB's answers come whole, within an attempt's timeout.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .interceptor(FitToDeadline);
    Client::from_conf(sdk.build())
}
