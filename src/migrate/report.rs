//! What a run came to.

use serde::Serialize;

use crate::store::{Entry, Segment, State};

/// How many records are named in a line.
const NAMED: usize = 3;

/// What a run came to.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether nothing that was asked for is left.
    pub done: bool,
    /// Whether it was stopped before the end; the next run goes on there.
    pub stopped: bool,
    /// What was run, in order; the last one may not have come to its end.
    pub migrations: Vec<Ran>,
    /// How many are left.
    pub pending: usize,
}

impl Report {
    /// Says in a line how many records refused, and of the first of them which and why.
    pub fn refusals(&self) -> Option<String> {
        let ran = self.migrations.last().filter(|ran| ran.state == State::Incomplete)?;
        let named = ran.refusals.iter().take(NAMED).map(|(id, reason)| format!("{id}: {reason}").replace('\n', " "));
        let named = named.collect::<Vec<_>>().join("; ");
        Some(format!("{} records refused {:04}_{}: {named}", ran.refused, ran.number, ran.name))
    }
}

/// What became of a migration.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ran {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// How far it has come.
    pub state: State,
    /// Rows looked at.
    pub scanned: u64,
    /// Rows written.
    pub written: u64,
    /// Rows that needed no write when it came to it.
    pub skipped: u64,
    /// Rows that refused.
    pub refused: u64,
    /// For how long it ran, in milliseconds.
    pub duration_ms: u64,
    /// The first of those that refused: id and reason.
    pub refusals: Vec<(String, String)>,
}

impl Ran {
    /// The sums of an entry.
    pub fn of(entry: &Entry) -> Self {
        let sum = |of: fn(&Segment) -> u64| entry.segments.iter().map(of).sum();
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
