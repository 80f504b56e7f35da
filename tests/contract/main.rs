//! Tests of the contract: its generated files, its compatibility with released clients, and its match with the service.

mod breaks;
mod document;
mod drift;
mod events;
mod filters;
mod indexes;
mod nested;
mod project_copy;
mod running;
mod shards;
#[path = "../support/mod.rs"]
mod support;
mod third_resource;
mod verdicts;

use std::path::Path;

/// Returns the root folder of the repository.
pub fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
