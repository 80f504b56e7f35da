//! The error type of the service.

use std::fmt;

use serde::Serialize;

/// The error of a request.
///
/// `http::problem` converts it to the response. `runtime` logs the causes, which are never sent to clients.
#[derive(Debug)]
pub enum Error {
    /// The request is invalid (400). Holds all violations.
    Invalid(Vec<Violation>),
    /// The request has no credentials, and the operation is not public (401).
    Unauthenticated,
    /// The principal may not do this (403).
    Forbidden,
    /// The record does not exist, or the principal may not read it (404).
    NotFound,
    /// The request conflicts with other records (409). Holds the affected fields.
    Conflict(Vec<Violation>),
    /// The state of the record does not allow the operation (409). Holds an explanation.
    WrongState(&'static str),
    /// The record has changed since the caller read it (412).
    StaleVersion,
    /// The body or the resulting record is too large (413).
    TooLarge,
    /// The operation does not accept the media type of the body (415).
    UnsupportedMediaType {
        /// The accepted media types, the preferred one first.
        expected: &'static [&'static str],
    },
    /// The idempotency key was used with another body (422).
    IdempotencyKeyReused,
    /// DynamoDB is throttling, slow or unreachable (503).
    Unavailable(Cause),
    /// The first request with the same idempotency key is still in progress (409).
    InProgress,
    /// The upstream API gave no usable response (502).
    BadUpstream(Cause),
    /// The upstream API refuses requests for now, or is not called since it keeps failing (503).
    UpstreamBusy {
        /// The number of seconds after which a retry can succeed.
        retry_after: u64,
        /// The reason.
        cause: Cause,
    },
    /// The upstream API did not respond in time (504).
    UpstreamTimeout(Cause),
    /// A stored record cannot be decoded (500).
    Corrupt {
        /// The collection.
        collection: &'static str,
        /// The id of the record.
        id: String,
        /// The reason, without values of the record.
        cause: Cause,
    },
    /// An internal error (500).
    Internal(Cause),
}

/// The cause of an error, which is only logged.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The cause of an error if the function itself failed: a panic or a timeout.
///
/// An alarm distinguishes it from the failure of a request or a stream record, see [`Error::is_crash`].
#[derive(Debug)]
pub struct Crash(pub &'static str);

impl fmt::Display for Crash {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for Crash {}

impl Error {
    /// Returns true if a panic or a timeout is the cause.
    pub fn is_crash(&self) -> bool {
        matches!(self, Self::Unavailable(cause) | Self::Internal(cause) if cause.is::<Crash>())
    }

    /// Combines two results: both values, or the violations of both. Errors other than [`Error::Invalid`] take precedence.
    pub fn join<A, B>(first: Result<A, Self>, second: Result<B, Self>) -> Result<(A, B), Self> {
        match (first, second) {
            (Ok(first), Ok(second)) => Ok((first, second)),
            (Err(Self::Invalid(mut faults)), Err(Self::Invalid(more))) => {
                faults.extend(more);
                Err(Self::Invalid(faults))
            }
            (Err(Self::Invalid(_)), Err(error)) | (Err(error), _) | (Ok(_), Err(error)) => Err(error),
        }
    }

    /// Creates an error for a header.
    pub fn header(name: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation { at: Location::Header(name), detail: detail.into() }])
    }

    /// Returns the cause to log, if any.
    pub fn cause(&self) -> Option<String> {
        match self {
            Self::Unavailable(cause)
            | Self::Internal(cause)
            | Self::BadUpstream(cause)
            | Self::UpstreamBusy { cause, .. }
            | Self::UpstreamTimeout(cause) => Some(cause.to_string()),
            Self::Corrupt { collection, id, cause } => Some(format!("{collection} {id} cannot be decoded: {cause}")),
            _ => None,
        }
    }
}

/// A violation in a request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Violation {
    /// The location.
    #[serde(flatten)]
    pub at: Location,
    /// A description of the violation.
    pub detail: String,
}

impl Violation {
    /// Creates a violation in a body, at a JSON Pointer (RFC 6901).
    pub fn pointer(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { at: Location::Pointer(pointer.into()), detail: detail.into() }
    }

    /// Creates a violation in a top-level field of a body.
    pub fn field(field: &str, detail: impl Into<String>) -> Self {
        Self::pointer(format!("/{field}"), detail)
    }

    /// Creates a violation in a path or query parameter.
    pub fn parameter(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { at: Location::Parameter(name.into()), detail: detail.into() }
    }
}

/// The location of a violation in a request.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Location {
    /// A JSON Pointer into the body (RFC 6901); empty for the whole body.
    Pointer(String),
    /// A path or query parameter.
    Parameter(String),
    /// A header.
    Header(&'static str),
}
