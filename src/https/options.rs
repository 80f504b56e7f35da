//! The options of a client.

use std::time::Duration;

use rustls_pki_types::CertificateDer;

use super::AddressPolicy;

/// The options of a client.
#[derive(Clone, Debug)]
pub struct Options {
    /// The trusted root certificates.
    pub roots: TrustedRoots,
    /// The addresses that it may connect to. They are checked at each connection, for names; a URL whose host is an
    /// address is for the caller to check.
    pub addresses: AddressPolicy,
    /// True if URLs may be of the scheme `http`.
    pub allows_plain_http: bool,
    /// The time limit to open a connection, with TLS.
    pub connect_timeout: Duration,
    /// The maximum size of a response's body.
    pub max_response_bytes: usize,
}

/// Trusted root certificates.
#[derive(Clone, Debug, Default)]
pub enum TrustedRoots {
    /// Those that Mozilla trusts.
    #[default]
    Public,
    /// These alone.
    Only(Vec<CertificateDer<'static>>),
}
