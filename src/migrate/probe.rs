//! The probe: the first write of a migration runs alone, and is verified before others are sent.

use std::sync::atomic::Ordering;

use super::{Failure, engine::Engine, file::Change};
use crate::store::{Entry, RowUpdate, WriteOutcome};

impl Engine<'_> {
    /// Checks the record that an earlier, interrupted run wrote first.
    pub(super) async fn recheck_probe(&self) -> Result<(), Failure> {
        let entry = self.entry_snapshot();
        self.is_verified.store(entry.proven, Ordering::Relaxed);
        match entry.probe.filter(|_| !entry.proven) {
            Some(probe) => self.check_probe(&probe).await,
            None => Ok(()),
        }
    }

    /// Sends one write. Until a write is verified, writes run one at a time.
    pub(super) async fn write(&self, id: &str, update: &RowUpdate) -> Result<WriteOutcome, Failure> {
        if self.is_verified.load(Ordering::Relaxed) {
            return self.send(id, update).await;
        }
        let guard = self.first_write.lock().await;
        if self.is_verified.load(Ordering::Relaxed) {
            drop(guard);
            return self.send(id, update).await;
        }
        if self.run.halt.should_stop() {
            return Err(Failure::Stopped);
        }
        self.save_probe(|entry| {
            entry.pinned = true;
            entry.probe = Some(id.to_owned());
        })
        .await?;
        let written = self.send(id, update).await?;
        if matches!(written, WriteOutcome::Done) {
            self.check_probe(id).await?;
        }
        Ok(written)
    }

    /// Checks with DynamoDB that a written record no longer matches the filter.
    ///
    /// If it still matched, progress could not be told from the data.
    async fn check_probe(&self, id: &str) -> Result<(), Failure> {
        let (table, filter, marker) =
            (self.migration.schema.table, &self.migration.filter, self.entry_snapshot().marker());
        let matches = match &self.migration.change {
            Change::Expression { .. } => {
                self.run.with_retries(|| self.run.store.row_matches(table, id, filter, &marker)).await?
            }
            // The transform's result was checked for stability before the write.
            Change::Transform(_) => Some(false),
        };
        match matches {
            Some(true) => Err(Failure::Refused(vec![format!(
                "{}: {id} still matches the filter after its update, so progress cannot be tracked: change the \
                 filter to exclude updated records; no other record was written",
                self.migration.title()
            )])),
            Some(false) => {
                self.save_probe(|entry| entry.proven = true).await?;
                self.is_verified.store(true, Ordering::Relaxed);
                Ok(())
            }
            // Another writer has changed the record since.
            None => Ok(()),
        }
    }

    async fn save_probe(&self, change: impl FnOnce(&mut Entry)) -> Result<(), Failure> {
        let entry = self.with_entry(|entry| {
            change(entry);
            entry.clone()
        });
        if self.run.with_retries(|| self.run.store.ledger_probe(&entry)).await? { Ok(()) } else { Err(Failure::Fenced) }
    }
}
