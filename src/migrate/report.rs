//! The result of a run.

use serde::Serialize;

use crate::store::{Entry, Segment, State};

/// The maximum number of records named in a message.
const MAX_NAMED: usize = 3;

/// The result of a run.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// True if nothing that was requested is left.
    pub done: bool,
    /// True if the run stopped before the end. The next run continues from there.
    pub stopped: bool,
    /// The migrations that ran, in order. The last one may be unfinished.
    pub migrations: Vec<MigrationReport>,
    /// The number of pending migrations.
    pub pending: usize,
}

impl Report {
    /// Returns a one-line message with the number of refused records and the first of them, if there are any.
    pub fn refusals(&self) -> Option<String> {
        let ran = self.migrations.last().filter(|ran| ran.state == State::Incomplete)?;
        let named =
            ran.refusals.iter().take(MAX_NAMED).map(|(id, reason)| format!("{id}: {reason}").replace('\n', " "));
        let named = named.collect::<Vec<_>>().join("; ");
        Some(format!("{:04}_{} refused {} records: {named}", ran.number, ran.name, ran.refused))
    }
}

/// The result of one migration.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MigrationReport {
    /// The number.
    pub number: u32,
    /// The name.
    pub name: String,
    /// The state in the ledger.
    pub state: State,
    /// Rows scanned.
    pub scanned: u64,
    /// Rows written.
    pub written: u64,
    /// Rows that needed no write by the time they were processed.
    pub skipped: u64,
    /// Rows refused.
    pub refused: u64,
    /// The duration in milliseconds.
    pub duration_ms: u64,
    /// The id and reason of the first refused rows.
    pub refusals: Vec<(String, String)>,
}

impl MigrationReport {
    /// Sums up the segments of a ledger entry.
    pub fn of(entry: &Entry) -> Self {
        let sum = |field: fn(&Segment) -> u64| entry.segments.iter().map(field).sum();
        Self {
            number: entry.number,
            name: entry.name.clone(),
            state: entry.state,
            scanned: sum(|segment| segment.scanned),
            written: sum(|segment| segment.written),
            skipped: sum(|segment| segment.skipped),
            refused: sum(|segment| segment.refused),
            duration_ms: entry.duration_ms,
            refusals: entry.segments.iter().flat_map(|segment| segment.refusals.clone()).collect(),
        }
    }
}
