//! Retries with backoff for requests that DynamoDB throttles or does not answer.

use std::time::Duration;

use super::{Failure, Halt};
use crate::error::Error;

/// The maximum number of attempts.
const ATTEMPTS: u32 = 12;
const FIRST_BACKOFF: Duration = Duration::from_millis(25);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Sends a repeatable request with retries while `is_held` returns true. Does not retry after a stop was requested.
///
/// # Errors
/// [`Failure::Fenced`] if the lock is not held, [`Failure::Store`] if DynamoDB refuses the request or stays unavailable,
/// [`Failure::Stopped`] if a stop was requested before a retry.
pub async fn with_retries<T, F>(halt: &Halt, is_held: impl Fn() -> bool, send: impl Fn() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut last_error = None;
    for attempt in 1.. {
        if !is_held() {
            return Err(last_error.map_or(Failure::Fenced, Failure::Store));
        }
        match send().await {
            Err(error @ Error::Unavailable(_)) if attempt < ATTEMPTS => {
                last_error = Some(error);
                let max_backoff = FIRST_BACKOFF.saturating_mul(2_u32.pow(attempt)).min(MAX_BACKOFF);
                halt.sleep(max_backoff.mul_f64(0.5 + fastrand::f64() / 2.0)).await?;
            }
            outcome => return outcome.map_err(Failure::Store),
        }
    }
    unreachable!("the last attempt returns")
}
