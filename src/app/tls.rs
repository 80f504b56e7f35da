//! TLS settings and trusted root certificates of the connections to AWS.

use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};

use crate::config::Config;

/// Amazon's five root certificates. A system store has about 140.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");

/// The trusted root certificates.
#[derive(Clone, Debug)]
pub enum Roots {
    /// Amazon Trust Services, which signs the certificates of AWS endpoints (<https://www.amazontrust.com/repository/>).
    Amazon,
    /// The given certificates, in PEM.
    Bundle(Vec<u8>),
    /// The roots of the system.
    System,
}

impl Roots {
    /// Returns Amazon's roots, or those of `AWS_CA_BUNDLE`.
    pub fn in_lambda(config: &Config) -> Self {
        config.ca_bundle.clone().map_or(Self::Amazon, Self::Bundle)
    }
}

/// Creates an HTTP client for the AWS SDK, which trusts the system's roots.
pub fn http_client() -> SharedHttpClient {
    https_client(Roots::System)
}

/// Creates an HTTP client for the AWS SDK.
///
/// It uses ring for TLS. The default, aws-lc, gathers entropy from CPU jitter for tens of milliseconds in the first
/// handshake.
pub fn https_client(roots: Roots) -> SharedHttpClient {
    let trusted = match roots {
        Roots::Amazon => TrustStore::empty().with_pem_certificate(AMAZON_ROOTS),
        Roots::Bundle(pem) => TrustStore::empty().with_pem_certificate(pem),
        Roots::System => TrustStore::default(),
    };
    let context = TlsContext::builder()
        .with_trust_store(trusted)
        .build()
        .expect("the built-in and configured certificates are valid");
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context).build_https()
}
