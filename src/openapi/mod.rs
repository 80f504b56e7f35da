//! The contract as documents, generated from the operations and the types.
//!
//! [`document`] generates `openapi.json`, [`files`] all generated files.

mod catalogue;
pub mod compatibility;
mod dialect;
mod document;
mod events;
mod file;
mod files;
mod gateway;
mod model;
mod operation;
mod postman;
mod reads;
mod responses;
pub mod shards;
mod telemetry;

pub use document::document;
pub use file::File;
pub use files::{DOCUMENT, RELEASED, drift, files, leftovers};
pub use model::{model, request_model};
pub use reads::unindexed_reads;
