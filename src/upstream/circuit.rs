//! A circuit breaker, which spares a failing API further calls, and callers the wait for their failure.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use serde_json::json;
use tokio::time::Instant;

use crate::{
    record::{format_time, now},
    telemetry,
};

/// The pause for callers while a probe is running.
const PROBE_PAUSE: Duration = Duration::from_secs(1);

/// The circuit breaker of one instance of a function.
///
/// It opens after some consecutive failures. After a pause, one call probes the API: its success closes the circuit, its
/// failure starts the pause again (Azure Architecture Center, "Circuit Breaker pattern").
pub struct Circuit {
    state: Mutex<State>,
    max_failures: u32,
    pause: Duration,
}

enum State {
    Closed { failures: u32 },
    Open { since: Moment },
    Probing,
}

/// A moment, by two clocks.
struct Moment {
    monotonic: Instant,
    wall: SystemTime,
}

impl Moment {
    fn now() -> Self {
        Self { monotonic: Instant::now(), wall: SystemTime::now() }
    }

    /// Returns the passed time. The monotonic clock may stop while Lambda freezes the function, and the wall clock may be
    /// set back.
    fn elapsed(&self) -> Duration {
        self.monotonic.elapsed().max(self.wall.elapsed().unwrap_or_default())
    }
}

/// The permission to make one call. A call that ends without a report has failed.
pub struct Permit<'a> {
    circuit: &'a Circuit,
    is_probe: bool,
    is_reported: bool,
}

impl Circuit {
    /// Creates a closed circuit, which opens after this number of consecutive failures for this time.
    pub fn new(max_failures: u32, pause: Duration) -> Self {
        Self { state: Mutex::new(State::Closed { failures: 0 }), max_failures, pause }
    }

    /// Permits a call.
    ///
    /// # Errors
    /// Returns the time to wait if the circuit is open.
    pub fn enter(&self) -> Result<Permit<'_>, Duration> {
        let mut state = self.state();
        match &*state {
            State::Closed { .. } => Ok(Permit { circuit: self, is_probe: false, is_reported: false }),
            State::Probing => Err(PROBE_PAUSE),
            State::Open { since } => {
                let left = self.pause.saturating_sub(since.elapsed());
                if !left.is_zero() {
                    return Err(left);
                }
                *state = State::Probing;
                Ok(Permit { circuit: self, is_probe: true, is_reported: false })
            }
        }
    }

    /// Returns the name of the state.
    pub fn name(&self) -> &'static str {
        match *self.state() {
            State::Closed { .. } => "closed",
            State::Open { .. } => "open",
            State::Probing => "halfOpen",
        }
    }

    fn report(&self, is_probe: bool, is_success: bool) {
        let mut state = self.state();
        match (&mut *state, is_success) {
            (State::Closed { failures }, true) => *failures = 0,
            (State::Closed { failures }, false) => {
                *failures += 1;
                if *failures >= self.max_failures {
                    *state = State::Open { since: Moment::now() };
                    self.log("ERROR", "open");
                }
            }
            (State::Probing, true) if is_probe => {
                *state = State::Closed { failures: 0 };
                self.log("INFO", "closed");
            }
            (State::Probing, false) if is_probe => *state = State::Open { since: Moment::now() },
            // Calls that began before the circuit opened.
            (State::Open { .. } | State::Probing, _) => {}
        }
    }

    fn log(&self, level: &str, state: &str) {
        telemetry::write_line(json!({
            "level": level,
            "time": format_time(&now()),
            "upstreamCircuit": state,
            "failures": self.max_failures,
            "pauseSeconds": self.pause.as_secs(),
        }));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// Reports the outcome of the call.
    pub fn report(mut self, is_success: bool) {
        self.is_reported = true;
        self.circuit.report(self.is_probe, is_success);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.is_reported {
            self.circuit.report(self.is_probe, false);
        }
    }
}
