//! Counters of a run in progress.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of a run in progress, safe to read concurrently.
#[derive(Debug, Default)]
pub struct Progress {
    /// Rows scanned.
    pub scanned: AtomicU64,
    /// Rows written.
    pub written: AtomicU64,
    /// Rows refused.
    pub refused: AtomicU64,
    /// Read capacity units used, in thousandths.
    pub read_units: AtomicU64,
    /// Write capacity units used, in thousandths.
    pub write_units: AtomicU64,
}

impl Progress {
    /// Adds the capacity units of a read.
    pub(super) fn count_read(&self, units: f64) {
        self.read_units.fetch_add(thousandths(units), Ordering::Relaxed);
    }

    /// Adds the capacity units of a write.
    pub(super) fn count_write(&self, units: f64) {
        self.write_units.fetch_add(thousandths(units), Ordering::Relaxed);
    }
}

fn thousandths(units: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "units are few and not negative")]
    let thousandths = (units * 1e3).round() as u64;
    thousandths
}
