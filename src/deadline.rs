//! The time limit of the work in progress.

use std::time::Duration;

use tokio::time::{Instant, error::Elapsed, timeout};

tokio::task_local! {
    static DEADLINE: Instant;
}

/// Runs `work` for as long as `limit` allows.
///
/// Requests to DynamoDB fit into the limit: one that hangs leaves time for another, and retries end before it does.
///
/// # Errors
/// When it is not done by then.
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
    timeout(limit, DEADLINE.scope(Instant::now() + limit, work)).await
}

/// Returns the time that is left; none where the work has no limit.
pub fn remaining() -> Option<Duration> {
    DEADLINE.try_with(|deadline| deadline.saturating_duration_since(Instant::now())).ok()
}
