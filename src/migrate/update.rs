//! The update that a migration makes to a row.

use super::{
    file::{Change, Migration},
    transform::apply_transform,
};
use crate::store::{RowUpdate, StoredRow, WriteMarker};

/// Builds the update of a row. Returns `None` if the row is already up to date.
///
/// # Errors
/// Returns the reason the row cannot be changed.
pub fn build_update(migration: &Migration, row: &StoredRow, marker: &WriteMarker) -> Result<Option<RowUpdate>, String> {
    if let Some(reason) = &migration.conflict {
        return Err(reason.clone());
    }
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
