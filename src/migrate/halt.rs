//! Stopping a run before its end, on request or at a deadline.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use super::Failure;

/// The interval at which a waiting run checks for a stop.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A stop signal with an optional deadline.
#[derive(Debug, Default)]
pub struct Halt {
    is_stop_requested: AtomicBool,
    deadline: Option<Instant>,
}

impl Halt {
    /// Creates a signal that stops a run at `deadline` at the latest.
    pub fn at(deadline: Instant) -> Self {
        Self { is_stop_requested: AtomicBool::new(false), deadline: Some(deadline) }
    }

    /// Requests a stop as soon as the requests in progress are done.
    pub fn request_stop(&self) {
        self.is_stop_requested.store(true, Ordering::Relaxed);
    }

    /// Sleeps, unless a stop is due before that.
    ///
    /// # Errors
    /// [`Failure::Stopped`] if a stop is due.
    pub(super) async fn sleep(&self, time: Duration) -> Result<(), Failure> {
        let end = Instant::now() + time;
        while !self.should_stop() {
            let remaining = end.saturating_duration_since(Instant::now());
            if remaining.is_zero() {
                return Ok(());
            }
            tokio::time::sleep(remaining.min(POLL_INTERVAL)).await;
        }
        Err(Failure::Stopped)
    }

    /// Returns true if a stop was requested or the deadline has passed.
    pub fn should_stop(&self) -> bool {
        self.is_stop_requested.load(Ordering::Relaxed)
            || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}
