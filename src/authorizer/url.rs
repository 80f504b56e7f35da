//! The URLs from which keys may be fetched.

use http::Uri;

/// Returns true if keys may be fetched from a URL: over https, or from this machine if that is allowed.
pub fn is_allowed(url: &Uri, allows_http_loopback: bool) -> bool {
    let host = url.host().unwrap_or_default();
    match url.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => allows_http_loopback && is_loopback(host),
        _ => false,
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
