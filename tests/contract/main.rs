//! The contract: its files are what the code writes, break no client unannounced, and say what the service does.

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

// The fixture stands in `src/resources` of a copy, where it names its neighbours by `crate`.
use serverless_crud::record;

/// The top of the repository.
pub fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
