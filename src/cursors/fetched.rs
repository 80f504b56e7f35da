//! Keys that are fetched, cached for some minutes, and refetched for cursors with unknown signatures.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_sdk_secretsmanager::Client;
use tokio::sync::Mutex;

use super::{KeyPair, cursor::ParsedCursor, secret::Secret};
use crate::error::Error;

/// The age at which the keys are refetched, so that no function keeps signing with a replaced key.
const REFRESH_AGE: Duration = Duration::from_secs(5 * 60);
/// The maximum age of keys in use while Secrets Manager is unavailable.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);
/// The pause after a failed refresh while cached keys are usable.
const REFRESH_PAUSE: Duration = Duration::from_secs(10);
/// The maximum number of fetches within the window for cursors with unknown signatures: one for the first such cursor,
/// and one for those that arrived while it ran.
const REFETCHES: usize = 2;
const REFETCH_WINDOW: Duration = Duration::from_secs(10);

/// The keys of a secret in Secrets Manager.
///
/// There is one fetch at a time. Fetches are numbered as they start. A fetch that started after the arrival of a request
/// returns every key that can have signed the request's cursor, independent of clocks.
pub struct FetchedKeys {
    secret: Secret,
    client: Client,
    started: AtomicU64,
    cached: RwLock<Option<CachedKeys>>,
    attempts: Mutex<Attempts>,
}

/// The keys of the last successful fetch.
#[derive(Clone)]
struct CachedKeys {
    keys: Arc<KeyPair>,
    fetch: u64,
    time: SystemTime,
}

#[derive(Default)]
struct Attempts {
    failure: Option<Failure>,
    /// The times of the last fetches for cursors with unknown signatures.
    refetches: [Option<SystemTime>; REFETCHES],
}

/// The failure of the last fetch.
struct Failure {
    fetch: u64,
    time: SystemTime,
    cause: String,
}

impl FetchedKeys {
    /// Creates keys that are not fetched yet.
    pub fn new(client: Client, arn: &str) -> Self {
        Self {
            secret: Secret::new(client.clone(), arn),
            client,
            started: AtomicU64::default(),
            cached: RwLock::default(),
            attempts: Mutex::default(),
        }
    }

    /// Returns the cached keys if they need no refresh.
    pub fn fresh(&self) -> Option<Arc<KeyPair>> {
        self.cached_within(REFRESH_AGE).map(|cached| cached.keys)
    }

    /// Returns the keys. Fetches them if they are missing or need a refresh.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if Secrets Manager does not return them.
    pub async fn get(&self) -> Result<Arc<KeyPair>, Error> {
        Ok(self.cached_or_fetched().await?.keys)
    }

    /// Returns true if one of the keys signed the cursor. Refetches the keys if a newer one may have signed it.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if Secrets Manager does not return the keys, or if unknown signatures have caused too
    /// many fetches. The client can retry.
    pub async fn have_signed(&self, list: &str, cursor: &ParsedCursor) -> Result<bool, Error> {
        let arrival = self.started.load(Ordering::Relaxed);
        let cached = self.cached_or_fetched().await?;
        if cached.keys.has_signed(list, cursor) {
            return Ok(true);
        }
        if cached.fetch > arrival || !cursor.may_be_newer_than(cached.time, self.now()) {
            return Ok(false);
        }
        Ok(self.fetch_since(arrival).await?.keys.has_signed(list, cursor))
    }

    async fn cached_or_fetched(&self) -> Result<CachedKeys, Error> {
        if let Some(cached) = self.cached_within(REFRESH_AGE) {
            return Ok(cached);
        }
        let arrival = self.started.load(Ordering::Relaxed);
        let mut attempts = self.attempts.lock().await;
        // Another request may have fetched the keys while this one waited for the lock.
        if let Some(cached) = self.cached_within(REFRESH_AGE) {
            return Ok(cached);
        }
        let usable = self.cached_within(MAX_AGE);
        if let Some(failure) = &attempts.failure {
            let is_recent = self.is_within(failure.time, REFRESH_PAUSE);
            if let Some(cached) = usable.clone().filter(|_| is_recent) {
                return Ok(cached);
            }
            if failure.fetch > arrival {
                return Err(Error::Unavailable(failure.cause.clone().into()));
            }
        }
        let fetched = self.fetch(&mut attempts).await;
        fetched.or_else(|error| usable.ok_or(error))
    }

    /// Returns the keys of a fetch that started after `arrival`.
    async fn fetch_since(&self, arrival: u64) -> Result<CachedKeys, Error> {
        let mut attempts = self.attempts.lock().await;
        if let Some(cached) = self.cached().filter(|cached| cached.fetch > arrival) {
            return Ok(cached);
        }
        if let Some(failure) = attempts.failure.as_ref().filter(|failure| failure.fetch > arrival) {
            return Err(Error::Unavailable(failure.cause.clone().into()));
        }
        let [first, second] = attempts.refetches;
        if first.is_some_and(|time| self.is_within(time, REFETCH_WINDOW)) {
            return Err(Error::Unavailable("cursors with unknown signatures caused too many fetches".into()));
        }
        attempts.refetches = [second, Some(self.now())];
        self.fetch(&mut attempts).await
    }

    async fn fetch(&self, attempts: &mut Attempts) -> Result<CachedKeys, Error> {
        let fetch = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        let time = self.now();
        match self.secret.fetch().await {
            Ok(keys) => {
                let cached = CachedKeys { keys: Arc::new(keys), fetch, time };
                *self.cached.write().unwrap_or_else(PoisonError::into_inner) = Some(cached.clone());
                attempts.failure = None;
                Ok(cached)
            }
            Err(cause) => {
                attempts.failure = Some(Failure { fetch, time: self.now(), cause: cause.clone() });
                Err(Error::Unavailable(cause.into()))
            }
        }
    }

    fn cached(&self) -> Option<CachedKeys> {
        self.cached.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn cached_within(&self, age: Duration) -> Option<CachedKeys> {
        self.cached().filter(|cached| self.is_within(cached.time, age))
    }

    /// Returns true if `time` is less than `age` ago. It is false if the clock was set back.
    fn is_within(&self, time: SystemTime, age: Duration) -> bool {
        self.now().duration_since(time).is_ok_and(|passed| passed < age)
    }

    /// Returns the wall-clock time. The monotonic clock may stop while Lambda freezes the function.
    fn now(&self) -> SystemTime {
        self.client.config().time_source().map_or_else(SystemTime::now, |clock| clock.now())
    }
}
