//! The contract: what operations and types say, as documents.
//!
//! [`document`] is `openapi.json`. [`files`] is everything that is generated from it and
//! the operations.

mod catalogue;
pub mod compatibility;
mod dialect;
mod document;
mod events;
mod files;
mod gateway;
mod operation;
mod postman;
mod responses;
pub mod shards;

use serde_json::Value;

use crate::operations::{Body, operations};

pub use document::document;
pub use files::{DOCUMENT, File, RELEASED, drift, files, leftovers};

/// The JSON Schema (draft 4) of an operation's request body, which the gateway checks before the function runs.
pub fn request_model(operation: &str) -> Option<Value> {
    let operation = operations().into_iter().find(|known| known.name == operation)?;
    operation.contract().body.as_ref().map(model)
}

/// The JSON Schema (draft 4) of a body, as API Gateway's models have it.
pub fn model(body: &Body) -> Value {
    dialect::draft4(body.content.schema.clone())
}
