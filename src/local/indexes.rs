//! Brings the tables of an earlier version to the indexes the contract wants: a filter is new, or keyed another way.

use serde_json::json;

use super::StartError;
use crate::{
    app::LogLevel,
    error::Error,
    operations::row_schemas,
    runtime,
    store::{IndexDefinition, Store, TableDefinition, TableKeys, add_index, remove_index, table_keys},
};

/// Makes the indexes that tables lack, anew those that are keyed another way, and keys the rows for them.
///
/// Only in the embedded database. The tables of another endpoint can belong to a stack: there the first difference is
/// named, with what to do.
///
/// # Errors
/// [`StartError::Table`], and [`StartError::Tables`] when DynamoDB refuses.
pub async fn complete(store: &Store, tables: &[TableDefinition], is_embedded: bool) -> Result<(), StartError> {
    for table in tables {
        let found = table_keys(store, table).await.map_err(StartError::refused)?;
        check_key(&found, table)?;
        let wanted: Vec<_> = table.indexes.iter().filter(|index| !found.has(index)).collect();
        if let Some(index) = wanted.first().filter(|_| !is_embedded) {
            return Err(not_ours(&found, index));
        }
        if !wanted.is_empty() {
            make(store, table, &found, &wanted).await.map_err(StartError::refused)?;
        }
    }
    Ok(())
}

/// The rows first: a start that ends in between finds the index missing, and begins again.
async fn make(
    store: &Store,
    table: &TableDefinition,
    found: &TableKeys,
    wanted: &[&IndexDefinition],
) -> Result<(), Error> {
    let shape = row_schemas().into_iter().find(|(name, _)| *name == table.name);
    let rows = match shape {
        Some((_, shape)) => store.rebuild_index_attributes(&shape).await?,
        None => 0,
    };
    for index in wanted {
        if found.index(&index.name).is_some() {
            remove_index(store, table, &index.name).await?;
        }
        add_index(store, table, index).await?;
        runtime::write_line(json!({
            "level": LogLevel::Info.name(), "table": found.name, "indexMade": index.name, "rowsKeyed": rows,
        }));
    }
    Ok(())
}

fn check_key(found: &TableKeys, table: &TableDefinition) -> Result<(), StartError> {
    let wanted = (table.partition_key, table.sort_key);
    if (found.partition_key.as_str(), found.sort_key.as_deref()) == wanted {
        return Ok(());
    }
    let fault = format!(
        "is keyed by `{}` and not by `{}`: choose other tables with --table-prefix, or another folder with --data",
        found.partition_key, table.partition_key
    );
    Err(StartError::Table { table: found.name.clone(), fault })
}

fn not_ours(found: &TableKeys, index: &IndexDefinition) -> StartError {
    let IndexDefinition { name, partition_key, .. } = index;
    let fault = match found.index(name) {
        Some(other) => format!(
            "has an index `{name}` that is keyed by `{other}` and not by `{partition_key}`: delete it with \
             `aws dynamodb update-table`, and add it by a deployment"
        ),
        None => format!(
            "has no index `{name}`, which the filter of that name reads: add it by a deployment, and key the records \
             from before as docs/migrations.md says"
        ),
    };
    StartError::Table { table: found.name.clone(), fault }
}
