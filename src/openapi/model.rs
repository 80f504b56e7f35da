//! The models by which API Gateway validates request bodies.

use serde_json::Value;

use super::dialect;
use crate::{functions::Service, operations::Body};

/// Returns the JSON Schema (draft 4) by which the gateway validates an operation's request body.
pub fn request_model(service: &Service, operation: &str) -> Option<Value> {
    let operation = service.operations().into_iter().find(|known| known.name == operation)?;
    operation.contract().body.as_ref().map(model)
}

/// Returns the JSON Schema (draft 4) of a body for API Gateway's model.
pub fn model(body: &Body) -> Value {
    dialect::draft4(body.content.schema.clone())
}
