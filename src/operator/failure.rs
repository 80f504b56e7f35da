//! The failures of the command, each one line, and its exit codes.

use aws_sdk_apigateway::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

/// The exit code.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ExitStatus {
    /// The command succeeded.
    Success = 0,
    /// AWS refused a request or did not answer.
    Failed = 1,
    /// An option is invalid. The code is the one clap uses.
    Usage = 2,
    /// There is no such stage, customer or key.
    NotFound = 3,
    /// The customer has a key already.
    Conflict = 4,
    /// There are no credentials, or they do not permit a request.
    Denied = 5,
}

/// A failure that ends the command.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub status: ExitStatus,
    /// The reason, in one line.
    pub reason: String,
}

/// The code of a request that the caller may not make (IAM user guide, "Troubleshoot access denied error messages").
const ACCESS_DENIED: &str = "AccessDeniedException";
/// The codes of credentials that are unknown, wrong or expired (IAM user guide, "Common Errors").
const REFUSED_CREDENTIALS: [&str; 5] = [
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "UnrecognizedClientException",
];

impl Failure {
    /// Creates a failure.
    pub fn new(status: ExitStatus, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into() }
    }

    /// Describes an error of a request, which needs the given permission: action and resource.
    pub fn of_request<E>(permission: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let message = error.meta().message().unwrap_or_default();
        match error.code() {
            Some(ACCESS_DENIED) => {
                Self::new(ExitStatus::Denied, format!("your credentials do not permit {permission}: {message}"))
            }
            Some(code) if REFUSED_CREDENTIALS.contains(&code) => {
                Self::new(ExitStatus::Denied, format!("AWS refuses your credentials ({code}): {message}"))
            }
            Some(code) => Self::new(ExitStatus::Failed, format!("AWS refused {permission} ({code}): {message}")),
            None => Self::new(ExitStatus::Failed, format!("{permission} got no valid answer: {}", causes(error))),
        }
    }
}

/// Returns the error with its causes. The SDK's own description has the response as well, perhaps with the value of a key.
fn causes(error: &dyn std::error::Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        texts.push(cause.to_string());
        next = cause.source();
    }
    texts.join(": ").replace('\n', " ")
}
