//! The update that a migration makes to a row.

use std::panic;

use super::file::{Change, Fields, Migration, Transform};
use crate::store::{RowUpdate, StoredRow, WriteMarker};

/// Builds the update of a row. Returns `None` if the row is already up to date.
///
/// # Errors
/// Returns the reason the row cannot be changed.
pub fn build_update(migration: &Migration, row: &StoredRow, marker: &WriteMarker) -> Result<Option<RowUpdate>, String> {
    match &migration.change {
        Change::Expression { clauses, used } => {
            Ok(Some(RowUpdate::by_expression(&migration.filter, &clauses.set, &clauses.other_clauses, used, marker)))
        }
        Change::Transform(transform) => {
            let after = apply_transform(*transform, row.fields(&migration.schema))?;
            RowUpdate::from_fields(&migration.schema, row, &after, &migration.filter, marker)
        }
    }
}

/// Applies a transform and checks that it leaves its own result unchanged.
fn apply_transform(transform: Transform, before: Fields) -> Result<Fields, String> {
    let attempt = |fields| {
        panic::catch_unwind(|| transform(fields)).unwrap_or_else(|_panic| Err("the transform panicked".into()))
    };
    let after = attempt(before)?;
    match attempt(after.clone()) {
        Ok(again) if again == after => Ok(after),
        _ => Err("the transform would change its own result: make it idempotent".into()),
    }
}
