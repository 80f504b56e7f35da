//! The state of each migration: its file compared with its ledger entry.

use futures_util::future::try_join_all;

use super::{Failure, Halt, file::Migration, retry::with_retries};
use crate::store::{Entry, State, Store};

/// A migration and its ledger entry.
pub struct MigrationStatus {
    /// The migration file.
    pub migration: Migration,
    /// The ledger entry, or `None` if the migration never began.
    pub entry: Option<Entry>,
    /// True if the ledger has an entry of a different file under this number, which wrote nothing and may be replaced.
    pub replaces: bool,
}

impl MigrationStatus {
    /// Returns true if the migration is applied.
    pub fn is_applied(&self) -> bool {
        self.entry.as_ref().is_some_and(|entry| entry.state == State::Applied)
    }
}

/// Reads the ledger and compares it with the files.
///
/// # Errors
/// [`Failure::Refused`] if a file was edited after it began, is missing, or precedes an applied one.
pub async fn load_status(
    store: &Store,
    migrations: Vec<Migration>,
    halt: &Halt,
) -> Result<Vec<MigrationStatus>, Failure> {
    let next = u32::try_from(migrations.len()).unwrap_or(u32::MAX).saturating_add(1);
    let numbers = migrations.iter().map(|migration| migration.number).chain([next]);
    let mut entries =
        try_join_all(numbers.map(|number| with_retries(halt, || true, move || store.ledger_entry(number)))).await?;
    let mut faults = Vec::new();
    if let Some(unknown) = entries.pop().flatten().filter(|entry| !entry.has_no_writes()) {
        let title = format!("{:04}_{}", unknown.number, unknown.name);
        faults.push(format!(
            "{title} was applied here, but its file is missing: restore it, or deploy a version that has it"
        ));
    }
    let mut statuses = Vec::new();
    for (migration, entry) in migrations.into_iter().zip(entries) {
        let has_begun = entry.is_some();
        let entry = entry.filter(|entry| belongs_to(entry, &migration) || !entry.has_no_writes());
        if let Some(entry) = entry.as_ref().filter(|entry| !belongs_to(entry, &migration)) {
            faults.push(edited_fault(entry, &migration));
        }
        statuses.push(MigrationStatus { replaces: has_begun && entry.is_none(), migration, entry });
    }
    let first_open = statuses.iter().position(|status| !status.is_applied());
    if let Some(index) = first_open
        && statuses[index].entry.is_none()
        && let Some(later) = statuses[index..].iter().find(|status| status.is_applied())
    {
        let (open, later) = (statuses[index].migration.title(), later.migration.title());
        faults.push(format!("{open} comes before {later}, which is applied: give it the next free number"));
    }
    if faults.is_empty() { Ok(statuses) } else { Err(Failure::Refused(faults)) }
}

/// Returns all ledger entries, without regard to the files.
///
/// # Errors
/// [`Failure::Store`].
pub async fn read_ledger(store: &Store) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    for number in 1.. {
        match store.ledger_entry(number).await? {
            Some(entry) => entries.push(entry),
            None => break,
        }
    }
    Ok(entries)
}

/// Returns true if an entry was written by exactly this file.
pub fn belongs_to(entry: &Entry, migration: &Migration) -> bool {
    entry.checksum == migration.checksum && entry.name == migration.name
}

/// Returns the message for a file that changed after it was run.
pub fn edited_fault(entry: &Entry, migration: &Migration) -> String {
    format!(
        "{} was edited after it had begun here as {:04}_{}: restore the file, and write a new migration for the \
         change",
        migration.title(),
        entry.number,
        entry.name
    )
}
