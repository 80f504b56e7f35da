//! Tests of the contract: its generated files, its compatibility with released clients, and its match with the service.

mod breaks;
mod document;
mod drift;
mod events;
mod filters;
mod indexes;
mod nested;
#[path = "orders/order.rs"]
mod order;
mod project_copy;
mod running;
mod shards;
#[path = "../support/mod.rs"]
mod support;
mod third_resource;
mod verdicts;

use std::path::Path;

// In the copy of the project, the fixture is in `src/resources` and uses other modules by `crate`.
use serverless_crud::record;

/// Returns the root folder of the repository.
pub fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
