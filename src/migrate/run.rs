//! The state of a run of `up`, which its migrations share.

use tokio::sync::Semaphore;

use super::{Budget, Failure, Halt, Lock, Progress, Settings, retry::with_retries};
use crate::{error::Error, store::Store};

/// A run that holds the lock. Its migrations share this state.
pub struct Run<'a> {
    pub(super) store: &'a Store,
    pub(super) lock: &'a Lock<'a>,
    pub(super) settings: &'a Settings,
    pub(super) reads: Budget,
    pub(super) writes: Budget,
    /// Limits the number of concurrent writes.
    pub(super) slots: Semaphore,
    pub(super) halt: &'a Halt,
    pub(super) progress: &'a Progress,
}

impl Run<'_> {
    /// Sends a request with retries, only while the lock is held.
    pub(super) async fn with_retries<T, F>(&self, send: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Error>>,
    {
        with_retries(self.halt, || self.lock.is_valid(), send).await
    }
}
