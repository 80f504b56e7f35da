//! Attempt timeouts that respect the deadline of the function.

use std::time::Duration;

use aws_sdk_dynamodb::{
    config::{ConfigBag, Intercept, interceptors::BeforeSerializationInterceptorContextRef, timeout::TimeoutConfig},
    error::BoxError,
};

use crate::deadline::remaining;

/// The time limit of an attempt. It is shorter if less time remains, see [`within`](crate::deadline::within).
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(2500);
/// The maximum number of attempts of a request.
pub const MAX_ATTEMPTS: u32 = 3;

/// An interceptor that limits each attempt to its share of the remaining time.
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
        // Without a deadline the default timeout applies.
        let Some(left) = remaining() else { return Ok(()) };
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(attempt_timeout(left));
        settings.interceptor_state().store_put(timeouts.build());
        Ok(())
    }
}

/// Returns the time limit of an attempt, which leaves time for further attempts.
///
/// The request as a whole needs no timeout, because the task has one. A second timer would cost another wake-up.
fn attempt_timeout(left: Duration) -> Duration {
    ATTEMPT_TIMEOUT.min(left / MAX_ATTEMPTS)
}
