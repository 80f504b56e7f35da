//! Keys that are fetched, kept for some minutes, and fetched again for a cursor none of them has signed.

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

/// The age at which the keys are fetched again, so that no function goes on signing with a key that was replaced.
const REFRESH_AGE: Duration = Duration::from_secs(5 * 60);
/// The age up to which they are used while Secrets Manager does not answer.
const GREATEST_AGE: Duration = Duration::from_secs(60 * 60);
/// How long a failed refresh is not repeated while the keys can be used.
const REFRESH_PAUSE: Duration = Duration::from_secs(10);
/// How many fetches cursors signed by none of the keys may cause within the window: one for the first such cursor, one
/// for those that came while it ran.
const REFETCHES: usize = 2;
const REFETCH_WINDOW: Duration = Duration::from_secs(10);

/// The keys of a secret in Secrets Manager.
///
/// There is one fetch at a time. Fetches are numbered as they begin: one that began after a request came in has seen
/// every key that can have signed the request's cursor, whatever the clocks say.
pub struct FetchedKeys {
    secret: Secret,
    client: Client,
    begun: AtomicU64,
    kept: RwLock<Option<Kept>>,
    attempts: Mutex<Attempts>,
}

/// The keys of the last fetch that succeeded.
#[derive(Clone)]
struct Kept {
    keys: Arc<KeyPair>,
    fetch: u64,
    time: SystemTime,
}

#[derive(Default)]
struct Attempts {
    failure: Option<Failure>,
    /// The times of the last fetches that unknown keys caused.
    refetches: [Option<SystemTime>; REFETCHES],
}

/// The last fetch, where it failed.
struct Failure {
    fetch: u64,
    time: SystemTime,
    cause: String,
}

impl FetchedKeys {
    /// Keys that are not fetched yet.
    pub fn new(client: Client, arn: &str) -> Self {
        Self {
            secret: Secret::new(client.clone(), arn),
            client,
            begun: AtomicU64::default(),
            kept: RwLock::default(),
            attempts: Mutex::default(),
        }
    }

    /// Returns the keys if they need not be fetched.
    pub fn at_hand(&self) -> Option<Arc<KeyPair>> {
        self.younger_than(REFRESH_AGE).map(|kept| kept.keys)
    }

    /// Returns the keys, fetched if they are not there or no longer young.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when Secrets Manager does not give them.
    pub async fn get(&self) -> Result<Arc<KeyPair>, Error> {
        Ok(self.kept_or_fetched().await?.keys)
    }

    /// Returns true if one of the keys signed the cursor; they are fetched again if a younger one may have.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when Secrets Manager does not give them, or was asked too often for keys that no cursor
    /// was signed with: a retry will find out.
    pub async fn have_signed(&self, list: &str, cursor: &ParsedCursor) -> Result<bool, Error> {
        let arrival = self.begun.load(Ordering::Relaxed);
        let kept = self.kept_or_fetched().await?;
        if kept.keys.has_signed(list, cursor) {
            return Ok(true);
        }
        if kept.fetch > arrival || !cursor.may_be_younger_than(kept.time, self.now()) {
            return Ok(false);
        }
        Ok(self.fetched_since(arrival).await?.keys.has_signed(list, cursor))
    }

    async fn kept_or_fetched(&self) -> Result<Kept, Error> {
        if let Some(kept) = self.younger_than(REFRESH_AGE) {
            return Ok(kept);
        }
        let arrival = self.begun.load(Ordering::Relaxed);
        let mut attempts = self.attempts.lock().await;
        // Another request fetched while this one waited.
        if let Some(kept) = self.younger_than(REFRESH_AGE) {
            return Ok(kept);
        }
        let usable = self.younger_than(GREATEST_AGE);
        if let Some(failure) = &attempts.failure {
            let is_recent = self.is_within(failure.time, REFRESH_PAUSE);
            if let Some(kept) = usable.clone().filter(|_| is_recent) {
                return Ok(kept);
            }
            if failure.fetch > arrival {
                return Err(Error::Unavailable(failure.cause.clone().into()));
            }
        }
        let fetched = self.fetch(&mut attempts).await;
        fetched.or_else(|error| usable.ok_or(error))
    }

    /// Returns the keys of a fetch that began after `arrival`.
    async fn fetched_since(&self, arrival: u64) -> Result<Kept, Error> {
        let mut attempts = self.attempts.lock().await;
        if let Some(kept) = self.kept().filter(|kept| kept.fetch > arrival) {
            return Ok(kept);
        }
        if let Some(failure) = attempts.failure.as_ref().filter(|failure| failure.fetch > arrival) {
            return Err(Error::Unavailable(failure.cause.clone().into()));
        }
        let [first, second] = attempts.refetches;
        if first.is_some_and(|time| self.is_within(time, REFETCH_WINDOW)) {
            return Err(Error::Unavailable("cursors signed by no known key caused fetches moments ago".into()));
        }
        attempts.refetches = [second, Some(self.now())];
        self.fetch(&mut attempts).await
    }

    async fn fetch(&self, attempts: &mut Attempts) -> Result<Kept, Error> {
        let fetch = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        let time = self.now();
        match self.secret.fetch().await {
            Ok(keys) => {
                let kept = Kept { keys: Arc::new(keys), fetch, time };
                *self.kept.write().unwrap_or_else(PoisonError::into_inner) = Some(kept.clone());
                attempts.failure = None;
                Ok(kept)
            }
            Err(cause) => {
                attempts.failure = Some(Failure { fetch, time: self.now(), cause: cause.clone() });
                Err(Error::Unavailable(cause.into()))
            }
        }
    }

    fn kept(&self) -> Option<Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn younger_than(&self, age: Duration) -> Option<Kept> {
        self.kept().filter(|kept| self.is_within(kept.time, age))
    }

    /// Returns true if `time` is less than `age` ago; a clock that was set back makes nothing young.
    fn is_within(&self, time: SystemTime, age: Duration) -> bool {
        self.now().duration_since(time).is_ok_and(|passed| passed < age)
    }

    /// The wall clock: the other one may stand still while Lambda freezes a function.
    fn now(&self) -> SystemTime {
        self.client.config().time_source().map_or_else(SystemTime::now, |clock| clock.now())
    }
}
