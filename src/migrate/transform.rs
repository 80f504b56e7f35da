//! Transforms: the changes that are Rust functions.

use std::panic;

use serde_json::{Map, Value};

/// A record as JSON: its fields, its `id`, `version`, `createdAt` and `updatedAt`.
pub type Fields = Map<String, Value>;

/// A pure function from record to record. An error is the reason this record cannot be changed.
///
/// It must be idempotent: applied to its own result, it returns that result.
pub type Transform = fn(Fields) -> Result<Fields, String>;

/// Applies a transform and checks that it leaves its own result unchanged.
pub fn apply_transform(transform: Transform, before: Fields) -> Result<Fields, String> {
    let attempt = |fields| {
        panic::catch_unwind(|| transform(fields)).unwrap_or_else(|_panic| Err("the transform panicked".into()))
    };
    let after = attempt(before)?;
    match attempt(after.clone()) {
        Ok(again) if again == after => Ok(after),
        _ => Err("the transform would change its own result: make it idempotent".into()),
    }
}
