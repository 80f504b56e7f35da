//! Fetches the keys of an issuer, by its configuration document (OpenID Connect Discovery 1.0, §4).

use std::{fmt, sync::Arc, time::Duration};

use http::{Request, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde_json::Value;

use super::{jwks::Key, settings::Settings, url::is_allowed};

/// The time limit of a fetch, which is two requests.
const TIMEOUT: Duration = Duration::from_secs(3);
const MAX_BYTES: usize = 256 * 1024;
const MEDIA_TYPES: [&str; 2] = ["application/json", "application/jwk-set+json"];

/// The way to the keys of an issuer.
pub struct Discovery {
    url: Uri,
    issuer: String,
    allows_http_loopback: bool,
    tls: Arc<ClientConfig>,
}

/// The cause of a failed fetch, for the log.
#[derive(Debug)]
pub struct FetchError(String);

impl fmt::Display for FetchError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

type Connector = hyper_rustls::HttpsConnector<hyper_util::client::legacy::connect::HttpConnector>;
type HttpClient = Client<Connector, Empty<&'static [u8]>>;

impl Discovery {
    /// Creates the way that the settings describe. It trusts Mozilla's root certificates, or those of `AWS_CA_BUNDLE`.
    pub fn new(settings: &Settings) -> Self {
        let roots = settings.ca_bundle.as_deref().map_or_else(mozilla_roots, bundled_roots);
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring supports TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            url: settings.discovery_url.clone(),
            issuer: settings.issuer.clone(),
            allows_http_loopback: settings.allows_http_loopback,
            tls: Arc::new(tls),
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
        let client = self.client();
        let configuration = self.document(&client, &self.url).await?;
        if configuration["issuer"] != self.issuer.as_str() {
            return Err(FetchError(format!("{} is the configuration of another issuer", self.url)));
        }
        let jwks_uri = configuration["jwks_uri"].as_str().and_then(|text| text.parse::<Uri>().ok());
        let jwks_uri = jwks_uri.ok_or_else(|| FetchError(format!("{} has no jwks_uri", self.url)))?;
        let keys = Key::in_set(&self.document(&client, &jwks_uri).await?);
        if keys.is_empty() { Err(FetchError(format!("{jwks_uri} has no key for tokens"))) } else { Ok(keys) }
    }

    fn client(&self) -> HttpClient {
        let connector = HttpsConnectorBuilder::new().with_tls_config(self.tls.as_ref().clone());
        Client::builder(TokioExecutor::new()).build(connector.https_or_http().enable_http1().build())
    }

    /// Reads a JSON document. A redirect is an error.
    async fn document(&self, client: &HttpClient, url: &Uri) -> Result<Value, FetchError> {
        let failed = |cause: &str| FetchError(format!("{url}: {cause}"));
        if !is_allowed(url, self.allows_http_loopback) {
            return Err(failed("is not an https URL"));
        }
        let request = Request::get(url.clone()).header("accept", "application/json").body(Empty::new());
        let request = request.map_err(|error| failed(&error.to_string()))?;
        let response = client.request(request).await.map_err(|error| failed(&innermost(&error)))?;
        if response.status().as_u16() != 200 {
            return Err(failed(&format!("status {}", response.status().as_u16())));
        }
        let media_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        let essence = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !MEDIA_TYPES.iter().any(|accepted| essence.eq_ignore_ascii_case(accepted)) {
            return Err(failed("is not JSON by its content type"));
        }
        let body = Limited::new(response.into_body(), MAX_BYTES).collect().await;
        let body = body.map_err(|error| failed(&error.to_string()))?.to_bytes();
        serde_json::from_slice(&body).map_err(|_| failed("is not JSON"))
    }
}

fn mozilla_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

fn bundled_roots(pem: &[u8]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).flatten());
    roots
}

/// Returns the innermost cause of an error. The outer ones only say that the request failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
