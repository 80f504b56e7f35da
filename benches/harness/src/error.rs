//! The result of a step.

use std::error::Error;

/// The result of any step. Every error ends the run.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;
