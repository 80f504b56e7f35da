//! The figures of one start of a program.

use std::time::Duration;

/// The measurements of one start.
#[derive(Debug)]
pub struct Sample {
    /// The time from the start to the first request for an event.
    pub init: Duration,
    /// The duration of the first event.
    pub first: Duration,
    /// Percentiles of warm events.
    pub p50: Duration,
    pub p90: Duration,
    pub p99: Duration,
    /// CPU time per warm event.
    pub cpu: Duration,
    /// Peak memory in bytes.
    pub memory: u64,
}
