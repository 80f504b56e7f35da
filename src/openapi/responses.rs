//! The problem responses of the document.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::{
    error::{Error, Violation},
    gateway,
    http::{Answer, problem},
    operations::{ProblemResponse, pascal_case},
};

const REQUEST_ID: &str = "0f1e2d3c-4b5a-4968-8776-655443322110";

/// Returns the response of a problem. Most operations refer to a shared one.
pub fn problem_reference(declared: &ProblemResponse) -> Value {
    let status = StatusCode::from_u16(declared.status).expect("an operation declares HTTP statuses");
    match &declared.error {
        Some(error) => problem_response(&problem(error, REQUEST_ID)),
        None => json!({ "$ref": format!("#/components/responses/{}", name(status)) }),
    }
}

/// Returns the responses that all operations share, by name.
pub fn shared_problems() -> Map<String, Value> {
    let of_functions = [
        Error::Invalid(vec![
            Violation::pointer("/name", "must have 1 to 120 characters"),
            Violation::parameter("limit", "must be an integer from 1 to 100"),
            Violation {
                at: crate::error::Location::Header("If-Match"),
                detail: "must be * or a list of ETags, as in \"3\"".into(),
            },
        ]),
        Error::Unauthenticated,
        Error::Forbidden,
        Error::NotFound,
        Error::StaleVersion,
        Error::TooLarge,
        Error::UnsupportedMediaType { expected: &["application/json"] },
        Error::IdempotencyKeyReused,
        Error::Internal("".into()),
        Error::Unavailable("".into()),
    ];
    let of_the_gateway = [gateway::THROTTLED, gateway::INTEGRATION_TIMEOUT];
    let functions = of_functions.iter().map(|error| problem(error, REQUEST_ID));
    let gateway = of_the_gateway.iter().map(|response| response.answer(REQUEST_ID));
    let named = |answer: Answer| (name(answer.status()), problem_response(&answer));
    functions.chain(gateway).map(named).collect()
}

/// Returns the schema of every problem (RFC 9457).
pub fn problem_schema() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    json!({
        "type": "object",
        "description": "What went wrong (RFC 9457).",
        "required": ["type", "title", "status", "detail", "requestId"],
        "properties": {
            "type": text("`about:blank`: the status says which problem it is."),
            "title": text("The status in words."),
            "status": { "type": "integer", "minimum": 400, "maximum": 599, "description": "The HTTP status." },
            "detail": text("What went wrong, for people."),
            "requestId": text("The id to quote when asking for help."),
            "errors": {
                "type": "array",
                "description": "Every fault in the request, each with the place it is in.",
                "items": {
                    "type": "object",
                    "required": ["detail"],
                    "properties": {
                        "pointer": text("A JSON Pointer into the body (RFC 6901); empty for the whole body."),
                        "parameter": text("A path or query parameter."),
                        "header": text("A header."),
                        "detail": text("What is wrong there."),
                    },
                },
            },
        },
    })
}

/// The headers of problems that are components of the document.
const HEADERS: [&str; 2] = ["Retry-After", "WWW-Authenticate"];

/// Describes a problem by the response that functions or the gateway give.
fn problem_response(answer: &Answer) -> Value {
    let lambda_http::Body::Text(body) = answer.body() else { return Value::Null };
    let example: Value = serde_json::from_str(body).expect("a problem is JSON");
    let headers: Vec<_> = HEADERS.into_iter().filter(|name| answer.headers().contains_key(*name)).collect();
    json!({
        "description": example["detail"],
        "headers": reference_headers(&headers),
        "content": { "application/problem+json": {
            "schema": { "$ref": "#/components/schemas/Problem" },
            "example": example,
        } },
    })
}

/// Returns the component name of a status, such as `NotFound`.
fn name(status: StatusCode) -> String {
    pascal_case(&status.canonical_reason().unwrap_or_default().replace(' ', "_"))
}

/// Returns references to shared headers.
pub fn reference_headers(names: &[&str]) -> Value {
    let reference = |name: &&str| ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }));
    names.iter().map(reference).collect::<Map<_, _>>().into()
}
