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

use super::{
    deadline::{ATTEMPT_TIMEOUT, FitToDeadline, MAX_ATTEMPTS},
    observe::Observe,
    tls::http_client,
};

/// The time limit to open a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(1000);
/// The retry budget. A retry takes 5 tokens, or 10 after a timeout, and a success returns them. After a hundred
/// unsuccessful retries, each request is sent only once.
const RETRY_TOKENS: usize = 500;

/// Creates a DynamoDB client with this service's timeouts, retries and TLS, which trusts the system's roots.
pub fn client(sdk: Builder) -> Client {
    client_with_http(http_client(), sdk)
}

/// Creates a DynamoDB client with this service's timeouts and retries and the given HTTP client.
pub fn client_with_http(http: SharedHttpClient, sdk: Builder) -> Client {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT);
    let budget = RetryPartition::custom("serverless-crud").token_bucket(TokenBucket::new(RETRY_TOKENS)).build();
    let sdk = sdk
        .http_client(http)
        .timeout_config(timeouts.build())
        .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS))
        .retry_partition(budget)
        // The protection is for streamed bodies. DynamoDB's responses are complete within the timeout of an attempt.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .interceptor(FitToDeadline)
        .interceptor(Observe);
    Client::from_conf(sdk.build())
}
