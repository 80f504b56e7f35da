//! Writes one row: builds its update, sends it, and rebuilds it after a conflicting write.

use std::sync::atomic::{AtomicU32, Ordering};

use super::{
    Failure,
    engine::{Engine, RowOutcome},
    file::Change,
    run::Run,
    update::build_update,
};
use crate::store::{RowUpdate, StoredRow, WriteMarker, WriteOutcome, metered};

/// The maximum number of attempts after conflicting writes to the same record.
const MAX_CONFLICTS: usize = 50;

impl Engine<'_> {
    /// Updates one row.
    pub(super) async fn write_row(&self, mut row: StoredRow, marker: &WriteMarker) -> Result<RowOutcome, Failure> {
        if row.has_marker(marker) {
            return Ok(RowOutcome::Written);
        }
        if row.is_written_by_run(marker) {
            return Ok(RowOutcome::WrittenEarlier);
        }
        let id = row.id().to_owned();
        let is_expression = matches!(self.migration.change, Change::Expression { .. });
        let refused = |reason: String| {
            self.run.progress.refused.fetch_add(1, Ordering::Relaxed);
            Ok(RowOutcome::Refused(id.clone(), reason))
        };
        for _ in 0..MAX_CONFLICTS {
            let update = match build_update(self.migration, &row, marker) {
                Ok(Some(update)) => update,
                Ok(None) => return Ok(RowOutcome::Skipped),
                Err(reason) => return refused(reason),
            };
            match self.write(&id, &update).await {
                Ok(WriteOutcome::Done) => {
                    self.run.progress.written.fetch_add(1, Ordering::Relaxed);
                    return Ok(RowOutcome::Written);
                }
                Ok(WriteOutcome::Refused(reason)) => {
                    return self.migration.write_failure(&reason).map_or_else(|| refused(reason), Err);
                }
                // An expression's only condition is that the row matches, and it does not.
                Ok(WriteOutcome::ConditionFailed(_)) if is_expression => return Ok(RowOutcome::Skipped),
                Ok(WriteOutcome::ConditionFailed(None)) => return Ok(RowOutcome::Skipped),
                // The version is unchanged, so the filter must have failed.
                Ok(WriteOutcome::ConditionFailed(Some(current))) if current.version() == row.version() => {
                    return Ok(RowOutcome::Skipped);
                }
                Ok(WriteOutcome::ConditionFailed(Some(current))) => row = current,
                // Writes that run concurrently are left to finish.
                Err(Failure::Stopped) => return Ok(RowOutcome::NotProcessed),
                Err(failure) => return Err(failure),
            }
        }
        refused("other writes to the record kept conflicting".into())
    }

    /// Sends one write, unless a stop was requested.
    pub(super) async fn send(&self, id: &str, update: &RowUpdate) -> Result<WriteOutcome, Failure> {
        let Run { store, slots, writes, halt, progress, .. } = self.run;
        let _slot = slots.acquire().await.expect("it is never closed");
        let reservation = writes.reserve(halt).await?;
        let table = self.migration.schema.table;
        self.sent.fetch_add(1, Ordering::Relaxed);
        let attempts = AtomicU32::new(0);
        let send = || {
            attempts.fetch_add(1, Ordering::Relaxed);
            store.write_row(table, id, update)
        };
        let (written, units) = metered(self.run.with_retries(send)).await;
        // An earlier attempt may have been applied without an answer, so only a single refused attempt is uncounted.
        if attempts.into_inner() == 1
            && matches!(written, Ok(WriteOutcome::ConditionFailed(_) | WriteOutcome::Refused(_)))
        {
            self.sent.fetch_sub(1, Ordering::Relaxed);
        }
        writes.settle(&reservation, units);
        progress.count_write(units);
        written
    }
}
