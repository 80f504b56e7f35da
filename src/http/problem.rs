//! Error responses: RFC 9457 problem details.

use http::{StatusCode, header};
use lambda_http::Body;
use serde::Serialize;

use super::Answer;
use crate::error::{Error, Violation};

/// The `Retry-After` header, in seconds, if the error does not say another.
const RETRY_AFTER: u64 = 1;

/// The detail of an invalid request, from a function or from API Gateway.
pub const INVALID: &str = "The request is not valid: see errors.";
/// The detail of a request without valid credentials, from a function or from API Gateway.
pub const UNAUTHENTICATED: &str = "The request has no valid credentials.";
/// The detail of a request that the caller may not make, from a function or from API Gateway.
pub const FORBIDDEN: &str = "The caller is not allowed to do this.";
/// The detail of a temporary failure.
pub const BUSY: &str = "The service is busy: try again.";
/// The detail of an internal error.
pub const INTERNAL: &str = "Something went wrong on our side.";

/// An `application/problem+json` body.
///
/// The type is always `about:blank`, because each status has one meaning in this API (RFC 9457 §4.2.1).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// `about:blank`.
    pub r#type: &'static str,
    /// The reason phrase of the status.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// A human-readable explanation.
    pub detail: String,
    /// The violations in the request, with their locations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Violation>,
    /// The request id, for support.
    pub request_id: String,
}

impl Problem {
    /// Creates a problem.
    pub fn new(status: StatusCode, detail: impl Into<String>, request_id: &str) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        let (status, detail, request_id) = (status.as_u16(), detail.into(), request_id.to_owned());
        Self { r#type: "about:blank", title, status, detail, errors: Vec::new(), request_id }
    }

    /// Adds the violations in the request.
    pub fn with_errors(mut self, errors: Vec<Violation>) -> Self {
        self.errors = errors;
        self
    }

    /// Converts the problem to a response.
    pub fn into_answer(self) -> Answer {
        let mut builder = http::Response::builder()
            .status(self.status)
            .header(header::CONTENT_TYPE, "application/problem+json")
            .header(header::CACHE_CONTROL, "no-store");
        if matches!(self.status, 429 | 503) {
            builder = builder.header(header::RETRY_AFTER, RETRY_AFTER);
        }
        // RFC 9110 §15.5.2 requires a challenge, RFC 6750 §3 defines this one.
        if self.status == 401 {
            builder = builder.header(header::WWW_AUTHENTICATE, "Bearer");
        }
        let body = serde_json::to_string(&self).expect("a problem is JSON");
        builder.body(Body::Text(body)).expect("the status and headers are valid")
    }
}

/// Converts an error to a response.
pub fn for_error(error: &Error, request_id: &str) -> Answer {
    let (status, detail) = describe(error);
    let errors = match error {
        Error::Invalid(faults) | Error::Conflict(faults) => faults.clone(),
        _ => Vec::new(),
    };
    let mut answer = Problem::new(status, detail, request_id).with_errors(errors).into_answer();
    let retry_after = match error {
        Error::InProgress => RETRY_AFTER,
        Error::UpstreamBusy { retry_after, .. } => *retry_after,
        _ => return answer,
    };
    answer.headers_mut().insert(header::RETRY_AFTER, retry_after.into());
    answer
}

fn describe(error: &Error) -> (StatusCode, String) {
    let (status, detail) = match error {
        Error::Invalid(_) => (StatusCode::BAD_REQUEST, INVALID),
        Error::Unauthenticated => (StatusCode::UNAUTHORIZED, UNAUTHENTICATED),
        Error::Forbidden => (StatusCode::FORBIDDEN, FORBIDDEN),
        Error::NotFound => (StatusCode::NOT_FOUND, "There is no record with this id."),
        Error::Conflict(_) => (StatusCode::CONFLICT, "The request conflicts with other records: see errors."),
        Error::WrongState(detail) => (StatusCode::CONFLICT, *detail),
        Error::StaleVersion => (
            StatusCode::PRECONDITION_FAILED,
            "The record has changed since the version in If-Match: read it again and repeat the change.",
        ),
        Error::TooLarge => {
            (StatusCode::PAYLOAD_TOO_LARGE, "The record would be larger than the 400 KB DynamoDB stores.")
        }
        Error::UnsupportedMediaType { expected } => {
            let expected = expected.join(" or ");
            return (StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("The body must be of the type {expected}."));
        }
        Error::IdempotencyKeyReused => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "This Idempotency-Key was used with another body: use a new key for a new request.",
        ),
        Error::InProgress => {
            (StatusCode::CONFLICT, "The first request with this Idempotency-Key is still in progress: try again.")
        }
        Error::BadUpstream(_) => {
            (StatusCode::BAD_GATEWAY, "A service that this one relies on gave no usable response: try again later.")
        }
        Error::UpstreamBusy { .. } => {
            (StatusCode::SERVICE_UNAVAILABLE, "A service that this one relies on is busy: try again later.")
        }
        Error::UpstreamTimeout(_) => {
            (StatusCode::GATEWAY_TIMEOUT, "A service that this one relies on did not respond in time: try again.")
        }
        Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, BUSY),
        Error::Corrupt { id, .. } => {
            return (StatusCode::INTERNAL_SERVER_ERROR, format!("The stored record {id} cannot be read."));
        }
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, INTERNAL),
    };
    (status, detail.to_owned())
}
