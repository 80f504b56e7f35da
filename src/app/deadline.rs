//! Requests to DynamoDB that fit into the time a function has left.

use std::time::Duration;

use aws_sdk_dynamodb::{
    config::{ConfigBag, Intercept, interceptors::BeforeSerializationInterceptorContextRef, timeout::TimeoutConfig},
    error::BoxError,
};
use tokio::time::Instant;

use super::client::{ATTEMPT_TIMEOUT, MAX_ATTEMPTS};

tokio::task_local! {
    static DEADLINE: Instant;
}

/// Runs `work`, whose requests to DynamoDB are to be over within `limit`, retries among them.
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> T {
    DEADLINE.scope(Instant::now() + limit, work).await
}

/// Gives each request its share of the time left.
#[derive(Debug)]
pub struct FitToDeadline;

impl Intercept for FitToDeadline {
    fn name(&self) -> &'static str {
        "FitToDeadline"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        settings: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Outside of `within` nobody waits.
        let Ok(left) = DEADLINE.try_with(|deadline| deadline.saturating_duration_since(Instant::now())) else {
            return Ok(());
        };
        let (operation, attempt) = shares(left);
        let timeouts = TimeoutConfig::builder().operation_timeout(operation).operation_attempt_timeout(attempt);
        settings.interceptor_state().store_put(timeouts.build());
        Ok(())
    }
}

/// How long a request may take in all, and each attempt of it, so that one that hangs leaves time for the others.
fn shares(left: Duration) -> (Duration, Duration) {
    (left, ATTEMPT_TIMEOUT.min(left / MAX_ATTEMPTS))
}
