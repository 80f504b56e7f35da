//! The models by which API Gateway validates request bodies.

use serde_json::Value;

use super::dialect;
use crate::operations::{Body, operations};

/// Returns the JSON Schema (draft 4) by which the gateway validates an operation's request body.
pub fn request_model(operation: &str) -> Option<Value> {
    let operation = operations().into_iter().find(|known| known.name == operation)?;
    operation.contract().body.as_ref().map(model)
}

/// Returns the JSON Schema (draft 4) of a body for API Gateway's model.
pub fn model(body: &Body) -> Value {
    dialect::draft4(body.content.schema.clone())
}
