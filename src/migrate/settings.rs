//! The settings of a run.

use std::{ops::RangeInclusive, time::Duration};

use super::LockSettings;

/// The valid rates of a budget, in units per second.
pub const RATES: RangeInclusive<f64> = 0.1..=1e6;
/// The valid numbers of parallel segments of a table.
pub const SEGMENTS: RangeInclusive<u16> = 1..=256;

/// The degree of parallelism of a run.
#[derive(Clone, Debug)]
pub struct Parallelism {
    /// The number of parallel segments a table is scanned in.
    pub segments: u16,
    /// The maximum number of concurrent writes, over all segments.
    pub writes: u16,
    /// The maximum number of rows a page scans.
    pub page_size: u16,
}

/// The settings of a run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The lock settings.
    pub lock: LockSettings,
    /// The degree of parallelism.
    pub parallelism: Parallelism,
    /// The maximum read capacity units per second.
    pub max_rcu: Option<f64>,
    /// The maximum write capacity units per second.
    pub max_wcu: Option<f64>,
    /// The last migration to apply.
    pub to: Option<u32>,
    /// An applied migration to run again, for records written in the old shape since.
    pub again: Option<u32>,
}

impl Settings {
    /// Returns settings that suit a table of any size.
    pub fn new(who: impl Into<String>) -> Self {
        Self {
            lock: LockSettings { who: who.into(), lease: Duration::from_secs(30), wait_timeout: Duration::ZERO },
            parallelism: Parallelism { segments: 4, writes: 32, page_size: 500 },
            max_rcu: None,
            max_wcu: None,
            to: None,
            again: None,
        }
    }
}
