//! The upstream API: another service's HTTP API that actions call, with a secret key.
//!
//! A call has a time limit that leaves its function time to respond, a bounded number of attempts, and a circuit breaker.
//! Neither its log fields nor its errors contain the key, the address or the content of a response.

mod circuit;
mod failure;
mod key;
mod mapping;
mod shared_calls;

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep, timeout};

use self::{circuit::Circuit, failure::AttemptError, key::UsedKey, shared_calls::SharedCalls};
use crate::{
    config::UpstreamConfig,
    deadline,
    https::{Client, Options},
    telemetry,
};

pub use failure::Failure;
pub use key::ApiKeys;

/// The maximum time of a call: API Gateway waits 29 seconds (API Gateway developer guide, "Quotas for configuring and
/// running a REST API"), and the function writes to DynamoDB before and after the call.
const MAX_TIME: Duration = Duration::from_secs(27);
/// The time that a call leaves to its function for writes after it.
const RESERVED_TIME: Duration = Duration::from_millis(500);
/// The shortest time in which an attempt is worth a try.
const MIN_ATTEMPT: Duration = Duration::from_millis(50);
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(2);
/// The maximum size of a response.
const MAX_RESPONSE_BYTES: usize = 256 * 1024;

/// The client of the upstream API.
pub struct Upstream {
    config: UpstreamConfig,
    client: Client,
    keys: ApiKeys,
    circuit: Circuit,
    shared: SharedCalls<Result<String, Failure>>,
}

impl Upstream {
    /// Creates a client, which opens no connection yet.
    pub fn new(config: UpstreamConfig, keys: ApiKeys) -> Self {
        let client = Client::new(&Options {
            roots: config.roots.clone(),
            addresses: config.addresses.clone(),
            allows_plain_http: config.allows_plain_http,
            connect_timeout: config.connect_timeout,
            max_response_bytes: MAX_RESPONSE_BYTES,
        });
        let circuit = Circuit::new(config.circuit_failures, config.circuit_pause);
        Self { config, client, keys, circuit, shared: SharedCalls::default() }
    }

    /// Starts to fetch the key, and opens a connection for the first request.
    pub async fn prime(&self) {
        self.keys.prime();
        self.client.prime(&self.config.url).await;
    }

    /// Returns the time for which answers are cached, or `None` if they are not.
    pub fn cache_lifetime(&self) -> Option<Duration> {
        Some(self.config.cache_lifetime).filter(|lifetime| !lifetime.is_zero())
    }

    /// Returns a digest of all that the answer to a text depends on, and of the caller.
    ///
    /// Callers do not share answers: the time of a response would tell one of them what another has sent.
    pub fn digest(&self, caller: &str, text: &str) -> String {
        let UpstreamConfig { url, headers, request, response, .. } = &self.config;
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let input = json!([url.to_string(), headers, request, response, caller, text]);
        URL_SAFE_NO_PAD.encode(Sha256::digest(input.to_string()))
    }

    /// Runs `work`, or waits for the result of running work with the same digest.
    ///
    /// # Errors
    /// Returns the failure of the work.
    pub async fn share(
        &self,
        digest: &str,
        work: impl Future<Output = Result<String, Failure>>,
    ) -> Result<String, Failure> {
        self.shared.run(digest, work).await
    }

    /// Sends a text and returns the text of the response.
    ///
    /// # Errors
    /// Returns the failure of the last attempt, or the reason why there was none.
    pub async fn transform(&self, text: &str) -> Result<String, Failure> {
        let start = Instant::now();
        let key = self.keys.get().await.map_err(|error| Failure::NoKey(error.cause().unwrap_or_default()))?;
        let permit = self.circuit.enter().map_err(|left| {
            telemetry::add_field("circuit", self.circuit.name());
            Failure::CircuitOpen(left)
        })?;
        let result = self.call(text, key, start + time_limit()).await;
        permit.report(!result.as_ref().is_err_and(AttemptError::is_general));
        telemetry::add_field("upstreamMs", u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX));
        telemetry::add_field("circuit", self.circuit.name());
        result.map_err(Failure::Attempt)
    }

    /// Sends the request until it succeeds, the attempts are used up, or `end` is near.
    async fn call(&self, text: &str, mut key: UsedKey, end: Instant) -> Result<String, AttemptError> {
        let (mut attempts, mut has_other_key) = (0, false);
        loop {
            attempts += 1;
            let error = match self.attempt(text, &key, end).await {
                Ok(answer) => break Ok(answer),
                Err(error) => error,
            };
            if matches!(error, AttemptError::KeyRefused(_))
                && !has_other_key
                && let Some(other) = self.keys.other_than(&key).await
            {
                (key, has_other_key) = (other, true);
                continue;
            }
            match self.pause(&error, attempts, end) {
                Some(pause) => sleep(pause).await,
                None => break Err(error),
            }
        }
    }

    /// Sends the request once.
    async fn attempt(&self, text: &str, key: &UsedKey, end: Instant) -> Result<String, AttemptError> {
        telemetry::count_field("upstreamAttempts");
        telemetry::add_field("upstreamStatus", Value::Null);
        let limit = self.config.timeout.min(end.saturating_duration_since(Instant::now()));
        let request = mapping::request(&self.config, text, key);
        let response = timeout(limit, self.client.send(request)).await.map_err(|_| AttemptError::TimedOut)?;
        let response = response.map_err(AttemptError::NoResponse)?;
        telemetry::add_field("upstreamStatus", response.status().as_u16());
        mapping::text(&self.config, &response)
    }

    /// Returns the pause before another attempt, or `None` if there is none: exponential backoff with full jitter (Amazon
    /// Builders' Library, "Timeouts, retries, and backoff with jitter"), and at least the time that the API asks for.
    fn pause(&self, error: &AttemptError, attempts: u32, end: Instant) -> Option<Duration> {
        let longest = FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(attempts - 1)).min(MAX_BACKOFF);
        let pause = longest.mul_f64(fastrand::f64());
        let pause = match error {
            AttemptError::Throttled { retry_after: Some(asked), .. } => pause.max(*asked),
            _ => pause,
        };
        let is_in_time = pause.saturating_add(MIN_ATTEMPT) < end.saturating_duration_since(Instant::now());
        (attempts < self.config.attempts && is_in_time && error.is_retryable(self.config.is_idempotent))
            .then_some(pause)
    }
}

/// Returns the time limit of a call.
fn time_limit() -> Duration {
    let left = deadline::remaining().map_or(MAX_TIME, |left| left.saturating_sub(RESERVED_TIME));
    left.min(MAX_TIME)
}
