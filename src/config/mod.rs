//! The settings of a deployment, from environment variables.

mod api_key;
mod error;
mod upstream;

use std::fs;

use rustls_pki_types::{CertificateDer, pem::PemObject};

pub use api_key::ApiKey;
pub use error::ConfigError;
pub use upstream::{ApiKeySource, TEXT, UPSTREAM_VARIABLES, UpstreamConfig};

const HISTORY_DAYS: u32 = 365;

/// The settings of a deployment.
#[derive(Clone)]
pub struct Config {
    /// `TABLE_PREFIX`: the prefix of the names of this deployment's tables.
    pub table_prefix: String,
    /// `CURSOR_SECRET_ARN`: the secret in Secrets Manager that signs cursors, for the functions of lists and histories.
    /// Default: none.
    pub cursor_secret: CursorSecret,
    /// `CORS_ORIGINS`: the origins whose pages may read responses, separated by commas, or `*` for all. Default: none.
    pub cors_origins: Vec<String>,
    /// `LOG_LEVEL`: `INFO` to log each request, `ERROR` to log only failed ones. Default: `INFO`.
    pub log_level: LogLevel,
    /// `AWS_REGION`: set by Lambda.
    pub region: String,
    /// `AWS_ENDPOINT_URL_DYNAMODB` or `AWS_ENDPOINT_URL`: a DynamoDB endpoint other than AWS. Default: none.
    pub endpoint_url: Option<String>,
    /// `AWS_ENDPOINT_URL_EVENTBRIDGE` or `AWS_ENDPOINT_URL`: an EventBridge endpoint other than AWS. Default: none.
    pub events_endpoint_url: Option<String>,
    /// `AWS_ENDPOINT_URL_SECRETS_MANAGER` or `AWS_ENDPOINT_URL`: a Secrets Manager endpoint other than AWS. Default: none.
    pub secrets_endpoint_url: Option<String>,
    /// `EVENT_BUS`: the event bus on which changes are published. Default: `default`.
    pub event_bus: String,
    /// `HISTORY_DAYS`: the number of days for which the history keeps a change. Default: 365.
    pub history_days: u32,
    /// `APPLICATION_ROLES`: the roles of every holder of an API key, separated by spaces. Default: none.
    pub application_roles: Vec<String>,
    /// `SERVICE_ROLES`: the roles of every AWS role and user whose requests the API accepts, separated by spaces.
    /// Default: none.
    pub service_roles: Vec<String>,
    /// `AWS_CA_BUNDLE`: a file of PEM certificates to trust in place of Amazon's. Holds the content of the file.
    pub ca_bundle: Option<Vec<u8>>,
    /// The settings of the upstream API, for the functions that call it. Default: none.
    pub upstream: Option<UpstreamConfig>,
}

impl Config {
    /// Reads the settings from environment variables, which `variable` looks up.
    ///
    /// # Errors
    /// Returns the first variable that is missing or malformed.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let given = |name| variable(name).filter(|value| !value.is_empty());
        let required = |name| given(name).ok_or(ConfigError { name, problem: "is not set" });
        let checked = |name, problem, is_valid: fn(&str) -> bool| {
            let value = required(name)?;
            if is_valid(&value) { Ok(value) } else { Err(ConfigError { name, problem }) }
        };
        let endpoint = |own| {
            let name = [own, "AWS_ENDPOINT_URL"].into_iter().find(|name| given(name).is_some());
            name.map(|name| checked(name, "must be an http or https URL", is_http_url)).transpose()
        };
        let origins = given("CORS_ORIGINS").map(|_| checked("CORS_ORIGINS", ORIGINS, are_origins)).transpose()?;
        Ok(Self {
            table_prefix: checked("TABLE_PREFIX", "must be letters, digits, '-', '_' and '.' alone", is_table_prefix)?,
            cursor_secret: given("CURSOR_SECRET_ARN").map_or(CursorSecret::None, CursorSecret::Arn),
            cors_origins: origins.iter().flat_map(|text| split_origins(text)).map(str::to_owned).collect(),
            log_level: LogLevel::read(given("LOG_LEVEL").as_deref())?,
            region: required("AWS_REGION")?,
            endpoint_url: endpoint("AWS_ENDPOINT_URL_DYNAMODB")?,
            events_endpoint_url: endpoint("AWS_ENDPOINT_URL_EVENTBRIDGE")?,
            secrets_endpoint_url: endpoint("AWS_ENDPOINT_URL_SECRETS_MANAGER")?,
            event_bus: given("EVENT_BUS").unwrap_or_else(|| "default".into()),
            history_days: match given("HISTORY_DAYS").map(|days| days.parse()) {
                None => HISTORY_DAYS,
                Some(Ok(days)) if days > 0 => days,
                Some(_) => return Err(ConfigError { name: "HISTORY_DAYS", problem: "must be a number of days" }),
            },
            application_roles: words(given("APPLICATION_ROLES")),
            service_roles: words(given("SERVICE_ROLES")),
            ca_bundle: given("AWS_CA_BUNDLE").map(|path| ca_bundle(&path)).transpose()?,
            upstream: UpstreamConfig::read(&variable)?,
        })
    }

    /// Returns true if the settings name a secret in Secrets Manager.
    pub fn has_secrets(&self) -> bool {
        let has_upstream_secret = |upstream: &UpstreamConfig| matches!(upstream.key, ApiKeySource::Arn(_));
        matches!(self.cursor_secret, CursorSecret::Arn(_)) || self.upstream.as_ref().is_some_and(has_upstream_secret)
    }

    /// Reads the settings from the environment of the process.
    ///
    /// # Errors
    /// Returns the same errors as [`Config::read`].
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(|name| std::env::var(name).ok())
    }
}

/// The secret that signs cursors.
#[derive(Clone)]
pub enum CursorSecret {
    /// No secret, for functions without lists.
    None,
    /// The value of the secret, for the local server.
    Value(String),
    /// The ARN of the secret in Secrets Manager, for Lambda.
    Arn(String),
}

/// The level of logging.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub enum LogLevel {
    /// Every request.
    Info,
    /// Requests that failed with a server error.
    Error,
}

impl LogLevel {
    /// Reads the value of `LOG_LEVEL`. Default: `INFO`.
    ///
    /// # Errors
    /// When it is another text.
    pub fn read(value: Option<&str>) -> Result<Self, ConfigError> {
        match value {
            None | Some("INFO") => Ok(Self::Info),
            Some("ERROR") => Ok(Self::Error),
            Some(_) => Err(ConfigError { name: "LOG_LEVEL", problem: "must be INFO or ERROR" }),
        }
    }

    /// Returns the name of the level in the environment variable.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Error => "ERROR",
        }
    }
}

fn words(text: Option<String>) -> Vec<String> {
    text.iter().flat_map(|text| text.split_whitespace()).map(str::to_owned).collect()
}

const ORIGINS: &str = "must be * or origins as in https://app.example.com, separated by commas";

fn split_origins(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

/// Returns true if each element is `*` or an origin as browsers serialize it: scheme, host and optional port (RFC 6454
/// §6.1).
fn are_origins(text: &str) -> bool {
    let has_host_alone = |origin: &str| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        host.is_some_and(|host| !host.is_empty() && !host.contains(['/', ' ']))
    };
    split_origins(text).all(|origin| origin == "*" || has_host_alone(origin))
}

/// Reads the file of `AWS_CA_BUNDLE`.
///
/// # Errors
/// When it cannot be read, or has no certificates in PEM.
pub fn ca_bundle(path: &str) -> Result<Vec<u8>, ConfigError> {
    let fault = |problem| ConfigError { name: "AWS_CA_BUNDLE", problem };
    let pem = fs::read(path).map_err(|_| fault("names a file that cannot be read"))?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(pem),
        _ => Err(fault("names a file that does not hold certificates in PEM")),
    }
}

fn is_http_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

fn is_table_prefix(text: &str) -> bool {
    text.len() <= 200 && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}
