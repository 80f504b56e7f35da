//! The form of requests to the upstream API and of its responses.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::DateTime;
use http::{HeaderMap, Request, Response, header};
use http_body_util::Full;
use serde_json::Value;

use super::{failure::AttemptError, key::UsedKey};
use crate::config::{TEXT, UpstreamConfig};

const JSON: &str = "application/json";

/// Creates the request for a text.
pub fn request(config: &UpstreamConfig, text: &str, key: &UsedKey) -> Request<Full<Bytes>> {
    let body = filled(&config.request, text).to_string();
    let mut request =
        Request::post(&config.url).body(Full::from(body)).expect("the URL is valid and the method is known");
    let headers = request.headers_mut();
    headers.extend(config.headers.clone());
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(JSON));
    headers.entry(header::ACCEPT).or_insert(header::HeaderValue::from_static(JSON));
    if let Some(key) = &key.key {
        headers.insert(&config.key_header, key.header(config.key_scheme.as_deref()));
    }
    request
}

/// Returns the template with the text in place of each placeholder. The text cannot change the form of the JSON.
fn filled(template: &Value, text: &str) -> Value {
    match template {
        Value::String(string) => string.replace(TEXT, text).into(),
        Value::Array(elements) => elements.iter().map(|element| filled(element, text)).collect(),
        Value::Object(members) => members.iter().map(|(name, member)| (name.clone(), filled(member, text))).collect(),
        other => other.clone(),
    }
}

/// Returns the text in a response.
///
/// # Errors
/// Returns the failure that the status stands for, or the way in which the response differs from the configured form.
pub fn text(config: &UpstreamConfig, response: &Response<Bytes>) -> Result<String, AttemptError> {
    let status = response.status();
    match status.as_u16() {
        200..=299 => {}
        401 | 403 => return Err(AttemptError::KeyRefused(status.as_u16())),
        429 | 503 => {
            let retry_after = retry_after(response.headers());
            return Err(AttemptError::Throttled { status: status.as_u16(), retry_after });
        }
        500.. => return Err(AttemptError::ServerError(status.as_u16())),
        _ => return Err(AttemptError::Status(status.as_u16())),
    }
    if !is_json(response.headers()) {
        return Err(AttemptError::Malformed("is not of the type application/json"));
    }
    let body: Value =
        serde_json::from_slice(response.body()).map_err(|_| AttemptError::Malformed("is not valid JSON"))?;
    let text = body.pointer(&config.response).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or(AttemptError::Malformed("has no text at the configured place"))
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(JSON)
}

/// Returns the pause in `Retry-After`, which is a number of seconds or a date (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date: SystemTime = DateTime::parse_from_rfc2822(text).ok()?.into();
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}
