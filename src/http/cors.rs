//! Cross-origin access (Fetch §3.2) for the responses of functions. The gateway handles preflights.

use http::{HeaderValue, header};

use super::Answer;

/// The response headers that a page may read.
pub const EXPOSED_HEADERS: &str = "ETag, Link, Location, Retry-After, WWW-Authenticate";

/// The request headers a page may send.
pub const ALLOWED_HEADERS: &str = "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Api-Key";

/// The time a page may rely on a preflight: the longest that browsers accept.
pub const MAX_AGE_SECONDS: u32 = 7_200;

/// Allows the origin to read the response if `allowed` contains it or `*`.
///
/// Adds `Vary` if the response depends on the origin, even if this origin is not allowed (Fetch §3.2.5).
pub fn allow(answer: &mut Answer, origin: Option<&str>, allowed: &[String]) {
    let is_open = allowed.iter().any(|allowed| allowed == "*");
    let named = origin.filter(|origin| allowed.iter().any(|allowed| allowed == origin));
    let permitted = if is_open { origin.map(|_| "*") } else { named };
    let headers = answer.headers_mut();
    if let Some(origin) = permitted.and_then(|origin| HeaderValue::from_str(origin).ok()) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    }
    if !is_open && !allowed.is_empty() {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}
