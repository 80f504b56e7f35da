//! When a run stops before its end: asked to, or at a time.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use super::Failure;

/// How often a wait looks whether to stop.
const LOOK: Duration = Duration::from_millis(100);

/// When to stop before the end.
#[derive(Debug, Default)]
pub struct Halt {
    asked: AtomicBool,
    deadline: Option<Instant>,
}

impl Halt {
    /// Stops at this time at the latest.
    pub fn at(deadline: Instant) -> Self {
        Self { asked: AtomicBool::new(false), deadline: Some(deadline) }
    }

    /// Stops as soon as what is under way is done.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Waits, unless it is time to stop before that is over.
    ///
    /// # Errors
    /// [`Failure::Stopped`].
    pub(super) async fn sleep(&self, time: Duration) -> Result<(), Failure> {
        let end = Instant::now() + time;
        while !self.is_due() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            tokio::time::sleep(left.min(LOOK)).await;
        }
        Err(Failure::Stopped)
    }

    /// Whether to stop.
    pub fn is_due(&self) -> bool {
        self.asked.load(Ordering::Relaxed) || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}
