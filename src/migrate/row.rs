//! What a migration makes of one row.

use std::panic;

use super::file::{Change, Fields, Migration, Transform};
use crate::store::{Found, Mark, RowUpdate};

/// The update of a row; none when it is as it should be.
///
/// # Errors
/// Why it cannot be changed.
pub fn update_of(migration: &Migration, row: &Found, mark: &Mark) -> Result<Option<RowUpdate>, String> {
    match &migration.change {
        Change::Expression { clauses, used } => {
            Ok(Some(RowUpdate::by_expression(&migration.filter, &clauses.set, &clauses.others, used, mark)))
        }
        Change::Transform(transform) => {
            let after = transformed(*transform, row.fields(&migration.shape))?;
            RowUpdate::to(&migration.shape, row, &after, &migration.filter, mark)
        }
    }
}

/// What the transform makes of a record, if it would leave that alone the next time.
fn transformed(transform: Transform, before: Fields) -> Result<Fields, String> {
    let attempt = |fields| {
        panic::catch_unwind(|| transform(fields)).unwrap_or_else(|_panic| Err("the transform panicked".into()))
    };
    let after = attempt(before)?;
    match attempt(after.clone()) {
        Ok(again) if again == after => Ok(after),
        _ => Err("the transform would change its own result: make it leave alone what is done".into()),
    }
}
