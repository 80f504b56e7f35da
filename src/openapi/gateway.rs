//! The extensions for API Gateway itself: the answers it gives without a function, and the CORS headers.

use serde_json::{Map, Value, json};

use crate::{
    gateway::{GatewayResponse, RESPONSES},
    http::cors,
};

/// Returns `x-gateway-responses`: the answers with the response types they are for.
pub fn gateway_responses() -> Value {
    RESPONSES.iter().map(gateway_response).collect()
}

fn gateway_response(response: &GatewayResponse) -> Value {
    let (problem, answer) = (response.problem(""), response.answer(""));
    let headers = answer.headers().iter().map(|(name, value)| {
        let value = value.to_str().expect("the headers of a problem are ASCII");
        (title_case(name.as_str()), json!(value))
    });
    json!({
        "types": response.types,
        "status": problem.status,
        "title": problem.title,
        "detail": problem.detail,
        "headers": headers.collect::<Map<_, _>>(),
        "hasErrors": response.has_errors,
    })
}

/// Returns `x-cors`: the headers that pages may send and read, and the lifetime of a preflight.
pub fn cors() -> Value {
    let names = |list: &'static str| list.split(", ").collect::<Vec<_>>();
    json!({
        "allowedHeaders": names(cors::ALLOWED_HEADERS),
        "exposedHeaders": names(cors::EXPOSED_HEADERS),
        "maxAgeSeconds": cors::MAX_AGE_SECONDS,
    })
}

/// Returns a header's name as documentation writes it: `Retry-After`, `WWW-Authenticate` (RFC 9110 §11.6.1).
fn title_case(name: &str) -> String {
    let capitalized = |word: &str| if word == "www" { "WWW".to_owned() } else { word[..1].to_uppercase() + &word[1..] };
    name.split('-').map(capitalized).collect::<Vec<_>>().join("-")
}
