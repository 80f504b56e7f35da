//! When a run stops before its end: asked to, or at a time.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

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

    /// Waits until it is time to stop.
    pub(super) async fn wait(&self) {
        while !self.is_due() {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Whether to stop.
    pub fn is_due(&self) -> bool {
        self.asked.load(Ordering::Relaxed) || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}
