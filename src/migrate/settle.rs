//! What becomes of one row: its update is built, sent, and built anew where another write got in between.

use std::sync::atomic::{AtomicU32, Ordering};

use super::{Failure, engine::Engine, file::Change, row::update_of, runner::Run};
use crate::store::{Found, Mark, RowUpdate, Written, metered};

/// How often a record is read anew when others get in between.
const RACES: usize = 50;

/// What became of a matching row.
pub enum Fate {
    /// It was written.
    Written,
    /// An earlier pass wrote it, and counted it.
    Before,
    /// It needed no write when it came to it.
    Skipped,
    /// It refused: id and reason.
    Refused(String, String),
    /// It was not reached: the run stops.
    Left,
}

impl Engine<'_> {
    /// What becomes of one row.
    pub(super) async fn settle(&self, mut row: Found, mark: &Mark) -> Result<Fate, Failure> {
        if row.has_mark(mark) {
            return Ok(Fate::Written);
        }
        if row.is_of_run(mark) {
            return Ok(Fate::Before);
        }
        let id = row.id().to_owned();
        let is_expression = matches!(self.migration.change, Change::Expression { .. });
        let refused = |reason: String| {
            self.run.progress.refused.fetch_add(1, Ordering::Relaxed);
            Ok(Fate::Refused(id.clone(), reason))
        };
        for _ in 0..RACES {
            let update = match update_of(self.migration, &row, mark) {
                Ok(Some(update)) => update,
                Ok(None) => return Ok(Fate::Skipped),
                Err(reason) => return refused(reason),
            };
            match self.write(&id, &update).await {
                Ok(Written::Done) => {
                    self.run.progress.written.fetch_add(1, Ordering::Relaxed);
                    return Ok(Fate::Written);
                }
                Ok(Written::Refused(reason)) => {
                    return self.migration.write_failure(&reason).map_or_else(|| refused(reason), Err);
                }
                // An expression asks nothing but that the row matches: it does not.
                Ok(Written::Moved(_)) if is_expression => return Ok(Fate::Skipped),
                Ok(Written::Moved(None)) => return Ok(Fate::Skipped),
                // Of the version it was made from, a row that refuses it no longer matches.
                Ok(Written::Moved(Some(met))) if met.version() == row.version() => return Ok(Fate::Skipped),
                Ok(Written::Moved(Some(met))) => row = met,
                // The writes beside it come to their end.
                Err(Failure::Stopped) => return Ok(Fate::Left),
                Err(failure) => return Err(failure),
            }
        }
        refused("other writes to the record kept getting in between".into())
    }

    /// Sends one write, unless the run is to stop.
    pub(super) async fn send(&self, id: &str, update: &RowUpdate) -> Result<Written, Failure> {
        let Run { store, slots, writes, halt, progress, .. } = self.run;
        let _slot = slots.acquire().await.expect("it is never closed");
        let reserved = writes.wait(halt).await?;
        let table = self.migration.shape.table;
        self.sent.fetch_add(1, Ordering::Relaxed);
        let attempts = AtomicU32::new(0);
        let send = || {
            attempts.fetch_add(1, Ordering::Relaxed);
            store.write_row(table, id, update)
        };
        let (written, units) = metered(self.run.patiently(send)).await;
        // Before an attempt that was refused, another may have been carried out whose answer was lost.
        if attempts.into_inner() == 1 && matches!(written, Ok(Written::Moved(_) | Written::Refused(_))) {
            self.sent.fetch_sub(1, Ordering::Relaxed);
        }
        writes.settle(&reserved, units);
        progress.count_write(units);
        written
    }
}
