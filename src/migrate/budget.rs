//! A capacity budget: requests are paced so that what they use stays at so many units a second.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{Failure, Halt};

/// How much of an unused second is kept for later: it makes up for timers that ring late, and no more.
const CREDIT: Duration = Duration::from_millis(250);
/// How much the last request's cost weighs in the estimate of the next.
const WEIGHT: f64 = 0.2;

/// How much of a second's units the pages that are read side by side may cost.
const PAGE_SHARE: f64 = 0.25;

/// So many units a second, or no limit.
pub struct Budget {
    rate: Option<f64>,
    pace: Mutex<Pace>,
}

struct Pace {
    /// When the next request may go.
    next: Instant,
    /// What a request costs, about.
    estimate: f64,
    /// What a row of a page costs, about.
    row: f64,
}

/// What was set aside for a request, to be settled by what it used.
pub struct Reserved(f64);

impl Budget {
    /// A budget of `rate` units a second.
    pub fn new(rate: Option<f64>) -> Self {
        Self { rate, pace: Mutex::new(Pace { next: Instant::now(), estimate: 1.0, row: 1.0 }) }
    }

    /// How many rows a page may look at, of `most`, when so many are read side by side: what they cost at once is a
    /// part of a second's units, so that a short run keeps to the budget, too.
    pub fn page(&self, most: u16, side_by_side: usize) -> u16 {
        let Some(rate) = self.rate else { return most };
        let row = self.pace.lock().unwrap_or_else(PoisonError::into_inner).row;
        #[expect(clippy::cast_precision_loss, reason = "there are at most 256")]
        let units = (rate * PAGE_SHARE / side_by_side as f64).max(1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between two that fit")]
        let rows = (units / row).clamp(1.0, most.into()) as u16;
        rows
    }

    /// Waits until a request may go. What it will use is not known yet: the last ones' cost is set aside.
    ///
    /// # Errors
    /// [`Failure::Stopped`] when it is time to stop.
    pub async fn wait(&self, halt: &Halt) -> Result<Reserved, Failure> {
        if halt.is_due() {
            return Err(Failure::Stopped);
        }
        let Some(rate) = self.rate else { return Ok(Reserved(0.0)) };
        let (at, estimate) = {
            let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let at = pace.next.max(now.checked_sub(CREDIT).unwrap_or(now));
            let estimate = pace.estimate;
            pace.next = at + Duration::from_secs_f64(estimate / rate);
            (at, estimate)
        };
        halt.sleep(at.saturating_duration_since(Instant::now())).await?;
        Ok(Reserved(estimate))
    }

    /// Settles what a page of so many rows used.
    pub fn settle_page(&self, reserved: &Reserved, units: f64, rows: u16) {
        self.settle(reserved, units);
        if units == 0.0 {
            return;
        }
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        // A page of a unit may be part of one: more rows may cost no more.
        pace.row = if units > 1.0 { units / f64::from(rows) } else { pace.row / 2.0 };
    }

    /// Settles what a request used. One that failed keeps what was set aside for it: DynamoDB bills it, too.
    pub fn settle(&self, reserved: &Reserved, units: f64) {
        let Some(rate) = self.rate.filter(|_| units > 0.0) else { return };
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let (more, span) = (units >= reserved.0, Duration::from_secs_f64((units - reserved.0).abs() / rate));
        pace.next = if more { pace.next + span } else { pace.next.checked_sub(span).unwrap_or(pace.next) };
        pace.estimate += WEIGHT * (units - pace.estimate);
    }
}
