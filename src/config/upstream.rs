//! The settings of the upstream API: another service's HTTP API that actions call.

use std::{net::IpAddr, ops::RangeInclusive, str::FromStr, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use ipnet::IpNet;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde_json::{Map, Value};

use super::{ApiKey, ConfigError};
use crate::https::{AddressPolicy, TrustedRoots};

/// The placeholder of the text in `UPSTREAM_REQUEST`.
pub const TEXT: &str = "{{text}}";

/// The environment variables of functions that call the upstream API, without that of its secret.
pub const UPSTREAM_VARIABLES: [&str; 16] = [
    "UPSTREAM_ALLOWED_ADDRESSES",
    "UPSTREAM_ALLOW_HTTP",
    "UPSTREAM_ATTEMPTS",
    "UPSTREAM_CACHE_SECONDS",
    "UPSTREAM_CA_BUNDLE",
    "UPSTREAM_CIRCUIT_FAILURES",
    "UPSTREAM_CIRCUIT_SECONDS",
    "UPSTREAM_CONNECT_TIMEOUT_MS",
    "UPSTREAM_HEADERS",
    "UPSTREAM_IDEMPOTENT",
    "UPSTREAM_KEY_HEADER",
    "UPSTREAM_KEY_SCHEME",
    "UPSTREAM_REQUEST",
    "UPSTREAM_RESPONSE",
    "UPSTREAM_TIMEOUT_MS",
    "UPSTREAM_URL",
];

/// The headers that the client itself sets.
const OWN_HEADERS: [&str; 5] = ["connection", "content-length", "content-type", "host", "transfer-encoding"];

/// The settings of the upstream API. [`UPSTREAM_VARIABLES`] are the names of the environment variables.
#[derive(Clone, Debug)]
pub struct UpstreamConfig {
    /// `UPSTREAM_URL`: the URL that requests are sent to.
    pub url: Uri,
    /// `UPSTREAM_KEY_HEADER`: the header with the API key. Default: `authorization`.
    pub key_header: HeaderName,
    /// `UPSTREAM_KEY_SCHEME`: the word before the key, such as `Bearer`. Default: `Bearer` in `authorization`, else none.
    pub key_scheme: Option<String>,
    /// `UPSTREAM_SECRET_ARN`: the secret in Secrets Manager that holds the API key.
    pub key: ApiKeySource,
    /// `UPSTREAM_HEADERS`: further headers of each request, as a JSON object. Default: none.
    pub headers: HeaderMap,
    /// `UPSTREAM_REQUEST`: the body of a request, JSON with `{{text}}` in at least one string. Default:
    /// `{"text":"{{text}}"}`.
    pub request: Value,
    /// `UPSTREAM_RESPONSE`: a JSON Pointer (RFC 6901) to the text in a response. Default: `/text`.
    pub response: String,
    /// `UPSTREAM_CONNECT_TIMEOUT_MS`: the time limit to open a connection. Default: 2000.
    pub connect_timeout: Duration,
    /// `UPSTREAM_TIMEOUT_MS`: the time limit of an attempt. Default: 8000.
    pub timeout: Duration,
    /// `UPSTREAM_ATTEMPTS`: the maximum number of attempts of a call. Default: 3.
    pub attempts: u32,
    /// `UPSTREAM_IDEMPOTENT`: `true` if a request may be sent again after a lost response or a failure. Default: `true`.
    pub is_idempotent: bool,
    /// `UPSTREAM_CIRCUIT_FAILURES`: the number of consecutive failed calls that open the circuit. Default: 5.
    pub circuit_failures: u32,
    /// `UPSTREAM_CIRCUIT_SECONDS`: the time that the circuit stays open. Default: 30.
    pub circuit_pause: Duration,
    /// `UPSTREAM_CACHE_SECONDS`: the time for which answers are cached. Default: 0, which caches nothing.
    pub cache_lifetime: Duration,
    /// `UPSTREAM_ALLOWED_ADDRESSES`: ranges of addresses beside the public ones, such as `10.0.0.0/8`, separated by commas.
    /// Default: none.
    pub addresses: AddressPolicy,
    /// `UPSTREAM_ALLOW_HTTP`: `true` for a URL of the scheme `http`. Default: `false`.
    pub allows_plain_http: bool,
    /// `UPSTREAM_CA_BUNDLE`: a file of PEM certificates to trust in place of Mozilla's.
    pub roots: TrustedRoots,
}

/// The source of the API key.
#[derive(Clone, Debug)]
pub enum ApiKeySource {
    /// No key: the API needs none.
    None,
    /// The value of the key, for the local server.
    Value(ApiKey),
    /// The ARN of the secret in Secrets Manager, for Lambda.
    Arn(String),
}

impl UpstreamConfig {
    /// Reads the settings from the environment variables that `variable` looks up. There are none without `UPSTREAM_URL`
    /// and `UPSTREAM_SECRET_ARN`.
    ///
    /// # Errors
    /// Returns the first variable that is missing or malformed.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, ConfigError> {
        let given = |name: &'static str| variable(name).filter(|value| !value.is_empty());
        let arn = given("UPSTREAM_SECRET_ARN");
        let Some(url) = given("UPSTREAM_URL") else {
            return if arn.is_some() { Err(fault("UPSTREAM_URL", "is not set")) } else { Ok(None) };
        };
        let number = |name, range: RangeInclusive<u32>, default| number(name, given(name), range, default);
        let milliseconds = |name, default| Ok(Duration::from_millis(number(name, 1..=28_000, default)?.into()));
        let seconds = |name, range, default| Ok(Duration::from_secs(number(name, range, default)?.into()));
        let allows_plain_http = flag("UPSTREAM_ALLOW_HTTP", given("UPSTREAM_ALLOW_HTTP"), false)?;
        let addresses = addresses(given("UPSTREAM_ALLOWED_ADDRESSES"))?;
        let key_header = key_header(given("UPSTREAM_KEY_HEADER"))?;
        let scheme = (key_header == http::header::AUTHORIZATION).then(|| "Bearer".to_owned());
        Ok(Some(Self {
            url: url_of(&url, allows_plain_http, &addresses)?,
            key_scheme: key_scheme(given("UPSTREAM_KEY_SCHEME"))?.or(scheme),
            headers: headers(given("UPSTREAM_HEADERS"), &key_header)?,
            key_header,
            key: arn.map_or(ApiKeySource::None, ApiKeySource::Arn),
            request: template(given("UPSTREAM_REQUEST"))?,
            response: pointer(given("UPSTREAM_RESPONSE"))?,
            connect_timeout: milliseconds("UPSTREAM_CONNECT_TIMEOUT_MS", 2_000)?,
            timeout: milliseconds("UPSTREAM_TIMEOUT_MS", 8_000)?,
            attempts: number("UPSTREAM_ATTEMPTS", 1..=5, 3)?,
            is_idempotent: flag("UPSTREAM_IDEMPOTENT", given("UPSTREAM_IDEMPOTENT"), true)?,
            circuit_failures: number("UPSTREAM_CIRCUIT_FAILURES", 1..=1_000, 5)?,
            circuit_pause: seconds("UPSTREAM_CIRCUIT_SECONDS", 1..=3_600, 30)?,
            cache_lifetime: seconds("UPSTREAM_CACHE_SECONDS", 0..=31_536_000, 0)?,
            addresses,
            allows_plain_http,
            roots: given("UPSTREAM_CA_BUNDLE").map_or(Ok(TrustedRoots::Public), |path| certificates(&path))?,
        }))
    }
}

fn fault(name: &'static str, problem: &'static str) -> ConfigError {
    ConfigError { name, problem }
}

fn number(
    name: &'static str,
    text: Option<String>,
    range: RangeInclusive<u32>,
    default: u32,
) -> Result<u32, ConfigError> {
    let Some(text) = text else { return Ok(default) };
    text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| fault(name, "is not a number in its range"))
}

fn flag(name: &'static str, text: Option<String>, default: bool) -> Result<bool, ConfigError> {
    match text.as_deref() {
        None => Ok(default),
        Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(fault(name, "must be true or false")),
    }
}

/// Returns the URL. A host that is an address is checked here, since it is not resolved.
fn url_of(text: &str, allows_plain_http: bool, addresses: &AddressPolicy) -> Result<Uri, ConfigError> {
    let refuse = |problem| Err(fault("UPSTREAM_URL", problem));
    let Ok(url) = Uri::from_str(text) else { return refuse("must be an https URL") };
    let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else {
        return refuse("must be an https URL");
    };
    if authority.as_str().contains('@') {
        return refuse("must have no user name or password: the key is a secret of its own");
    }
    match scheme {
        "https" => {}
        "http" if allows_plain_http => {}
        "http" => return refuse("must be an https URL, unless UPSTREAM_ALLOW_HTTP is true"),
        _ => return refuse("must be an https URL"),
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return refuse("must be an https URL");
    }
    if host.parse().is_ok_and(|address: IpAddr| !addresses.allows(address)) {
        return refuse("names an address that is not public, and not in UPSTREAM_ALLOWED_ADDRESSES");
    }
    Ok(url)
}

fn addresses(text: Option<String>) -> Result<AddressPolicy, ConfigError> {
    let ranges = text.iter().flat_map(|text| text.split(',')).map(|range| range.trim().parse());
    let ranges: Result<Vec<IpNet>, _> = ranges.collect();
    let problem = "must be ranges of addresses as in 10.0.0.0/8, separated by commas";
    ranges.map(AddressPolicy::public_and).map_err(|_| fault("UPSTREAM_ALLOWED_ADDRESSES", problem))
}

fn key_header(text: Option<String>) -> Result<HeaderName, ConfigError> {
    let Some(text) = text else { return Ok(http::header::AUTHORIZATION) };
    let name = HeaderName::from_str(&text).ok().filter(|name| !OWN_HEADERS.contains(&name.as_str()));
    name.ok_or_else(|| fault("UPSTREAM_KEY_HEADER", "must be the name of a header"))
}

fn key_scheme(text: Option<String>) -> Result<Option<String>, ConfigError> {
    let is_word = |text: &String| text.bytes().all(|byte| byte.is_ascii_graphic());
    if text.as_ref().is_none_or(is_word) { Ok(text) } else { Err(fault("UPSTREAM_KEY_SCHEME", "must be one word")) }
}

fn headers(text: Option<String>, key_header: &HeaderName) -> Result<HeaderMap, ConfigError> {
    let refuse = || fault("UPSTREAM_HEADERS", "must be a JSON object of header names and values");
    let Some(text) = text else { return Ok(HeaderMap::new()) };
    let members: Map<String, Value> = serde_json::from_str(&text).map_err(|_| refuse())?;
    let header = |(name, value): (String, Value)| {
        let name = HeaderName::from_str(&name).ok()?;
        let is_free = name != *key_header && !OWN_HEADERS.contains(&name.as_str());
        let value = HeaderValue::from_str(value.as_str()?).ok()?;
        is_free.then_some((name, value))
    };
    members.into_iter().map(header).collect::<Option<HeaderMap>>().ok_or_else(refuse)
}

fn template(text: Option<String>) -> Result<Value, ConfigError> {
    let Some(text) = text else { return Ok(serde_json::json!({ "text": TEXT })) };
    let template = serde_json::from_str(&text).ok().filter(has_placeholder);
    template.ok_or_else(|| fault("UPSTREAM_REQUEST", "must be JSON with {{text}} in a string"))
}

fn has_placeholder(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(TEXT),
        Value::Array(elements) => elements.iter().any(has_placeholder),
        Value::Object(members) => members.values().any(has_placeholder),
        _ => false,
    }
}

fn pointer(text: Option<String>) -> Result<String, ConfigError> {
    let Some(text) = text else { return Ok("/text".into()) };
    let is_escaped = |rest: &str| rest.starts_with(['0', '1']);
    let is_pointer = text.starts_with('/') && text.split('~').skip(1).all(is_escaped);
    if is_pointer { Ok(text) } else { Err(fault("UPSTREAM_RESPONSE", "must be a JSON Pointer as in /choices/0/text")) }
}

fn certificates(path: &str) -> Result<TrustedRoots, ConfigError> {
    let pem = std::fs::read(path).map_err(|_| fault("UPSTREAM_CA_BUNDLE", "names a file that cannot be read"))?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.ok().filter(|certificates| !certificates.is_empty());
    let problem = "names a file that does not hold certificates in PEM";
    certificates.map(TrustedRoots::Only).ok_or_else(|| fault("UPSTREAM_CA_BUNDLE", problem))
}
