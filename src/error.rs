//! What can go wrong, by what the caller can do about it.

use std::fmt;

use serde::Serialize;

/// The reason a request was not carried out.
///
/// `http::problem` turns it into the answer; `runtime` logs the causes it holds, which no client sees.
#[derive(Debug)]
pub enum Error {
    /// Mend the request: every fault found in it (400).
    Invalid(Vec<Violation>),
    /// There is no such record (404).
    NotFound,
    /// Another record is in the way, or missing: the fields concerned (409).
    Conflict(Vec<Violation>),
    /// The record is in a state that rules the operation out (409): which, in a sentence.
    WrongState(&'static str),
    /// The record has moved on since the caller read it (412).
    StaleVersion,
    /// The body, or the record it would make, is too large (413).
    TooLarge,
    /// The body is not of a media type the operation reads (415).
    UnsupportedMediaType {
        /// The media types it reads, the usual one first.
        expected: &'static [&'static str],
    },
    /// The idempotency key came before with another body (422).
    IdempotencyKeyReused,
    /// Try again later: DynamoDB is throttling, slow or unreachable (503).
    Unavailable(Cause),
    /// A stored record cannot be read (500).
    Corrupt {
        /// The collection it is in.
        collection: &'static str,
        /// The record.
        id: String,
        /// Where the record is wrong, without its values.
        cause: Cause,
    },
    /// A fault of ours (500).
    Internal(Cause),
}

/// Why something failed, for the log alone.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The cause of an error where the code itself failed: it panicked, or its time ran out.
///
/// An alarm tells it from the failure of a request or a stream record, see [`Error::is_crash`].
#[derive(Debug)]
pub struct Crash(pub &'static str);

impl fmt::Display for Crash {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for Crash {}

impl Error {
    /// Returns true if a panic or a lack of time is the cause.
    pub fn is_crash(&self) -> bool {
        matches!(self, Self::Unavailable(cause) | Self::Internal(cause) if cause.is::<Crash>())
    }

    /// Both values, or every fault in both; an error that is no fault of the request's form comes first.
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

    /// One fault in a header.
    pub fn header(name: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation { at: Location::Header(name), detail: detail.into() }])
    }

    /// The cause to log, where there is one.
    pub fn cause(&self) -> Option<String> {
        match self {
            Self::Unavailable(cause) | Self::Internal(cause) => Some(cause.to_string()),
            Self::Corrupt { collection, id, cause } => Some(format!("{collection} {id} cannot be decoded: {cause}")),
            _ => None,
        }
    }
}

/// One fault in a request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Violation {
    /// Where it is.
    #[serde(flatten)]
    pub at: Location,
    /// What is wrong, in words.
    pub detail: String,
}

impl Violation {
    /// A fault in a body, at a JSON Pointer (RFC 6901).
    pub fn pointer(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { at: Location::Pointer(pointer.into()), detail: detail.into() }
    }

    /// A fault in a top-level field of a body.
    pub fn field(field: &str, detail: impl Into<String>) -> Self {
        Self::pointer(format!("/{field}"), detail)
    }

    /// A fault in a path or query parameter.
    pub fn parameter(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { at: Location::Parameter(name.into()), detail: detail.into() }
    }
}

/// The part of a request a fault is in.
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
