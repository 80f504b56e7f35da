//! Patience with DynamoDB: a request is sent again while it throttles or does not answer.

use std::time::Duration;

use super::{Failure, Halt};
use crate::error::Error;

/// How often a request is sent in all.
const ATTEMPTS: u32 = 12;
const FIRST_BACKOFF: Duration = Duration::from_millis(25);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// Sends a request that may be repeated, for as long as the lock is `held`; once it is time to stop, not again.
///
/// # Errors
/// [`Failure::Fenced`] when the lock is not held, [`Failure::Store`] when DynamoDB refuses, or stays away for so long or
/// until then, [`Failure::Stopped`] when there was no time for that.
pub async fn patiently<T, F>(halt: &Halt, held: impl Fn() -> bool, send: impl Fn() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut last = None;
    for attempt in 1.. {
        if !held() {
            return Err(last.map_or(Failure::Fenced, Failure::Store));
        }
        match send().await {
            Err(error @ Error::Unavailable(_)) if attempt < ATTEMPTS => {
                last = Some(error);
                let longest = FIRST_BACKOFF.saturating_mul(2_u32.pow(attempt)).min(LONGEST_BACKOFF);
                halt.sleep(longest.mul_f64(0.5 + fastrand::f64() / 2.0)).await?;
            }
            outcome => return outcome.map_err(Failure::Store),
        }
    }
    unreachable!("the last attempt returns")
}
