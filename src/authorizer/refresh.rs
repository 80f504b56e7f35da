//! The times at which the keys of an issuer are fetched again.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// The number of refreshes for unknown keys in short order.
const BURST: u32 = 4;
/// The maximum number of names without a key that are remembered.
const MAX_ABSENT: usize = 128;

/// The intervals of a [`Schedule`].
#[derive(Clone, Copy, Debug)]
pub struct Intervals {
    /// The time after which a further refresh for an unknown key is allowed.
    pub refill: Duration,
    /// The age at which the keys are fetched again, so that a key that the issuer withdrew does not stay valid.
    pub period: Duration,
    /// The time between two attempts to fetch keys of that age.
    pub retry: Duration,
    /// The time for which a name without a key is remembered.
    pub absent: Duration,
}

impl Default for Intervals {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { refill: seconds(15), period: seconds(600), retry: seconds(60), absent: seconds(60) }
    }
}

/// A schedule of refreshes.
///
/// Anybody can send a token with an unknown key, before anything of it is verified. A refresh for one brings all new keys,
/// so that a new key is known at the latest when the next refresh is allowed, however many tokens with invented keys come.
/// An invented one that is repeated causes few refreshes, so that they are left for others.
pub struct Schedule {
    intervals: Intervals,
    left: u32,
    refilled: Instant,
    due: Instant,
    absent: HashMap<String, Instant>,
}

impl Schedule {
    /// Creates a schedule whose first periodic refresh is due one period after `now`.
    pub fn new(intervals: Intervals, now: Instant) -> Self {
        Self { intervals, left: BURST, refilled: now, due: now + intervals.period, absent: HashMap::new() }
    }

    /// Returns true if the keys are to be fetched because of their age.
    pub fn is_due(&self, now: Instant) -> bool {
        now >= self.due
    }

    /// Returns true if the keys are to be fetched because of an unknown one, and counts that.
    pub fn take(&mut self, key_id: &str, now: Instant) -> bool {
        if self.absent.get(key_id).is_some_and(|until| now < *until) {
            return false;
        }
        let refills = (now - self.refilled).as_nanos() / self.intervals.refill.as_nanos().max(1);
        if refills > 0 {
            self.left = self.left.saturating_add(u32::try_from(refills).unwrap_or(BURST)).min(BURST);
            self.refilled = now;
        }
        let is_allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_allowed
    }

    /// Records the end of a refresh.
    pub fn ended(&mut self, is_success: bool, now: Instant) {
        self.due = now + if is_success { self.intervals.period } else { self.intervals.retry };
    }

    /// Records that the issuer has no key of this name.
    pub fn remember_absent(&mut self, key_id: &str, now: Instant) {
        if self.absent.len() >= MAX_ABSENT {
            self.absent.retain(|_, until| now < *until);
        }
        if self.absent.len() < MAX_ABSENT {
            self.absent.insert(key_id.to_owned(), now + self.intervals.absent);
        }
    }
}
