//! A lock that allows one run at a time, with a lease, heartbeats and a fencing token.
//!
//! Clocks of different machines are never compared. A waiting run measures a whole lease with its own clock. If no
//! heartbeat arrived in that time, the holder has already stopped: it measures its lease from before it sent the last
//! successful heartbeat, and stops writing before the lease ends.

use std::{
    future,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use uuid::Uuid;

use super::{Failure, Halt, retry::with_retries};
use crate::{
    error::Error,
    record::{format_time, now},
    store::{LockRow, Store},
};

/// The longest pause between two reads of the lock by a waiting run.
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(2);
/// The longest time a sent write may take to be applied. No write is sent in this time before the lease ends.
const MAX_WRITE_TIME: Duration = Duration::from_secs(8);

/// Settings of the lock.
#[derive(Clone, Debug)]
pub struct LockSettings {
    /// A readable name of the holder.
    pub who: String,
    /// The time after which a holder without a heartbeat has lost the lock.
    pub lease: Duration,
    /// The maximum time to wait for another run that is alive.
    pub wait_timeout: Duration,
}

/// A held lock.
pub struct Lock<'a> {
    store: &'a Store,
    row: LockRow,
    lease: Duration,
    /// The time the last acknowledged heartbeat was sent, by two clocks: the wall clock continues while the machine
    /// sleeps, and the monotonic clock cannot be set back.
    sent: Mutex<(Instant, SystemTime)>,
}

impl<'a> Lock<'a> {
    /// Acquires the lock. Takes over from a dead holder after its lease; waits up to `wait_timeout` for a live one.
    ///
    /// # Errors
    /// [`Failure::Held`] if another live run holds it, [`Failure::Stopped`] if a stop was requested.
    pub async fn acquire(store: &'a Store, settings: &LockSettings, halt: &Halt) -> Result<Self, Failure> {
        let request = LockRow {
            fence: 0,
            beat: 0,
            holder: Some(Uuid::now_v7().to_string()),
            who: Some(settings.who.clone()),
            since: Some(format_time(&now())),
            lease_ms: u64::try_from(settings.lease.as_millis()).unwrap_or(u64::MAX),
        };
        let start = Instant::now();
        let mut observed: Option<(LockRow, Instant)> = None;
        loop {
            let current =
                with_retries(halt, || true, || store.migration_lock()).await?.filter(|lock| lock.holder.is_some());
            let Some(current) = current else {
                match Self::try_acquire(store, None, &request, settings.lease, halt).await? {
                    Some(lock) => return Ok(lock),
                    None => continue,
                }
            };
            let lease = Duration::from_millis(current.lease_ms);
            match &observed {
                Some((last, since)) if (last.fence, last.beat) == (current.fence, current.beat) => {
                    if since.elapsed() > lease
                        && let Some(lock) =
                            Self::try_acquire(store, Some(&current), &request, settings.lease, halt).await?
                    {
                        return Ok(lock);
                    }
                }
                Some(_) if start.elapsed() >= settings.wait_timeout => return Err(Failure::Held(current)),
                _ => observed = Some((current, Instant::now())),
            }
            halt.sleep((lease / 10).clamp(Duration::from_millis(20), MAX_POLL_INTERVAL)).await?;
        }
    }

    async fn try_acquire(
        store: &'a Store,
        observed: Option<&LockRow>,
        request: &LockRow,
        lease: Duration,
        halt: &Halt,
    ) -> Result<Option<Self>, Failure> {
        let sent = Mutex::new((Instant::now(), SystemTime::now()));
        let row = with_retries(halt, || true, || store.take_lock(observed, request)).await?;
        Ok(row.map(|row| Self { store, row, lease, sent }))
    }

    /// Returns the fencing token, which is higher than that of every earlier holder.
    pub fn fence(&self) -> u64 {
        self.row.fence
    }

    /// Returns true if there is time to send a write that takes effect while the lock is held.
    pub fn is_valid(&self) -> bool {
        let (instant, time) = *self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        // If the wall clock was set back, its elapsed time is an error, and the monotonic clock decides.
        let elapsed = instant.elapsed().max(time.elapsed().unwrap_or_default());
        elapsed < self.lease.saturating_sub((self.lease / 3).min(MAX_WRITE_TIME))
    }

    /// Sends heartbeats until the lock is lost, and returns the reason.
    pub async fn send_heartbeats(&self) -> Failure {
        for beat in 1.. {
            let interval = self.lease / 5;
            tokio::time::sleep(interval).await;
            let sent = (Instant::now(), SystemTime::now());
            match self.store.renew_lock(&self.row, beat).await {
                Ok(true) => *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = sent,
                Ok(false) => return Failure::Fenced,
                // The lease may leave time for another attempt.
                Err(Error::Unavailable(_)) if self.is_valid() => {}
                Err(error) => return Failure::Store(error),
            }
        }
        future::pending().await
    }

    /// Releases the lock.
    pub async fn release(self) {
        // A lock that is lost needs no release, and the lease ends one that DynamoDB did not confirm.
        let _ = self.store.free_lock(&self.row).await;
    }
}
