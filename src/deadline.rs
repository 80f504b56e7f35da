//! The deadline of the current task.

use std::time::Duration;

use tokio::time::{Instant, error::Elapsed, timeout};

tokio::task_local! {
    static DEADLINE: Instant;
}

/// Runs `work` with a time limit.
///
/// Requests to DynamoDB respect the limit: a request that hangs leaves time for another attempt, and retries end before
/// the deadline.
///
/// # Errors
/// Returns an error if `work` does not complete in time.
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
    timeout(limit, DEADLINE.scope(Instant::now() + limit, work)).await
}

/// Returns the remaining time, or `None` if the current task has no deadline.
pub fn remaining() -> Option<Duration> {
    DEADLINE.try_with(|deadline| deadline.saturating_duration_since(Instant::now())).ok()
}
