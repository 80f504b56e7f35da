//! The failures of attempts and calls, without content and address of the upstream API, so that they can be logged.

use std::{fmt, time::Duration};

use crate::{error::Error, https};

/// The shortest and the longest pause that clients are told to make, in seconds.
const RETRY_AFTER: (u64, u64) = (1, 300);

/// The failure of one attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptError {
    /// There was no response.
    NoResponse(https::Failure),
    /// There was no response in time.
    TimedOut,
    /// The API refuses the key (401, 403).
    KeyRefused(u16),
    /// The API refuses requests for now (429, 503), for this time if it says so.
    Throttled {
        /// The status.
        status: u16,
        /// The value of `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// The API fails (5xx).
    ServerError(u16),
    /// A status that another attempt does not change.
    Status(u16),
    /// A response that is not of the configured form.
    Malformed(&'static str),
}

impl AttemptError {
    /// Returns true if another attempt may succeed, and cannot do harm.
    ///
    /// A request that the API did not receive, or that it throttled, can always be sent again.
    pub fn is_retryable(&self, is_idempotent: bool) -> bool {
        match self {
            Self::NoResponse(failure) => failure.cause.is_passing() && (failure.is_unsent || is_idempotent),
            Self::Throttled { status, .. } => *status == 429 || is_idempotent,
            Self::TimedOut | Self::ServerError(_) => is_idempotent,
            Self::KeyRefused(_) | Self::Status(_) | Self::Malformed(_) => false,
        }
    }

    /// Returns true if calls with other texts are likely to fail too. A text that the API refuses, with 403 perhaps, must
    /// not open the circuit for all others.
    pub fn is_general(&self) -> bool {
        match self {
            Self::NoResponse(failure) => failure.cause != https::Cause::TooLarge,
            Self::KeyRefused(status) => *status == 401,
            Self::TimedOut | Self::Throttled { .. } | Self::ServerError(_) => true,
            Self::Status(_) | Self::Malformed(_) => false,
        }
    }
}

impl fmt::Display for AttemptError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::NoResponse(failure) => write!(formatter, "the upstream API gave no response: {}", failure.cause),
            Self::TimedOut => formatter.write_str("the upstream API did not respond in time"),
            Self::KeyRefused(status) => write!(formatter, "the upstream API refused the key with status {status}"),
            Self::Throttled { status, .. } => {
                write!(formatter, "the upstream API refuses requests, with status {status}")
            }
            Self::ServerError(status) => write!(formatter, "the upstream API failed with status {status}"),
            Self::Status(status) => write!(formatter, "the upstream API answered with status {status}"),
            Self::Malformed(problem) => write!(formatter, "the response of the upstream API {problem}"),
        }
    }
}

/// The failure of a call, which several requests can share.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The last attempt failed.
    Attempt(AttemptError),
    /// The circuit is open for this time.
    CircuitOpen(Duration),
    /// The key is not available. Holds the cause.
    NoKey(String),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let seconds = |pause: Duration| pause.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX);
        let seconds = |pause| u64::clamp(seconds(pause), RETRY_AFTER.0, RETRY_AFTER.1);
        match failure {
            Failure::CircuitOpen(left) => {
                let cause = "the circuit of the upstream API is open".into();
                Self::UpstreamBusy { retry_after: seconds(left), cause }
            }
            Failure::Attempt(error @ AttemptError::Throttled { retry_after, .. }) => {
                let cause = error.to_string().into();
                Self::UpstreamBusy { retry_after: seconds(retry_after.unwrap_or_default()), cause }
            }
            Failure::Attempt(error @ AttemptError::TimedOut) => Self::UpstreamTimeout(error.to_string().into()),
            Failure::Attempt(error) => Self::BadUpstream(error.to_string().into()),
            Failure::NoKey(cause) => Self::Unavailable(cause.into()),
        }
    }
}
