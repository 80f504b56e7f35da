//! Cross-origin access (Fetch §3.2), for the answers functions write; preflights are the gateway's.

use http::{HeaderValue, header};

use super::Answer;

/// The answer headers a page may read.
pub const EXPOSED_HEADERS: &str = "ETag, Link, Location, Retry-After";

/// The request headers a page may send.
pub const ALLOWED_HEADERS: &str = "Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Api-Key";

/// The time a page may rely on a preflight: the longest that browsers accept.
pub const MAX_AGE_SECONDS: u32 = 7_200;

/// Lets the origin read the answer, when `allowed` has it or `*`.
///
/// Where the answer depends on the origin, caches are told so, whether or not it is allowed (Fetch §3.2.5).
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
