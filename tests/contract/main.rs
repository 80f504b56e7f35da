//! Tests of the contract: its generated files, its compatibility with released clients, and its match with the service.

mod breaks;
mod document;
mod drift;
mod events;
mod filters;
mod indexes;
mod nested;
mod shards;
#[path = "../support/mod.rs"]
mod support;
mod verdicts;

use std::{fs, path::Path};

use serde_json::Value;
use serverless_crud::{functions::Service, openapi::RELEASED};

/// Returns the root folder of the repository.
pub fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the services whose contracts are checked: that of the tests and that of the project.
pub fn services() -> [Service; 2] {
    [support::service(), serverless_crud::service()]
}

/// Returns the document of the last release, if there is one.
pub fn released() -> Option<Value> {
    let text = fs::read_to_string(top().join(RELEASED)).ok()?;
    Some(serde_json::from_str(&text).expect("the released document is JSON"))
}
