//! The HTTPS client for APIs other than those of AWS.
//!
//! It connects to public addresses only, unless its options name others, and follows no redirects. The caller limits the
//! time of a whole request.

mod addresses;
mod connector;
mod failure;
mod options;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};

pub use addresses::AddressPolicy;
pub use failure::{Cause, Failure};
pub use options::{Options, TrustedRoots};

/// The age at which an idle connection is closed.
const IDLE_AGE: Duration = Duration::from_secs(60);

/// A client with a pool of connections.
#[derive(Clone)]
pub struct Client {
    client: legacy::Client<connector::Connector, Full<Bytes>>,
    connector: connector::Connector,
    max_response_bytes: usize,
}

impl Client {
    /// Creates a client, which opens no connection yet.
    pub fn new(options: &Options) -> Self {
        let connector = connector::Connector::new(options);
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_AGE)
            .build(connector.clone());
        Self { client, connector, max_response_bytes: options.max_response_bytes }
    }

    /// Opens a connection for the first request to the host of `target`, and sends nothing.
    pub async fn prime(&self, target: &Uri) {
        self.connector.prime(target).await;
    }

    /// Sends a request, and reads the whole response.
    ///
    /// # Errors
    /// Returns the failure if there is no complete response within the size limit.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, Failure> {
        let response = self.client.request(request).await.map_err(|error| Failure::of_request(&error))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, self.max_response_bytes).collect().await;
        let body = body.map_err(|error| Failure::of_body(&*error))?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}
