//! What has been applied, held against the files: what is left to do, and what does not fit.

use futures_util::future::try_join_all;

use super::{Failure, Halt, file::Migration, patience::patiently};
use crate::store::{Entry, State, Store};

/// A migration, with what the ledger knows of it.
pub struct Standing {
    /// The file.
    pub migration: Migration,
    /// The ledger's entry; none when it never began.
    pub entry: Option<Entry>,
    /// Whether the ledger has an entry of another file in its place, which wrote nothing.
    pub replaces: bool,
}

impl Standing {
    /// Whether it is done.
    pub fn is_applied(&self) -> bool {
        self.entry.as_ref().is_some_and(|entry| entry.state == State::Applied)
    }
}

/// Reads the ledger and holds the files against it.
///
/// # Errors
/// [`Failure::Refused`] when a file was edited after it had begun, is gone, or comes before one that is applied.
pub async fn standing(store: &Store, migrations: Vec<Migration>, halt: &Halt) -> Result<Vec<Standing>, Failure> {
    let next = u32::try_from(migrations.len()).unwrap_or(u32::MAX).saturating_add(1);
    let numbers = migrations.iter().map(|migration| migration.number).chain([next]);
    let mut entries =
        try_join_all(numbers.map(|number| patiently(halt, || true, move || store.ledger_entry(number)))).await?;
    let mut faults = Vec::new();
    if let Some(unknown) = entries.pop().flatten().filter(|entry| !entry.is_blank()) {
        let title = format!("{:04}_{}", unknown.number, unknown.name);
        faults.push(format!("{title} was applied here, but its file is gone: bring it back, or deploy what has it"));
    }
    let mut standing = Vec::new();
    for (migration, entry) in migrations.into_iter().zip(entries) {
        let began = entry.is_some();
        let entry = entry.filter(|entry| is_of(entry, &migration) || !entry.is_blank());
        if let Some(entry) = entry.as_ref().filter(|entry| !is_of(entry, &migration)) {
            faults.push(edited(entry, &migration));
        }
        standing.push(Standing { replaces: began && entry.is_none(), migration, entry });
    }
    let first_open = standing.iter().position(|standing| !standing.is_applied());
    if let Some(place) = first_open
        && standing[place].entry.is_none()
        && let Some(later) = standing[place..].iter().find(|standing| standing.is_applied())
    {
        let (open, later) = (standing[place].migration.title(), later.migration.title());
        faults.push(format!("{open} comes before {later}, which is applied: give it the next number that is free"));
    }
    if faults.is_empty() { Ok(standing) } else { Err(Failure::Refused(faults)) }
}

/// What the ledger has, whatever files there are.
///
/// # Errors
/// [`Failure::Store`].
pub async fn remembered(store: &Store) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    for number in 1.. {
        match store.ledger_entry(number).await? {
            Some(entry) => entries.push(entry),
            None => break,
        }
    }
    Ok(entries)
}

/// Whether an entry is of this very file.
pub fn is_of(entry: &Entry, migration: &Migration) -> bool {
    entry.checksum == migration.checksum && entry.name == migration.name
}

/// Says that a file is no longer what was run.
pub fn edited(entry: &Entry, migration: &Migration) -> String {
    format!(
        "{} was edited after it had begun here as {:04}_{}: put the file back as it was, and write a new migration for \
         what is to change",
        migration.title(),
        entry.number,
        entry.name
    )
}
