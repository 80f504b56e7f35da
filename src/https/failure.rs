//! The reasons why a request gets no response, without addresses and contents, so that they can be logged.

use std::{error::Error as StdError, fmt, io};

use http_body_util::LengthLimitError;

/// The failure of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The reason.
    pub cause: Cause,
    /// True if the server cannot have received the request, so that it can be sent again.
    pub is_unsent: bool,
}

/// The reason of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The name resolves to no address that the client may connect to.
    AddressRefused,
    /// The server's certificate, or TLS, is not acceptable.
    Certificate,
    /// No connection was opened in time.
    ConnectTimeout,
    /// No connection could be opened.
    Unreachable,
    /// The connection was lost, or the response is not HTTP.
    Interrupted,
    /// The response is larger than the limit.
    TooLarge,
}

impl Cause {
    /// Returns true if another attempt can succeed.
    pub fn is_passing(self) -> bool {
        matches!(self, Self::ConnectTimeout | Self::Unreachable | Self::Interrupted)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(match self {
            Self::AddressRefused => "its address is not allowed",
            Self::Certificate => "its certificate is not acceptable",
            Self::ConnectTimeout => "no connection was opened in time",
            Self::Unreachable => "it could not be reached",
            Self::Interrupted => "the connection was lost",
            Self::TooLarge => "the response is too large",
        })
    }
}

impl StdError for Cause {}

impl Failure {
    /// Describes the failure of a request before its response began.
    pub(super) fn of_request(error: &hyper_util::client::legacy::Error) -> Self {
        let is_unsent = error.is_connect();
        let default = if is_unsent { Cause::Unreachable } else { Cause::Interrupted };
        Self { cause: known_cause(error).unwrap_or(default), is_unsent }
    }

    /// Describes the failure of a response's body.
    pub(super) fn of_body(error: &(dyn StdError + 'static)) -> Self {
        let cause = if error.is::<LengthLimitError>() { Cause::TooLarge } else { Cause::Interrupted };
        Self { cause, is_unsent: false }
    }
}

/// Returns the cause that the error, or one that it wraps, stands for.
fn known_cause(error: &(dyn StdError + 'static)) -> Option<Cause> {
    if let Some(cause) = error.downcast_ref::<Cause>() {
        return Some(*cause);
    }
    if error.is::<rustls::Error>() {
        return Some(Cause::Certificate);
    }
    // An I/O error that wraps another one returns the source of that one, not the error itself.
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let wrapped = wrapped.and_then(|wrapped| known_cause(wrapped));
    wrapped.or_else(|| known_cause(error.source()?))
}
