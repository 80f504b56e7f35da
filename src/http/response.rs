//! Construction of responses.

use http::{StatusCode, header};
use lambda_http::{Body, Request, RequestExt, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::event::Context;
use crate::record::{Page, Record, Resource, View};

/// The characters that need no escape in a query value (RFC 3986 §2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A response to API Gateway.
pub type Answer = Response<Body>;

/// Creates a 201 response with `Location`, `ETag` and the record.
pub fn created<R: Resource>(request: &Request, record: &View<R>) -> Answer {
    let location = format!("{}/{}", public_path(request).trim_end_matches('/'), record.id);
    let mut answer = with_record(StatusCode::CREATED, record);
    answer.headers_mut().insert(header::LOCATION, location.parse().expect("paths routed by API Gateway are ASCII"));
    answer
}

/// Creates a 200 response with `ETag` and the record.
pub fn ok<R: Resource>(record: &View<R>) -> Answer {
    with_record(StatusCode::OK, record)
}

/// Creates a 200 response with the result of an action.
pub fn result(value: &impl Serialize) -> Answer {
    let builder = answer(StatusCode::OK).header(header::CONTENT_TYPE, "application/json");
    builder.body(json(value)).expect(VALID)
}

/// Creates a 304 response with `ETag`.
pub fn not_modified<R: Resource>(record: &View<R>) -> Answer {
    answer(StatusCode::NOT_MODIFIED).header(header::ETAG, etag(record)).body(Body::Empty).expect(VALID)
}

/// Creates a 204 response.
pub fn no_content() -> Answer {
    answer(StatusCode::NO_CONTENT).body(Body::Empty).expect(VALID)
}

/// Creates a 200 response with a page, and a `Link` to the next one (RFC 8288) if there is one.
///
/// The link is relative to the URL of the request, so it is valid behind any stage or domain.
pub fn list<T: Serialize>(request: &Request, page: &Page<T>) -> Answer {
    let body = PageBody { data: &page.data, next_cursor: page.next.as_deref() };
    let mut builder = answer(StatusCode::OK).header(header::CONTENT_TYPE, "application/json");
    if let Some(next) = &page.next {
        builder = builder.header(header::LINK, format!("<?{}>; rel=\"next\"", next_query(request, next)));
    }
    builder.body(json(&body)).expect(VALID)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageBody<'a, T> {
    data: &'a [T],
    next_cursor: Option<&'a str>,
}

const VALID: &str = "the status and headers are valid";

fn with_record<R: Resource>(status: StatusCode, record: &View<R>) -> Answer {
    answer(status)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ETAG, etag(record))
        .body(json(record))
        .expect(VALID)
}

fn answer(status: StatusCode) -> http::response::Builder {
    http::Response::builder().status(status).header(header::CACHE_CONTROL, "private, no-cache")
}

fn etag<R>(record: &Record<R>) -> String {
    format!("\"{}\"", record.version)
}

fn json(value: &impl Serialize) -> Body {
    Body::Text(serde_json::to_string(value).expect("records and problems are JSON"))
}

/// Returns the path that the client sent, with the stage or base path.
fn public_path(request: &Request) -> &str {
    Context::of(request).and_then(|context| context.path.as_deref()).unwrap_or_default()
}

fn next_query(request: &Request, cursor: &str) -> String {
    let parameters = request.query_string_parameters_ref();
    let kept = parameters.into_iter().flat_map(|map| map.iter()).filter(|(name, _)| *name != "cursor");
    kept.chain([("cursor", cursor)])
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, UNRESERVED)))
        .collect::<Vec<_>>()
        .join("&")
}
