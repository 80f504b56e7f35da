//! The bearer token in the headers of a request (RFC 6750 §2.1).

use super::refusal::Reason;

/// The largest token that is looked at. API Gateway's limit for all headers is 10,240 bytes (Amazon API Gateway developer
/// guide, "Quotas for configuring and running a REST API").
const MAX_BYTES: usize = 8 * 1024;

/// Returns the token in the values of the `Authorization` headers.
///
/// There must be one header with `Bearer` in any case, exactly one space, and the token.
pub fn token<'a>(headers: &[&'a str]) -> Result<&'a str, Reason> {
    let header = match headers {
        [] => return Err(Reason::NoToken),
        [header] => *header,
        _ => return Err(Reason::SeveralTokens),
    };
    if header.len() > MAX_BYTES {
        return Err(Reason::TooLarge);
    }
    let (scheme, token) = header.split_once(' ').ok_or(Reason::NotBearer)?;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.bytes().all(is_token) {
        Ok(token)
    } else {
        Err(Reason::NotBearer)
    }
}
