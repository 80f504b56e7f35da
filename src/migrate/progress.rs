//! What a run has done so far, for whoever watches it.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a run has done so far; others may look.
#[derive(Debug, Default)]
pub struct Progress {
    /// Rows looked at.
    pub scanned: AtomicU64,
    /// Rows written.
    pub written: AtomicU64,
    /// Rows that refused.
    pub refused: AtomicU64,
    /// Read units used, in thousandths.
    pub read_units: AtomicU64,
    /// Write units used, in thousandths.
    pub write_units: AtomicU64,
}

impl Progress {
    /// Adds what a read used.
    pub(super) fn count_read(&self, units: f64) {
        self.read_units.fetch_add(thousandths(units), Ordering::Relaxed);
    }

    /// Adds what a write used.
    pub(super) fn count_write(&self, units: f64) {
        self.write_units.fetch_add(thousandths(units), Ordering::Relaxed);
    }
}

fn thousandths(units: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "units are few and not negative")]
    let thousandths = (units * 1e3).round() as u64;
    thousandths
}
