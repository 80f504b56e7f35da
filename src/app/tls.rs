//! The TLS of the connection to DynamoDB, and whom it trusts.

use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};

use crate::config::Config;

/// The roots of AWS's own certificates: five, where a system has some 140.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");

/// Who signs the certificates that are trusted.
#[derive(Clone, Debug)]
pub enum Roots {
    /// Amazon Trust Services, which signs those of AWS's endpoints (<https://www.amazontrust.com/repository/>).
    Amazon,
    /// Certificates in PEM.
    Bundle(Vec<u8>),
    /// Whom this machine trusts.
    System,
}

impl Roots {
    /// AWS's own, or those of `AWS_CA_BUNDLE`.
    pub fn in_lambda(config: &Config) -> Self {
        config.ca_bundle.clone().map_or(Self::Amazon, Self::Bundle)
    }
}

/// The HTTP client of the AWS SDK, which trusts what the system trusts.
pub fn http_client() -> SharedHttpClient {
    https_client(Roots::System)
}

/// The HTTP client of the AWS SDK.
///
/// Its TLS is ring's: the default, aws-lc, gathers entropy from CPU jitter for tens of milliseconds in the first handshake.
pub fn https_client(roots: Roots) -> SharedHttpClient {
    let trusted = match roots {
        Roots::Amazon => TrustStore::empty().with_pem_certificate(AMAZON_ROOTS),
        Roots::Bundle(pem) => TrustStore::empty().with_pem_certificate(pem),
        Roots::System => TrustStore::default(),
    };
    let context = TlsContext::builder().with_trust_store(trusted).build().expect("it has nothing that can be wrong");
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context).build_https()
}
