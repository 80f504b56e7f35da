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

use crate::operations::{Body, Collection, operations, resources};

pub use document::document;
pub use files::{DOCUMENT, File, RELEASED, drift, files, leftovers};

/// Returns the JSON Schema (draft 4) by which the gateway validates an operation's request body.
pub fn request_model(operation: &str) -> Option<Value> {
    let operation = operations().into_iter().find(|known| known.name == operation)?;
    operation.contract().body.as_ref().map(model)
}

/// Returns the read rules that no index serves, as one line each. Lists of these resources would fail.
pub fn unindexed_reads() -> Vec<String> {
    let lines = |collection: &Collection| {
        let line = |attributes: &Vec<&str>| {
            let fields = attributes.join("` and `");
            format!("the read rule of {} depends on `{fields}`: add a filter on one of them", collection.name)
        };
        collection.unindexed_reads.iter().map(line).collect::<Vec<_>>()
    };
    resources().iter().flat_map(lines).collect()
}

/// Returns the JSON Schema (draft 4) of a body for API Gateway's model.
pub fn model(body: &Body) -> Value {
    dialect::draft4(body.content.schema.clone())
}
