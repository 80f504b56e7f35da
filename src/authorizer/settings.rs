//! The settings of the authorizer, from environment variables.

use http::Uri;

use super::url::is_allowed;
use crate::config::{ConfigError, LogLevel, ca_bundle};

/// The settings of the authorizer.
#[derive(Clone)]
pub struct Settings {
    /// `ISSUER`: the `iss` of tokens, an https URL.
    pub issuer: String,
    /// `AUDIENCE`: the accepted values of `aud`, or of `client_id` in access tokens of Amazon Cognito, separated by spaces.
    pub audiences: Vec<String>,
    /// `DISCOVERY_URL`: the issuer's configuration document. Default: `/.well-known/openid-configuration` below the issuer.
    pub discovery_url: Uri,
    /// `ALLOW_HTTP_LOOPBACK`: `true` to fetch keys without TLS from an address of this machine, for emulators. Default:
    /// `false`.
    pub allows_http_loopback: bool,
    /// `ROLES_CLAIM`: the claim with the roles. Default: `cognito:groups`, or `roles` in tokens without it.
    pub roles_claims: Vec<String>,
    /// `TENANT_CLAIM`: the claim with the tenant. Default: none.
    pub tenant_claim: Option<String>,
    /// `SCOPE_CLAIM`: the claim with the scopes. Default: `scope`.
    pub scope_claim: String,
    /// `LOG_LEVEL`: `INFO` to log each decision, `ERROR` to log only failures. Default: `INFO`.
    pub log_level: LogLevel,
    /// `AWS_CA_BUNDLE`: a file of PEM certificates to trust in place of Mozilla's. Holds the content of the file.
    pub ca_bundle: Option<Vec<u8>>,
}

impl Settings {
    /// Returns the settings with defaults for an issuer whose keys are known.
    pub fn new(issuer: &str, audiences: &[&str]) -> Self {
        Self {
            issuer: issuer.to_owned(),
            audiences: audiences.iter().map(|&audience| audience.to_owned()).collect(),
            discovery_url: Uri::default(),
            allows_http_loopback: false,
            roles_claims: ["cognito:groups", "roles"].map(str::to_owned).into(),
            tenant_claim: None,
            scope_claim: "scope".into(),
            log_level: LogLevel::Info,
            ca_bundle: None,
        }
    }

    /// Reads the settings from environment variables, which `variable` looks up.
    ///
    /// # Errors
    /// Returns the first variable that is missing or malformed.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let given = |name| variable(name).filter(|value| !value.trim().is_empty());
        let required = |name| given(name).ok_or(ConfigError { name, problem: "is not set" });
        let issuer = required("ISSUER")?;
        let audience = required("AUDIENCE")?;
        let allows_http_loopback = match given("ALLOW_HTTP_LOOPBACK").as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(ConfigError { name: "ALLOW_HTTP_LOOPBACK", problem: "must be true or false" }),
        };
        let url = |name, text: &str| {
            let url = text.parse::<Uri>().ok().filter(|url| is_allowed(url, allows_http_loopback));
            url.ok_or(ConfigError { name, problem: "must be an https URL" })
        };
        url("ISSUER", &issuer)?;
        let discovery_url = match given("DISCOVERY_URL") {
            Some(text) => url("DISCOVERY_URL", &text)?,
            None => url("ISSUER", &format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')))?,
        };
        let audiences: Vec<_> = audience.split_whitespace().collect();
        let defaults = Self::new(&issuer, &audiences);
        Ok(Self {
            discovery_url,
            allows_http_loopback,
            roles_claims: given("ROLES_CLAIM").map_or(defaults.roles_claims, |name| vec![name]),
            tenant_claim: given("TENANT_CLAIM"),
            scope_claim: given("SCOPE_CLAIM").unwrap_or(defaults.scope_claim),
            log_level: LogLevel::read(given("LOG_LEVEL").as_deref())?,
            ca_bundle: given("AWS_CA_BUNDLE").map(|path| ca_bundle(&path)).transpose()?,
            ..defaults
        })
    }

    /// Reads the settings from the environment of the process.
    ///
    /// # Errors
    /// Returns the same errors as [`Settings::read`].
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(|name| std::env::var(name).ok())
    }
}
