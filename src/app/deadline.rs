//! Requests to DynamoDB that fit into the time a function has left.

use std::time::Duration;

use aws_sdk_dynamodb::{
    config::{ConfigBag, Intercept, interceptors::BeforeSerializationInterceptorContextRef, timeout::TimeoutConfig},
    error::BoxError,
};

use super::client::{ATTEMPT_TIMEOUT, MAX_ATTEMPTS};
use crate::deadline::remaining;

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
        // Without a limit nobody waits.
        let Some(left) = remaining() else { return Ok(()) };
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
