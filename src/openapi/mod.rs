//! The contract as documents, generated from the operations and the types.
//!
//! [`document`] generates `openapi.json`, [`files`] all generated files.

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

use crate::{functions::Service, operations::Body};

pub use document::document;
pub use files::{DOCUMENT, File, RELEASED, drift, files, leftovers};

/// Returns the JSON Schema (draft 4) by which the gateway validates an operation's request body.
pub fn request_model(service: &Service, operation: &str) -> Option<Value> {
    let operation = service.operations().into_iter().find(|known| known.name == operation)?;
    operation.contract().body.as_ref().map(model)
}

/// Returns the JSON Schema (draft 4) of a body for API Gateway's model.
pub fn model(body: &Body) -> Value {
    dialect::draft4(body.content.schema.clone())
}
