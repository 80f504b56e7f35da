//! Updates the indexes of existing tables to match the contract, as after a filter was added or its key changed.

use serde_json::json;

use super::StartError;
use crate::{
    app::LogLevel,
    error::Error,
    store::{IndexDefinition, RowSchema, Store, TableDefinition, TableKeys, add_index, remove_index, table_keys},
    telemetry,
};

/// Creates missing indexes, recreates those with another key, and adds the key attributes to existing rows.
///
/// This is done only in the embedded database. Tables of another endpoint can belong to a deployed stack: there, the
/// first difference is returned as an error that says how to resolve it.
///
/// # Errors
/// [`StartError::Table`], and [`StartError::Tables`] when DynamoDB refuses.
pub async fn update(
    store: &Store,
    tables: &[TableDefinition],
    schemas: &[RowSchema],
    is_embedded: bool,
) -> Result<(), StartError> {
    for table in tables {
        let existing = table_keys(store, table).await.map_err(StartError::refused)?;
        check_key(&existing, table)?;
        let missing: Vec<_> = table.indexes.iter().filter(|index| !existing.has(index)).collect();
        if let Some(index) = missing.first().filter(|_| !is_embedded) {
            return Err(external_table_error(&existing, index));
        }
        if !missing.is_empty() {
            let schema = schemas.iter().find(|schema| schema.table == table.name);
            create_indexes(store, table, schema, &existing, &missing).await.map_err(StartError::refused)?;
        }
    }
    Ok(())
}

/// Adds the key attributes to the rows, and then creates the indexes. In this order, a start that is interrupted finds
/// the index missing and begins again.
async fn create_indexes(
    store: &Store,
    table: &TableDefinition,
    schema: Option<&RowSchema>,
    existing: &TableKeys,
    missing: &[&IndexDefinition],
) -> Result<(), Error> {
    let rows = match schema {
        Some(schema) => store.rebuild_index_attributes(schema).await?,
        None => 0,
    };
    for index in missing {
        if existing.index(&index.name).is_some() {
            remove_index(store, table, &index.name).await?;
        }
        add_index(store, table, index).await?;
        telemetry::write_line(json!({
            "level": LogLevel::Info.name(), "table": existing.name, "indexCreated": index.name, "rowsKeyed": rows,
        }));
    }
    Ok(())
}

fn check_key(existing: &TableKeys, table: &TableDefinition) -> Result<(), StartError> {
    let expected = (table.partition_key, table.sort_key);
    if (existing.partition_key.as_str(), existing.sort_key.as_deref()) == expected {
        return Ok(());
    }
    let fault = format!(
        "is keyed by `{}` and not by `{}`: choose other tables with --table-prefix, or another folder with --data",
        existing.partition_key, table.partition_key
    );
    Err(StartError::Table { table: existing.name.clone(), fault })
}

fn external_table_error(existing: &TableKeys, index: &IndexDefinition) -> StartError {
    let IndexDefinition { name, partition_key, .. } = index;
    let fault = match existing.index(name) {
        Some(other) => format!(
            "has an index `{name}` that is keyed by `{other}` and not by `{partition_key}`: delete it with \
             `aws dynamodb update-table`, and add it by a deployment"
        ),
        None => format!(
            "has no index `{name}`, which the filter of that name reads: add it by a deployment, and key the records \
             from before as docs/migrations.md says"
        ),
    };
    StartError::Table { table: existing.name.clone(), fault }
}
