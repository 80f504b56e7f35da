//! The first write of a migration: it goes alone, and is looked at before there are more.

use std::sync::atomic::Ordering;

use super::{Failure, engine::Engine, file::Change};
use crate::store::{Entry, RowUpdate, Written};

impl Engine<'_> {
    /// Looks at the record an earlier run wrote first, where that came to no end.
    pub(super) async fn look_again(&self) -> Result<(), Failure> {
        let entry = self.known();
        self.is_proven.store(entry.proven, Ordering::Relaxed);
        match entry.probe.filter(|_| !entry.proven) {
            Some(probe) => self.look_at(&probe).await,
            None => Ok(()),
        }
    }

    /// One write; until one is proven, each waits for the one before.
    pub(super) async fn write(&self, id: &str, update: &RowUpdate) -> Result<Written, Failure> {
        if self.is_proven.load(Ordering::Relaxed) {
            return self.send(id, update).await;
        }
        let turn = self.turn.lock().await;
        if self.is_proven.load(Ordering::Relaxed) {
            drop(turn);
            return self.send(id, update).await;
        }
        if self.run.halt.is_due() {
            return Err(Failure::Stopped);
        }
        self.note(|entry| {
            entry.pinned = true;
            entry.probe = Some(id.to_owned());
        })
        .await?;
        let written = self.send(id, update).await?;
        if matches!(written, Written::Done) {
            self.look_at(id).await?;
        }
        Ok(written)
    }

    /// Asks DynamoDB whether a written record still matches: then nothing would tell what is done.
    async fn look_at(&self, id: &str) -> Result<(), Failure> {
        let (table, filter, mark) = (self.migration.shape.table, &self.migration.filter, self.known().mark());
        let matches = match &self.migration.change {
            Change::Expression { .. } => {
                self.run.patiently(|| self.run.store.still_matches(table, id, filter, &mark)).await?
            }
            // What it makes of its own result was seen before it was written.
            Change::Transform(_) => Some(false),
        };
        match matches {
            Some(true) => Err(Failure::Refused(vec![format!(
                "{}: {id} still matches the filter after its update, so that nothing would tell what is done: make the \
                 filter leave out what the update makes; no other record was written",
                self.migration.title()
            )])),
            Some(false) => {
                self.note(|entry| entry.proven = true).await?;
                self.is_proven.store(true, Ordering::Relaxed);
                Ok(())
            }
            // It is another's write by now.
            None => Ok(()),
        }
    }

    async fn note(&self, change: impl FnOnce(&mut Entry)) -> Result<(), Failure> {
        let entry = self.with_entry(|entry| {
            change(entry);
            entry.clone()
        });
        if self.run.patiently(|| self.run.store.ledger_probe(&entry)).await? { Ok(()) } else { Err(Failure::Fenced) }
    }
}
