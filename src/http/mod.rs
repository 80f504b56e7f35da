//! HTTP: what a request says, and how an answer is written. The only room that names headers and statuses.

mod body;
mod conditions;
pub mod cors;
mod event;
pub mod gateway;
mod json;
mod problem;
mod query;
mod request;
mod response;

pub use conditions::{not_modified_versions, precondition};
pub use event::{caller, event};
pub use lambda_http::{Request, Response};
pub use problem::{Problem, for_error as problem};
pub use query::{DEFAULT_LIMIT, MAX_LIMIT, history_query, list_query};
pub use request::{MAX_BODY_BYTES, RequestFacts, creation, edit, id};
pub use response::{created, list, no_content, not_modified, ok};

/// An answer on its way to API Gateway.
pub type Answer = Response<lambda_http::Body>;
