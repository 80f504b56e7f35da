//! The lock row in the bookkeeping table, which admits one migration run at a time.

use serde::{Deserialize, Serialize};

use super::ledger::read;
use crate::{
    error::Error,
    store::{
        Store,
        row::{number, string},
    },
};

const LOCK: &str = "migration-lock";

/// The state of the lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LockRow {
    /// The fencing token, which rises by one with each holder.
    pub fence: u64,
    /// The heartbeat counter, which rises by one with each renewal.
    pub beat: u64,
    /// The id of the holder, or `None` if the lock is free.
    #[serde(default)]
    pub holder: Option<String>,
    /// The operator, for display.
    #[serde(default)]
    pub who: Option<String>,
    /// The time of acquisition, RFC 3339.
    #[serde(default)]
    pub since: Option<String>,
    /// The lease in milliseconds. Without a heartbeat for this long, other runs may take the lock.
    #[serde(default)]
    pub lease_ms: u64,
}

impl Store {
    /// Reads the lock.
    ///
    /// # Errors
    /// Returns the errors of a read.
    pub async fn migration_lock(&self) -> Result<Option<LockRow>, Error> {
        self.bookkeeping_row(LOCK).await?.map(read).transpose()
    }

    /// Takes the lock if it is free or still as `observed`. Returns `None` otherwise.
    ///
    /// # Errors
    /// Returns the errors of a write.
    pub async fn take_lock(&self, observed: Option<&LockRow>, mine: &LockRow) -> Result<Option<LockRow>, Error> {
        let (fence, beat) = observed.map_or((0, 0), |lock| (lock.fence, lock.beat));
        let values = [
            (":one", number(1)),
            (":zero", number(0)),
            (":holder", string(mine.holder.as_deref().unwrap_or_default())),
            (":who", string(mine.who.as_deref().unwrap_or_default())),
            (":since", string(mine.since.as_deref().unwrap_or_default())),
            (":lease", number(mine.lease_ms)),
            (":fence", number(fence)),
            (":beat", number(beat)),
        ];
        let update = "SET #fence = if_not_exists(#fence, :zero) + :one, #beat = :zero, #holder = :holder, #who = :who, \
            #since = :since, #leaseMs = :lease";
        let condition = "attribute_not_exists(#holder) OR (#fence = :fence AND #beat = :beat)";
        match self.change(LOCK, update, condition, &values).await? {
            Ok(row) => read(row).map(Some),
            // An earlier attempt of the same request may have taken the lock, with its response lost.
            Err(Some(row)) => read(row).map(|lock: LockRow| Some(lock).filter(|lock| lock.holder == mine.holder)),
            Err(None) => Ok(None),
        }
    }

    /// Stores a heartbeat. Returns false if another run holds the lock.
    ///
    /// # Errors
    /// Returns the errors of a write.
    pub async fn renew_lock(&self, mine: &LockRow, beat: u64) -> Result<bool, Error> {
        let holder = string(mine.holder.as_deref().unwrap_or_default());
        let values = [(":fence", number(mine.fence)), (":holder", holder), (":beat", number(beat))];
        let condition = "#fence = :fence AND #holder = :holder";
        Ok(self.change(LOCK, "SET #beat = :beat", condition, &values).await?.is_ok())
    }

    /// Releases the lock. Returns false and changes nothing if another run holds it.
    ///
    /// # Errors
    /// Returns the errors of a write.
    pub async fn free_lock(&self, mine: &LockRow) -> Result<bool, Error> {
        let holder = string(mine.holder.as_deref().unwrap_or_default());
        let values = [(":fence", number(mine.fence)), (":holder", holder)];
        let update = "REMOVE #holder, #who, #since";
        Ok(self.change(LOCK, update, "#fence = :fence AND #holder = :holder", &values).await?.is_ok())
    }
}
