//! One run at a time: a lock with a lease, kept by signs of life, and a fencing token.
//!
//! Nobody compares clocks. Who waits for the lock watches it for a whole lease by a clock of its own: a holder
//! that gave no sign of life in that time has stopped by then, since it measures its lease from before it
//! asked for it, and lets go of it earlier.

use std::{
    future,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use uuid::Uuid;

use super::{Failure, Halt, patience::patiently};
use crate::{
    error::Error,
    record::{format_time, now},
    store::{LockRow, Store},
};

/// How often a waiting run looks.
const LONGEST_LOOK: Duration = Duration::from_secs(2);
/// The longest a write that was sent may still take effect: no write is sent later than that before the end.
const LONGEST_MARGIN: Duration = Duration::from_secs(8);

/// How to hold the lock.
#[derive(Clone, Debug)]
pub struct LockSettings {
    /// The holder, for people.
    pub who: String,
    /// For how long a sign of life is good.
    pub lease: Duration,
    /// For how long to wait for a run that is alive.
    pub patience: Duration,
}

/// The lock, held.
pub struct Lock<'a> {
    store: &'a Store,
    row: LockRow,
    lease: Duration,
    /// When the last sign of life that was heard was sent, by two clocks: one goes on while the machine
    /// sleeps, and nobody sets the other.
    sent: Mutex<(Instant, SystemTime)>,
}

impl<'a> Lock<'a> {
    /// Takes the lock, from a dead holder after its lease; waits for one that lives as long as asked.
    ///
    /// # Errors
    /// [`Failure::Held`] by a run that lives, [`Failure::Stopped`] when it is time to stop.
    pub async fn take(store: &'a Store, settings: &LockSettings, halt: &Halt) -> Result<Self, Failure> {
        let mine = LockRow {
            fence: 0,
            beat: 0,
            holder: Some(Uuid::now_v7().to_string()),
            who: Some(settings.who.clone()),
            since: Some(format_time(&now())),
            lease_ms: u64::try_from(settings.lease.as_millis()).unwrap_or(u64::MAX),
        };
        let start = Instant::now();
        let mut seen: Option<(LockRow, Instant)> = None;
        loop {
            let current =
                patiently(halt, || true, || store.migration_lock()).await?.filter(|lock| lock.holder.is_some());
            let Some(current) = current else {
                match Self::attempt(store, None, &mine, settings.lease, halt).await? {
                    Some(lock) => return Ok(lock),
                    None => continue,
                }
            };
            let lease = Duration::from_millis(current.lease_ms);
            match &seen {
                Some((last, since)) if (last.fence, last.beat) == (current.fence, current.beat) => {
                    if since.elapsed() > lease
                        && let Some(lock) = Self::attempt(store, Some(&current), &mine, settings.lease, halt).await?
                    {
                        return Ok(lock);
                    }
                }
                Some(_) if start.elapsed() >= settings.patience => return Err(Failure::Held(current)),
                _ => seen = Some((current, Instant::now())),
            }
            halt.sleep((lease / 10).clamp(Duration::from_millis(20), LONGEST_LOOK)).await?;
        }
    }

    async fn attempt(
        store: &'a Store,
        seen: Option<&LockRow>,
        mine: &LockRow,
        lease: Duration,
        halt: &Halt,
    ) -> Result<Option<Self>, Failure> {
        let sent = Mutex::new((Instant::now(), SystemTime::now()));
        let row = patiently(halt, || true, || store.take_lock(seen, mine)).await?;
        Ok(row.map(|row| Self { store, row, lease, sent }))
    }

    /// The fencing token: higher than that of every holder before.
    pub fn fence(&self) -> u64 {
        self.row.fence
    }

    /// Whether there is time to send a write which takes effect while the lock is held.
    pub fn is_good(&self) -> bool {
        let (instant, time) = *self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back says nothing: the other one counts then.
        let elapsed = instant.elapsed().max(time.elapsed().unwrap_or_default());
        elapsed < self.lease.saturating_sub((self.lease / 3).min(LONGEST_MARGIN))
    }

    /// Gives signs of life until the lock is lost, which is all it returns for.
    pub async fn keep(&self) -> Failure {
        for beat in 1.. {
            let rest = self.lease / 5;
            tokio::time::sleep(rest).await;
            let sent = (Instant::now(), SystemTime::now());
            match self.store.renew_lock(&self.row, beat).await {
                Ok(true) => *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = sent,
                Ok(false) => return Failure::Fenced,
                // The lease may have time for another attempt.
                Err(Error::Unavailable(_)) if self.is_good() => {}
                Err(error) => return Failure::Store(error),
            }
        }
        future::pending().await
    }

    /// Gives the lock back.
    pub async fn release(self) {
        // If it is lost already, it needs no giving back; if DynamoDB does not answer, the lease ends it.
        let _ = self.store.free_lock(&self.row).await;
    }
}
