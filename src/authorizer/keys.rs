//! The known keys of the issuer.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use serde_json::json;

use super::{
    discovery::Discovery,
    jwks::Key,
    refresh::{Intervals, Schedule},
    refusal::{Reason, Refusal},
};
use crate::{config::LogLevel, telemetry};

/// The keys of the issuer, which are fetched when they are unknown or old.
pub struct Keys {
    discovery: Option<Discovery>,
    state: Mutex<State>,
    /// Held by the request that fetches.
    fetch: tokio::sync::Mutex<()>,
}

struct State {
    known: Arc<[Key]>,
    schedule: Schedule,
    /// The number of fetches that were started.
    started: u64,
    /// The number of the last fetch that ended.
    ended: u64,
    /// True if the last fetch failed.
    has_failed: bool,
}

impl Keys {
    /// Creates keys that are never fetched.
    pub fn fixed(keys: Vec<Key>) -> Self {
        Self::new(None, keys, Intervals::default())
    }

    /// Creates keys that are fetched from the issuer.
    pub fn discovered(discovery: Discovery, intervals: Intervals) -> Self {
        Self::new(Some(discovery), Vec::new(), intervals)
    }

    fn new(discovery: Option<Discovery>, keys: Vec<Key>, intervals: Intervals) -> Self {
        let (schedule, known) = (Schedule::new(intervals, Instant::now()), keys.into());
        let state = State { known, schedule, started: 0, ended: 0, has_failed: false };
        Self { discovery, state: Mutex::new(state), fetch: tokio::sync::Mutex::default() }
    }

    /// Fetches the keys for the first requests. A failure is logged, and the first request fetches again.
    pub async fn prime(&self) {
        let _fetch = self.fetch.lock().await;
        self.refresh().await;
    }

    /// Returns the keys of this name.
    ///
    /// An issuer that does not answer does not matter as long as it has a known key of the name. Otherwise the token is
    /// neither accepted nor called invalid.
    ///
    /// # Errors
    /// [`Reason::UnknownKey`] if the issuer has none; [`Refusal::Unavailable`] if that cannot be found out.
    pub async fn find(&self, id: &str) -> Result<Vec<Key>, Refusal> {
        self.refresh_old().await;
        let known = self.known(id);
        if !known.is_empty() {
            return Ok(known);
        }
        self.refresh_for(id).await;
        let known = self.known(id);
        if !known.is_empty() {
            return Ok(known);
        }
        let mut state = self.state();
        if state.has_failed {
            return Err(Refusal::Unavailable);
        }
        state.schedule.remember_absent(id, Instant::now());
        Err(Reason::UnknownKey.into())
    }

    fn known(&self, id: &str) -> Vec<Key> {
        self.state().known.iter().filter(|key| key.id == id).cloned().collect()
    }

    /// Fetches keys that are old. One request does; others go on with the known keys in the meantime.
    async fn refresh_old(&self) {
        if self.state().schedule.is_due(Instant::now())
            && let Ok(_fetch) = self.fetch.try_lock()
        {
            self.refresh().await;
        }
    }

    /// Fetches the keys, unless the schedule forbids it, or another request did so since this call.
    async fn refresh_for(&self, id: &str) {
        let before = self.state().started;
        let _fetch = self.fetch.lock().await;
        let is_allowed = {
            let mut state = self.state();
            let is_known = state.known.iter().any(|key| key.id == id);
            !is_known && state.ended <= before && state.schedule.take(id, Instant::now())
        };
        if is_allowed {
            self.refresh().await;
        }
    }

    /// Fetches the keys. The caller holds the lock.
    async fn refresh(&self) {
        let Some(discovery) = &self.discovery else { return };
        let number = {
            let mut state = self.state();
            state.started += 1;
            state.started
        };
        let fetched = discovery.fetch().await;
        let mut state = self.state();
        state.ended = number;
        state.has_failed = fetched.is_err();
        state.schedule.ended(fetched.is_ok(), Instant::now());
        match fetched {
            Ok(keys) => state.known = keys.into(),
            Err(cause) => {
                let cause = format!("the issuer's keys cannot be fetched: {cause}");
                telemetry::write_line(json!({ "level": LogLevel::Error.name(), "cause": cause }));
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
