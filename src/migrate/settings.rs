//! How a run goes about it.

use std::{ops::RangeInclusive, time::Duration};

use super::LockSettings;

/// The units a second a budget may have.
pub const RATES: RangeInclusive<f64> = 0.1..=1e6;
/// Into how many segments a table may be cut.
pub const SEGMENTS: RangeInclusive<u16> = 1..=256;

/// How much is done at once.
#[derive(Clone, Debug)]
pub struct Width {
    /// Into how many segments a table is cut.
    pub segments: u16,
    /// How many writes are under way at once, in all segments together.
    pub writes: u16,
    /// How many rows a page looks at.
    pub page: u16,
}

/// How a run goes about it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The lock.
    pub lock: LockSettings,
    /// How much at once.
    pub width: Width,
    /// At most so many read units a second.
    pub max_rcu: Option<f64>,
    /// At most so many write units a second.
    pub max_wcu: Option<f64>,
    /// The last migration to apply.
    pub to: Option<u32>,
    /// One that is applied, to be run again: for records written in the old shape since.
    pub again: Option<u32>,
}

impl Settings {
    /// Settings that suit a table of any size.
    pub fn new(who: impl Into<String>) -> Self {
        Self {
            lock: LockSettings { who: who.into(), lease: Duration::from_secs(30), patience: Duration::ZERO },
            width: Width { segments: 4, writes: 32, page: 500 },
            max_rcu: None,
            max_wcu: None,
            to: None,
            again: None,
        }
    }
}
