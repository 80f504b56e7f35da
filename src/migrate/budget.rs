//! A capacity budget that limits consumed units to a rate per second.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{Failure, Halt};

/// The maximum unused time kept as credit. It only compensates for late timers.
const MAX_CREDIT: Duration = Duration::from_millis(250);
/// The weight of the last request's cost in the estimate of the next one.
const ESTIMATE_WEIGHT: f64 = 0.2;

/// The share of a second's units that all pages read in parallel may use.
const PAGE_SHARE: f64 = 0.25;

/// A budget of capacity units per second, or no limit.
pub struct Budget {
    rate: Option<f64>,
    pace: Mutex<Pace>,
}

struct Pace {
    /// The time the next request may be sent.
    next: Instant,
    /// The estimated cost of a request, in units.
    estimate: f64,
    /// The estimated cost of a row of a page, in units.
    row: f64,
}

/// The units reserved for a request, corrected later by the units it used.
pub struct Reservation(f64);

impl Budget {
    /// Creates a budget of `rate` units per second.
    pub fn new(rate: Option<f64>) -> Self {
        Self { rate, pace: Mutex::new(Pace { next: Instant::now(), estimate: 1.0, row: 1.0 }) }
    }

    /// Returns the number of rows a page may scan, at most `max_rows`, when `segments` pages are read in parallel.
    ///
    /// Together they use only a part of a second's units, so that a short run also keeps to the budget.
    pub fn page_size(&self, max_rows: u16, segments: usize) -> u16 {
        let Some(rate) = self.rate else { return max_rows };
        let row = self.pace.lock().unwrap_or_else(PoisonError::into_inner).row;
        #[expect(clippy::cast_precision_loss, reason = "there are at most 256")]
        let units = (rate * PAGE_SHARE / segments as f64).max(1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between two that fit")]
        let rows = (units / row).clamp(1.0, max_rows.into()) as u16;
        rows
    }

    /// Waits until a request may be sent. Reserves the estimated cost, since the actual cost is not known yet.
    ///
    /// # Errors
    /// [`Failure::Stopped`] if a stop was requested.
    pub async fn reserve(&self, halt: &Halt) -> Result<Reservation, Failure> {
        if halt.should_stop() {
            return Err(Failure::Stopped);
        }
        let Some(rate) = self.rate else { return Ok(Reservation(0.0)) };
        let (at, estimate) = {
            let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let at = pace.next.max(now.checked_sub(MAX_CREDIT).unwrap_or(now));
            let estimate = pace.estimate;
            pace.next = at + Duration::from_secs_f64(estimate / rate);
            (at, estimate)
        };
        halt.sleep(at.saturating_duration_since(Instant::now())).await?;
        Ok(Reservation(estimate))
    }

    /// Corrects the reservation by the units that a page of `rows` rows used.
    pub fn settle_page(&self, reservation: &Reservation, units: f64, rows: u16) {
        self.settle(reservation, units);
        if units == 0.0 {
            return;
        }
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        // A page of one unit may have used a part of it, and more rows may cost the same.
        pace.row = if units > 1.0 { units / f64::from(rows) } else { pace.row / 2.0 };
    }

    /// Corrects the reservation by the units that a request used. A failed request keeps its reservation: DynamoDB may
    /// have billed it.
    pub fn settle(&self, reservation: &Reservation, units: f64) {
        let Some(rate) = self.rate.filter(|_| units > 0.0) else { return };
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let (is_more, span) = (units >= reservation.0, Duration::from_secs_f64((units - reservation.0).abs() / rate));
        pace.next = if is_more { pace.next + span } else { pace.next.checked_sub(span).unwrap_or(pace.next) };
        pace.estimate += ESTIMATE_WEIGHT * (units - pace.estimate);
    }
}
