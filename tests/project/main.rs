//! Tests of what a team does with the project: copies of it are renamed, started without the examples, and extended by the
//! recipes of CONTRIBUTING.md.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod copy;
mod recipes;
mod running;
mod start;

use std::path::Path;

/// Returns the root folder of the repository.
pub fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
