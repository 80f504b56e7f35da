//! Fetches the keys of an issuer, by its configuration document (OpenID Connect Discovery 1.0, §4).

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Full;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde_json::Value;

use super::{jwks::Key, settings::Settings, url::is_allowed};
use crate::https::{AddressPolicy, Client, Options, TrustedRoots};

/// The time limit of a fetch, which is two requests.
const TIMEOUT: Duration = Duration::from_secs(3);
const MAX_BYTES: usize = 256 * 1024;
const MEDIA_TYPES: [&str; 2] = ["application/json", "application/jwk-set+json"];

/// The way to the keys of an issuer.
pub struct Discovery {
    url: Uri,
    issuer: String,
    allows_http_loopback: bool,
    options: Options,
}

/// The cause of a failed fetch, for the log.
#[derive(Debug)]
pub struct FetchError(String);

impl fmt::Display for FetchError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Discovery {
    /// Creates the way that the settings describe. It trusts Mozilla's root certificates, or those of `AWS_CA_BUNDLE`.
    pub fn new(settings: &Settings) -> Self {
        let options = Options {
            roots: settings.ca_bundle.as_deref().map_or(TrustedRoots::Public, bundled_roots),
            // An issuer in a private network is usual, and only the operator names issuers.
            addresses: AddressPolicy::any(),
            // `is_allowed` decides.
            allows_plain_http: true,
            connect_timeout: TIMEOUT,
            max_response_bytes: MAX_BYTES,
        };
        Self {
            url: settings.discovery_url.clone(),
            issuer: settings.issuer.clone(),
            allows_http_loopback: settings.allows_http_loopback,
            options,
        }
    }

    /// Fetches the keys.
    ///
    /// # Errors
    /// When a document cannot be read in time, is of another issuer, or has no key that can verify a token.
    pub async fn fetch(&self) -> Result<Vec<Key>, FetchError> {
        let fetched = tokio::time::timeout(TIMEOUT, self.fetch_both()).await;
        fetched.unwrap_or_else(|_| Err(FetchError(format!("{} takes more than {TIMEOUT:?}", self.issuer))))
    }

    async fn fetch_both(&self) -> Result<Vec<Key>, FetchError> {
        // Made for each fetch: a pooled connection would break while Lambda has the function frozen.
        let client = Client::new(&self.options);
        let configuration = self.document(&client, &self.url).await?;
        if configuration["issuer"] != self.issuer.as_str() {
            return Err(FetchError(format!("{} is the configuration of another issuer", self.url)));
        }
        let jwks_uri = configuration["jwks_uri"].as_str().and_then(|text| text.parse::<Uri>().ok());
        let jwks_uri = jwks_uri.ok_or_else(|| FetchError(format!("{} has no jwks_uri", self.url)))?;
        let keys = Key::in_set(&self.document(&client, &jwks_uri).await?);
        if keys.is_empty() { Err(FetchError(format!("{jwks_uri} has no key for tokens"))) } else { Ok(keys) }
    }

    /// Reads a JSON document. A redirect is an error.
    async fn document(&self, client: &Client, url: &Uri) -> Result<Value, FetchError> {
        let failed = |cause: &str| FetchError(format!("{url}: {cause}"));
        if !is_allowed(url, self.allows_http_loopback) {
            return Err(failed("is not an https URL"));
        }
        let request = Request::get(url.clone()).header("accept", "application/json").body(Full::<Bytes>::default());
        let request = request.map_err(|error| failed(&error.to_string()))?;
        let response = client.send(request).await.map_err(|failure| failed(&failure.cause.to_string()))?;
        if response.status().as_u16() != 200 {
            return Err(failed(&format!("status {}", response.status().as_u16())));
        }
        let media_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        let essence = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !MEDIA_TYPES.iter().any(|accepted| essence.eq_ignore_ascii_case(accepted)) {
            return Err(failed("is not JSON by its content type"));
        }
        serde_json::from_slice(response.body()).map_err(|_| failed("is not JSON"))
    }
}

fn bundled_roots(pem: &[u8]) -> TrustedRoots {
    TrustedRoots::Only(CertificateDer::pem_slice_iter(pem).flatten().collect())
}
