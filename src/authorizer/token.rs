//! Verification of a token: a signed JWT (RFC 7519) of the configured issuer, by the rules of RFC 8725.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{
    Algorithm, Header, Validation,
    dangerous::insecure_decode,
    decode, decode_header,
    errors::{Error, ErrorKind},
};
use serde_json::{Map, Value};

use super::{
    crypto,
    keys::Keys,
    refusal::{Reason, Refusal},
    settings::Settings,
};

/// The claims of a token.
pub type Claims = Map<String, Value>;

/// The tolerated difference of the clocks, in seconds.
const LEEWAY: u64 = 60;
const MAX_KEY_ID_BYTES: usize = 256;
const ALGORITHMS: [Algorithm; 4] = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];

/// Returns the claims of a valid token.
///
/// # Errors
/// A [`Refusal`].
pub async fn verify(token: &str, settings: &Settings, keys: &Keys) -> Result<Claims, Refusal> {
    crypto::install();
    let header = decode_header(token).map_err(|_| Reason::Malformed)?;
    let key_id = check_header(&header)?;
    check_issuer(token, settings)?;
    let found = keys.find(key_id).await?;
    let key = found.iter().find(|key| key.algorithms.contains(&header.alg)).ok_or(Reason::KeyMismatch)?;
    let claims =
        decode::<Claims>(token, &key.key, &validation(header.alg, settings)).map_err(|error| reason(&error))?.claims;
    check_audience(&claims, &settings.audiences)?;
    check_issue_time(&claims)?;
    Ok(claims)
}

/// Checks the header, and returns the name of the key. It is only compared with the names of the issuer's keys.
///
/// `jku`, `jwk`, `x5u` and `x5c`, by which a token brings its own key, are ignored.
fn check_header(header: &Header) -> Result<&str, Reason> {
    if !ALGORITHMS.contains(&header.alg) {
        return Err(Reason::Algorithm);
    }
    if header.crit.is_some() {
        return Err(Reason::CriticalHeader);
    }
    // RFC 9068 §2.1 names access tokens `at+jwt`; most issuers write `JWT`.
    let of_type = header.typ.as_deref().unwrap_or("jwt").to_ascii_lowercase();
    if !["jwt", "at+jwt"].contains(&of_type.trim_start_matches("application/")) {
        return Err(Reason::Type);
    }
    header.kid.as_deref().filter(|id| !id.is_empty() && id.len() <= MAX_KEY_ID_BYTES).ok_or(Reason::NoKeyId)
}

/// Checks the issuer before the signature, so that a token of another issuer does not cause a fetch of keys.
fn check_issuer(token: &str, settings: &Settings) -> Result<(), Reason> {
    let claims = insecure_decode::<Claims>(token).map_err(|_| Reason::Malformed)?.claims;
    // A list of issuers, which the library would take, is refused too.
    let is_issuer = claims.get("iss").and_then(Value::as_str) == Some(&settings.issuer);
    if is_issuer { Ok(()) } else { Err(Reason::Issuer) }
}

fn validation(algorithm: Algorithm, settings: &Settings) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    validation.set_issuer(&[&settings.issuer]);
    validation.set_required_spec_claims(&["exp", "iss", "sub"]);
    // See `check_audience`.
    validation.validate_aud = false;
    validation
}

/// Checks that the token is for this API.
///
/// An access token of Amazon Cognito has no `aud`, but the client's id in `client_id` (Amazon Cognito developer guide,
/// "Understanding the access token"). Its `token_use` tells it from an ID token, which is not for an API.
fn check_audience(claims: &Claims, audiences: &[String]) -> Result<(), Reason> {
    let is_listed = |value: &Value| value.as_str().is_some_and(|own| audiences.iter().any(|listed| listed == own));
    let token_use = claims.get("token_use");
    if token_use.is_some_and(|token_use| token_use != "access") {
        return Err(Reason::Type);
    }
    let is_for_this_api = match claims.get("aud") {
        Some(Value::Array(list)) => list.iter().any(is_listed),
        Some(single) => is_listed(single),
        None => token_use.is_some() && claims.get("client_id").is_some_and(is_listed),
    };
    if is_for_this_api { Ok(()) } else { Err(Reason::Audience) }
}

/// Checks that the token was not issued in the future.
fn check_issue_time(claims: &Claims) -> Result<(), Reason> {
    let Some(issued) = claims.get("iat") else { return Ok(()) };
    let issued = issued.as_f64().ok_or(Reason::Claims)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    if issued <= now + LEEWAY as f64 { Ok(()) } else { Err(Reason::NotYetValid) }
}

fn reason(error: &Error) -> Reason {
    match error.kind() {
        ErrorKind::InvalidSignature => Reason::Signature,
        ErrorKind::ExpiredSignature => Reason::Expired,
        ErrorKind::ImmatureSignature => Reason::NotYetValid,
        ErrorKind::InvalidIssuer => Reason::Issuer,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => Reason::Claims,
        _ => Reason::Malformed,
    }
}
