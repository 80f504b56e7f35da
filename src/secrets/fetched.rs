//! A value that is fetched from a secret, cached for some minutes, and fetched again if a caller needs a newer one.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_sdk_secretsmanager::Client;
use tokio::sync::Mutex;

use super::{FromSecret, Secret};
use crate::error::Error;

/// The age at which the value is refetched, so that a replaced one goes out of use.
const REFRESH_AGE: Duration = Duration::from_secs(5 * 60);
/// The maximum age of a value in use while Secrets Manager is unavailable.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);
/// The pause after a failed refresh while a cached value is usable.
const REFRESH_PAUSE: Duration = Duration::from_secs(10);
/// The maximum number of fetches on demand within the window: one for the first demand, and one for those that arrived
/// while it ran.
const REFETCHES: usize = 2;
const REFETCH_WINDOW: Duration = Duration::from_secs(10);

/// A value from a secret in Secrets Manager.
///
/// There is one fetch at a time. Fetches are numbered as they start. A fetch that started after a moment returns every
/// version that was current before it, independent of clocks.
pub struct Fetched<T> {
    secret: Secret,
    started: AtomicU64,
    cached: RwLock<Option<Cached<T>>>,
    attempts: Mutex<Attempts>,
}

/// The value of the last successful fetch.
pub struct Cached<T> {
    /// The value.
    pub value: Arc<T>,
    /// The number of the fetch.
    pub fetch: u64,
    /// The time at which the fetch started.
    pub time: SystemTime,
}

#[derive(Default)]
struct Attempts {
    failure: Option<Failure>,
    /// The times of the last fetches on demand.
    refetches: [Option<SystemTime>; REFETCHES],
}

/// The failure of the last fetch.
struct Failure {
    fetch: u64,
    time: SystemTime,
    cause: String,
}

impl<T> Clone for Cached<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), fetch: self.fetch, time: self.time }
    }
}

impl<T: FromSecret> Fetched<T> {
    /// Creates a value that is not fetched yet.
    pub fn new(client: Client, arn: &str) -> Self {
        Self {
            secret: Secret::new(client, arn),
            started: AtomicU64::default(),
            cached: RwLock::default(),
            attempts: Mutex::default(),
        }
    }

    /// Returns the number of the last fetch that started, to ask for a newer one.
    pub fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// Returns the cached value if it needs no refresh.
    pub fn fresh(&self) -> Option<Arc<T>> {
        self.cached_within(REFRESH_AGE).map(|cached| cached.value)
    }

    /// Returns the value. Fetches it if it is missing or needs a refresh.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if Secrets Manager does not return it.
    pub async fn get(&self) -> Result<Cached<T>, Error> {
        if let Some(cached) = self.cached_within(REFRESH_AGE) {
            return Ok(cached);
        }
        let arrival = self.started();
        let mut attempts = self.attempts.lock().await;
        // Another request may have fetched the value while this one waited for the lock.
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

    /// Returns the value of a fetch that started after the one with the number `arrival`.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if Secrets Manager does not return it, and if there were too many such fetches.
    pub async fn fetch_since(&self, arrival: u64) -> Result<Cached<T>, Error> {
        let mut attempts = self.attempts.lock().await;
        if let Some(cached) = self.cached().filter(|cached| cached.fetch > arrival) {
            return Ok(cached);
        }
        if let Some(failure) = attempts.failure.as_ref().filter(|failure| failure.fetch > arrival) {
            return Err(Error::Unavailable(failure.cause.clone().into()));
        }
        let [first, second] = attempts.refetches;
        if first.is_some_and(|time| self.is_within(time, REFETCH_WINDOW)) {
            return Err(Error::Unavailable("the secret was fetched too often to fetch it again".into()));
        }
        attempts.refetches = [second, Some(self.now())];
        self.fetch(&mut attempts).await
    }

    /// Returns the wall-clock time.
    pub fn now(&self) -> SystemTime {
        self.secret.now()
    }

    async fn fetch(&self, attempts: &mut Attempts) -> Result<Cached<T>, Error> {
        let fetch = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        let time = self.now();
        match self.secret.fetch().await {
            Ok(value) => {
                let cached = Cached { value: Arc::new(value), fetch, time };
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

    fn cached(&self) -> Option<Cached<T>> {
        self.cached.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn cached_within(&self, age: Duration) -> Option<Cached<T>> {
        self.cached().filter(|cached| self.is_within(cached.time, age))
    }

    /// Returns true if `time` is less than `age` ago. It is false if the clock was set back.
    fn is_within(&self, time: SystemTime, age: Duration) -> bool {
        self.now().duration_since(time).is_ok_and(|passed| passed < age)
    }
}
