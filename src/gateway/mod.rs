//! API Gateway's part of a request: routing, the REST proxy event, and its own responses.
//!
//! The local server behaves by it, and the contract describes it.

mod event;
mod responses;
mod router;

pub use event::{ProxyRequest, proxy_event};
pub use responses::{
    ACCESS_DENIED, AUTHORIZER_FAILURE, GatewayResponse, INTEGRATION_FAILURE, INTEGRATION_TIMEOUT, INVALID_API_KEY,
    METHOD_NOT_ALLOWED, NOT_FOUND, QUOTA_EXCEEDED, REQUEST_TOO_LARGE, RESPONSES, THROTTLED, UNAUTHORIZED,
};
pub use router::{PathParameters, RestResource, Router};

/// The default address of the local server, which the Postman environment and the sample events name.
pub const LOCAL_HOST: &str = "127.0.0.1";
/// Its default port.
pub const LOCAL_PORT: u16 = 3000;
/// Its default API key of the basic usage plan.
pub const LOCAL_KEY: &str = "local-basic-key-0123456789";
