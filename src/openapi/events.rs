//! Sample events of API Gateway for each function, for `cargo lambda invoke` and tests.

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, header};
use serde_json::Value;

use crate::{
    gateway::{LOCAL_HOST, LOCAL_KEY, LOCAL_PORT, ProxyRequest, proxy_event},
    operations::{
        Operation,
        schema::{EXAMPLE_ID, EXAMPLE_TIME},
    },
};

/// Returns the event of a valid request to the operation.
pub fn sample_event(operation: &Operation) -> Value {
    let body = operation.contract().body;
    let parameters = operation.has_id().then(|| ("id".to_owned(), EXAMPLE_ID.to_owned()));
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("sample"));
    if let Some(media_type) = body.as_ref().and_then(|body| body.media_types.first()) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    let body = body.map(|body| body.content.example.to_string());
    proxy_event(&ProxyRequest {
        operation,
        path: &operation.path.replace("{id}", EXAMPLE_ID),
        path_parameters: &parameters.into_iter().collect(),
        query: None,
        headers: &headers,
        body: body.unwrap_or_default().as_bytes(),
        key: Some((LOCAL_KEY, "basic")),
        authorizer: None,
        source_ip: [127, 0, 0, 1].into(),
        host: &format!("{LOCAL_HOST}:{LOCAL_PORT}"),
        id: EXAMPLE_ID,
        time: EXAMPLE_TIME.parse::<DateTime<Utc>>().expect("the example is RFC 3339"),
    })
}
