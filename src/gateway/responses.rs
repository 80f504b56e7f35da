//! The responses of API Gateway itself, which the contract declares for the stack and the local server also sends.

use http::{HeaderValue, StatusCode, header};

use crate::http::{Answer, BUSY, FORBIDDEN, INTERNAL, INVALID, Problem, UNAUTHENTICATED};

/// A response that API Gateway sends without a function.
#[derive(Clone, Copy, Debug)]
pub struct GatewayResponse {
    /// The response types of API Gateway. Empty for 405, which a mock integration returns.
    pub types: &'static [&'static str],
    /// The HTTP status.
    pub status: StatusCode,
    /// A human-readable explanation.
    pub detail: &'static str,
    /// The `Retry-After` header in seconds, if any.
    pub retry_after: Option<u32>,
    /// The `WWW-Authenticate` header, if any.
    pub challenge: Option<&'static str>,
    /// True if `errors` of the problem contains the message of the request validator.
    pub has_errors: bool,
}

/// No API key, or an unknown one.
pub const INVALID_API_KEY: GatewayResponse =
    response(&["INVALID_API_KEY"], StatusCode::FORBIDDEN, "The header x-api-key must hold a valid API key.");

/// A token that is missing or not valid.
pub const UNAUTHORIZED: GatewayResponse =
    response(&["UNAUTHORIZED"], StatusCode::UNAUTHORIZED, UNAUTHENTICATED).challenge("Bearer error=\"invalid_token\"");

/// A valid token of a caller who may not call the operation.
pub const ACCESS_DENIED: GatewayResponse = response(&["ACCESS_DENIED"], StatusCode::FORBIDDEN, FORBIDDEN);

/// A token that cannot be verified, since its issuer does not answer.
pub const AUTHORIZER_FAILURE: GatewayResponse =
    response(&["AUTHORIZER_FAILURE"], StatusCode::SERVICE_UNAVAILABLE, BUSY).retry_after(1);

/// A path that the API does not have; API Gateway reports it as a missing authentication token.
pub const NOT_FOUND: GatewayResponse = response(
    &["MISSING_AUTHENTICATION_TOKEN", "RESOURCE_NOT_FOUND"],
    StatusCode::NOT_FOUND,
    "There is nothing at this path.",
);

/// A method that the path does not have; the methods it has are in `Allow`.
pub const METHOD_NOT_ALLOWED: GatewayResponse = response(
    &[],
    StatusCode::METHOD_NOT_ALLOWED,
    "This path does not have this method: the header Allow names those it has.",
);

/// A body larger than API Gateway's limit.
pub const REQUEST_TOO_LARGE: GatewayResponse = response(
    &["REQUEST_TOO_LARGE"],
    StatusCode::PAYLOAD_TOO_LARGE,
    "The body is larger than the 10 MB that the API accepts.",
);

/// More requests than the rate and the burst of the usage plan or the stage.
pub const THROTTLED: GatewayResponse =
    response(&["THROTTLED"], StatusCode::TOO_MANY_REQUESTS, "Too many requests: wait, then try again.").retry_after(1);

/// More requests than the quota of the usage plan.
pub const QUOTA_EXCEEDED: GatewayResponse =
    response(&["QUOTA_EXCEEDED"], StatusCode::TOO_MANY_REQUESTS, "The API key's requests for this month are used up.")
        .retry_after(3_600);

/// A function that Lambda throttles, or one that dies: API Gateway does not distinguish them.
pub const INTEGRATION_FAILURE: GatewayResponse =
    response(&["INTEGRATION_FAILURE"], StatusCode::SERVICE_UNAVAILABLE, BUSY).retry_after(1);

/// A function that takes longer than API Gateway waits.
pub const INTEGRATION_TIMEOUT: GatewayResponse =
    response(&["INTEGRATION_TIMEOUT"], StatusCode::GATEWAY_TIMEOUT, "The service took too long to answer: try again.");

/// Every answer, for all response types of
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html>.
pub const RESPONSES: [GatewayResponse; 19] = [
    response(&["DEFAULT_4XX"], StatusCode::BAD_REQUEST, "The request is not valid."),
    response(
        &["BAD_REQUEST_PARAMETERS"],
        StatusCode::BAD_REQUEST,
        "A required parameter or header of the request is missing.",
    ),
    GatewayResponse { has_errors: true, ..response(&["BAD_REQUEST_BODY"], StatusCode::BAD_REQUEST, INVALID) },
    UNAUTHORIZED,
    ACCESS_DENIED,
    response(&["EXPIRED_TOKEN"], StatusCode::FORBIDDEN, "The token of the request has expired."),
    INVALID_API_KEY,
    response(&["INVALID_SIGNATURE"], StatusCode::FORBIDDEN, "The signature of the request is not valid."),
    response(&["WAF_FILTERED"], StatusCode::FORBIDDEN, "The firewall refused the request."),
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    REQUEST_TOO_LARGE,
    response(
        &["UNSUPPORTED_MEDIA_TYPE"],
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "The body must be of the type application/json, or application/merge-patch+json in a PATCH.",
    ),
    THROTTLED,
    QUOTA_EXCEEDED,
    response(
        &["DEFAULT_5XX", "API_CONFIGURATION_ERROR", "AUTHORIZER_CONFIGURATION_ERROR"],
        StatusCode::INTERNAL_SERVER_ERROR,
        INTERNAL,
    ),
    AUTHORIZER_FAILURE,
    INTEGRATION_FAILURE,
    INTEGRATION_TIMEOUT,
];

const fn response(types: &'static [&'static str], status: StatusCode, detail: &'static str) -> GatewayResponse {
    GatewayResponse { types, status, detail, retry_after: None, challenge: None, has_errors: false }
}

impl GatewayResponse {
    const fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    const fn challenge(self, challenge: &'static str) -> Self {
        Self { challenge: Some(challenge), ..self }
    }

    /// Returns the problem of this answer.
    pub fn problem(&self, request_id: &str) -> Problem {
        Problem::new(self.status, self.detail, request_id)
    }

    /// Returns the answer as clients receive it.
    pub fn answer(&self, request_id: &str) -> Answer {
        let mut answer = self.problem(request_id).into_answer();
        if let Some(seconds) = self.retry_after {
            answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(challenge) = self.challenge {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        answer
    }
}
