//! Connections with a time limit, to allowed addresses only.

use std::{
    future::ready,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{
    client::legacy::connect::{
        HttpConnector,
        dns::{GaiResolver, Name},
    },
    rt::TokioIo,
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::{net::TcpStream, time::timeout};
use tower_service::Service;

use super::{AddressPolicy, Options, TrustedRoots, failure::Cause};

/// The age at which an unused primed connection is closed: servers close idle ones soon.
const PRIMED_AGE: Duration = Duration::from_secs(20);

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;
type BoxFuture<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// Opens connections. It can open one in advance.
#[derive(Clone)]
pub struct Connector {
    connector: HttpsConnector<HttpConnector<PublicResolver>>,
    limit: Duration,
    primed: Arc<Mutex<Option<Primed>>>,
}

/// An open connection that no request has used.
struct Primed {
    target: Uri,
    stream: Stream,
    opened: Instant,
}

impl Connector {
    /// Creates a connector.
    pub fn new(options: &Options) -> Self {
        let resolver = PublicResolver { system: GaiResolver::new(), addresses: Arc::new(options.addresses.clone()) };
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls(&options.roots));
        let builder = if options.allows_plain_http { builder.https_or_http() } else { builder.https_only() };
        let connector = builder.enable_http1().wrap_connector(tcp);
        Self { connector, limit: options.connect_timeout, primed: Arc::default() }
    }

    /// Opens a connection for the next request to the same host. Does nothing if that fails.
    pub async fn prime(&self, target: &Uri) {
        if let Ok(stream) = self.connect(target.clone()).await {
            let primed = Primed { target: target.clone(), stream, opened: Instant::now() };
            *self.primed.lock().unwrap_or_else(PoisonError::into_inner) = Some(primed);
        }
    }

    fn take_primed(&self, target: &Uri) -> Option<Stream> {
        let primed = self.primed.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let is_same = primed.target.scheme() == target.scheme() && primed.target.authority() == target.authority();
        (is_same && primed.opened.elapsed() < PRIMED_AGE).then_some(primed.stream)
    }

    fn connect(&self, target: Uri) -> BoxFuture<Stream> {
        let (mut connector, limit) = (self.connector.clone(), self.limit);
        // One limit for resolution, TCP and TLS.
        Box::pin(async move {
            timeout(limit, connector.call(target)).await.unwrap_or_else(|_| Err(Cause::ConnectTimeout.into()))
        })
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = BoxFuture<Stream>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        match self.take_primed(&target) {
            Some(stream) => Box::pin(ready(Ok(stream))),
            None => self.connect(target),
        }
    }
}

/// The system's resolver without the addresses that the policy refuses.
///
/// The connector connects to the addresses that this returns. A check before the resolution would not hold, since a name
/// can resolve to another address the next time.
#[derive(Clone)]
struct PublicResolver {
    system: GaiResolver,
    addresses: Arc<AddressPolicy>,
}

impl Service<Name> for PublicResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = BoxFuture<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.system.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (found, addresses) = (self.system.call(name), self.addresses.clone());
        Box::pin(async move {
            let allowed: Vec<_> = found.await?.filter(|found| addresses.allows(found.ip())).collect();
            if allowed.is_empty() { Err(Cause::AddressRefused.into()) } else { Ok(allowed.into_iter()) }
        })
    }
}

fn tls(roots: &TrustedRoots) -> ClientConfig {
    let mut store = RootCertStore::empty();
    match roots {
        TrustedRoots::Public => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        TrustedRoots::Only(certificates) => drop(store.add_parsable_certificates(certificates.iter().cloned())),
    }
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the cipher suites of TLS 1.2 and 1.3")
        .with_root_certificates(store)
        .with_no_client_auth()
}
