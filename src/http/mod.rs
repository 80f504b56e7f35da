//! HTTP requests and responses. This is the only module that uses header names and status codes.

mod body;
mod conditions;
pub mod cors;
mod event;
mod json;
mod principal;
mod problem;
mod query;
mod request;
mod response;

pub use conditions::{not_modified_versions, precondition};
pub use event::event;
pub use lambda_http::{Request, Response};
pub use principal::{Roles, identify, principal};
pub use problem::{BUSY, FORBIDDEN, INTERNAL, INVALID, Problem, UNAUTHENTICATED, for_error as problem};
pub use query::{DEFAULT_LIMIT, MAX_LIMIT, history_query, list_query};
pub use request::{MAX_BODY_BYTES, RequestFacts, creation, edit, id, input};
pub use response::{Answer, created, list, no_content, not_modified, ok, result};
