//! Sample events: what API Gateway would send each function, for `cargo lambda invoke` and tests.

use axum::http::{HeaderMap, HeaderValue, header};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{
    operation::{media_types, request_example},
    schema::{EXAMPLE_ID, EXAMPLE_TIME},
};
use crate::{
    local::{
        Options,
        event::{ProxyRequest, proxy_event},
    },
    routes::{Collection, Route},
};

/// The event of a request the operation would carry out.
pub fn sample_event(collection: &Collection, route: &Route) -> Value {
    let body = route.verb.has_body().then(|| request_example(collection, route.verb).to_string());
    let parameters = route.verb.has_id().then(|| ("id".to_owned(), EXAMPLE_ID.to_owned()));
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("sample"));
    if let Some(media_type) = media_types(route.verb).first() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    proxy_event(&ProxyRequest {
        route,
        path: &route.path.replace("{id}", EXAMPLE_ID),
        path_parameters: &parameters.into_iter().collect(),
        query: None,
        headers: &headers,
        body: body.unwrap_or_default().as_bytes(),
        key: (&Options::default().key, "basic"),
        source_ip: [127, 0, 0, 1].into(),
        host: "127.0.0.1:3000",
        id: EXAMPLE_ID,
        time: EXAMPLE_TIME.parse::<DateTime<Utc>>().expect("the example is RFC 3339"),
    })
}
