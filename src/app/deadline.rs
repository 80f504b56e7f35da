//! Requests to DynamoDB that fit into the time a function has left.

use std::time::Duration;

use aws_sdk_dynamodb::{
    config::{ConfigBag, Intercept, interceptors::BeforeSerializationInterceptorContextRef, timeout::TimeoutConfig},
    error::BoxError,
};
use tokio::time::{Instant, error::Elapsed};

use super::client::{ATTEMPT_TIMEOUT, MAX_ATTEMPTS};

tokio::task_local! {
    static DEADLINE: Instant;
}

/// Runs `work` for as long as `limit` allows; of its requests to DynamoDB, one that hangs leaves time for another.
///
/// # Errors
/// When it is not done by then.
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
    tokio::time::timeout(limit, DEADLINE.scope(Instant::now() + limit, work)).await
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
/// The work as a whole has a timer: one more for each request as a whole would wake the runtime once more.
fn share(left: Duration) -> Duration {
    ATTEMPT_TIMEOUT.min(left / MAX_ATTEMPTS)
}
