//! The times at which the keys of an issuer are fetched again.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// The number of refreshes for unknown keys in short order.
const BURST: u32 = 4;
/// The time after which a further refresh for an unknown key is allowed.
const REFILL: Duration = Duration::from_secs(15);
/// The age at which the keys are fetched again, so that a key that the issuer withdrew does not stay valid.
const PERIOD: Duration = Duration::from_secs(600);
/// The time between two attempts to fetch keys of that age.
const RETRY: Duration = Duration::from_secs(60);
/// The time for which a name without a key is remembered.
const ABSENT: Duration = Duration::from_secs(60);
const MAX_ABSENT: usize = 128;

/// A schedule of refreshes.
///
/// Anybody can send a token with an unknown key, before anything of it is verified. A refresh for one brings all new keys,
/// so that a new key is known at the latest [`REFILL`] after it was published, however many tokens with invented ones come. An
/// invented one that is repeated causes one refresh in [`ABSENT`].
pub struct Schedule {
    left: u32,
    refilled: Instant,
    due: Instant,
    absent: HashMap<String, Instant>,
}

impl Schedule {
    /// Creates a schedule whose first periodic refresh is due after `now` by the period.
    pub fn new(now: Instant) -> Self {
        Self { left: BURST, refilled: now, due: now + PERIOD, absent: HashMap::new() }
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
        let refills = u32::try_from((now - self.refilled).as_millis() / REFILL.as_millis()).unwrap_or(BURST);
        if refills > 0 {
            self.left = self.left.saturating_add(refills).min(BURST);
            self.refilled = now;
        }
        let is_allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_allowed
    }

    /// Records the end of a refresh.
    pub fn ended(&mut self, is_success: bool, now: Instant) {
        self.due = now + if is_success { PERIOD } else { RETRY };
    }

    /// Records that the issuer has no key of this name.
    pub fn remember_absent(&mut self, key_id: &str, now: Instant) {
        if self.absent.len() >= MAX_ABSENT {
            self.absent.retain(|_, until| now < *until);
        }
        if self.absent.len() < MAX_ABSENT {
            self.absent.insert(key_id.to_owned(), now + ABSENT);
        }
    }
}
