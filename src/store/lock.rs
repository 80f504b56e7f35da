//! The row in the bookkeeping table that lets one run migrate at a time.

use serde::{Deserialize, Serialize};

use super::{
    Store,
    ledger::read,
    row::{number, string},
};
use crate::error::Error;

const LOCK: &str = "migration-lock";

/// Who holds the lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LockRow {
    /// Rises by one with each holder.
    pub fence: u64,
    /// Rises by one with each sign of life.
    pub beat: u64,
    /// The holder's own id; none when the lock is free.
    #[serde(default)]
    pub holder: Option<String>,
    /// The holder, for people.
    #[serde(default)]
    pub who: Option<String>,
    /// Since when, RFC 3339.
    #[serde(default)]
    pub since: Option<String>,
    /// After how long without a sign of life others may take it, in milliseconds.
    #[serde(default)]
    pub lease_ms: u64,
}

impl Store {
    /// The lock as it is.
    ///
    /// # Errors
    /// As any read.
    pub async fn migration_lock(&self) -> Result<Option<LockRow>, Error> {
        self.bookkeeping_row(LOCK).await?.map(read).transpose()
    }

    /// Takes the lock over as it was `seen`, or when it is free; none when it is otherwise by now.
    ///
    /// # Errors
    /// As any write.
    pub async fn take_lock(&self, seen: Option<&LockRow>, mine: &LockRow) -> Result<Option<LockRow>, Error> {
        let (fence, beat) = seen.map_or((0, 0), |seen| (seen.fence, seen.beat));
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
            // An earlier attempt of this very request, whose answer was lost.
            Err(Some(met)) => read(met).map(|met: LockRow| Some(met).filter(|met| met.holder == mine.holder)),
            Err(None) => Ok(None),
        }
    }

    /// A sign of life; false when the lock is no longer the holder's.
    ///
    /// # Errors
    /// As any write.
    pub async fn renew_lock(&self, mine: &LockRow, beat: u64) -> Result<bool, Error> {
        let holder = string(mine.holder.as_deref().unwrap_or_default());
        let values = [(":fence", number(mine.fence)), (":holder", holder), (":beat", number(beat))];
        let condition = "#fence = :fence AND #holder = :holder";
        Ok(self.change(LOCK, "SET #beat = :beat", condition, &values).await?.is_ok())
    }

    /// Gives the lock back; one that is another's by now is left alone, which is told by false.
    ///
    /// # Errors
    /// As any write.
    pub async fn free_lock(&self, mine: &LockRow) -> Result<bool, Error> {
        let holder = string(mine.holder.as_deref().unwrap_or_default());
        let values = [(":fence", number(mine.fence)), (":holder", holder)];
        let update = "REMOVE #holder, #who, #since";
        Ok(self.change(LOCK, update, "#fence = :fence AND #holder = :holder", &values).await?.is_ok())
    }
}
