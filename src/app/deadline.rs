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
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(share(left));
        settings.interceptor_state().store_put(timeouts.build());
        Ok(())
    }
}

/// How long an attempt may take, so that one that hangs leaves time for the others.
///
/// Whoever calls `within` ends the work itself when the time is up: a timeout of the request as a whole would be one
/// more timer for each, and each timer wakes the runtime once more.
fn share(left: Duration) -> Duration {
    ATTEMPT_TIMEOUT.min(left / MAX_ATTEMPTS)
}
