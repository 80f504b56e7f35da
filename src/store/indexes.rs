//! Inspection, creation and removal of the indexes of existing tables.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    CreateGlobalSecondaryIndexAction, DeleteGlobalSecondaryIndexAction, GlobalSecondaryIndexUpdate, IndexStatus,
    KeySchemaElement, KeyType, TableDescription,
};

use super::{
    IndexDefinition, Store, TableDefinition,
    admin::{COMPLETE, all_attributes, definition, key},
    request::to_error,
};
use crate::error::Error;

/// The keys of a table and its indexes.
#[derive(Clone, Debug)]
pub struct TableKeys {
    /// The name of the table, with the deployment's prefix.
    pub name: String,
    /// The partition key.
    pub partition_key: String,
    /// The sort key, if any.
    pub sort_key: Option<String>,
    /// The name, partition key and sort key of each index.
    indexes: Vec<(String, String, Option<String>)>,
}

impl TableKeys {
    /// Returns true if the table has an index with this name and these keys.
    pub fn has(&self, wanted: &IndexDefinition) -> bool {
        self.indexes.iter().any(|(name, partition, sort)| {
            *name == wanted.name && *partition == wanted.partition_key && sort.as_deref() == Some(wanted.sort_key)
        })
    }

    /// Returns the partition key of the index with this name.
    pub fn index(&self, name: &str) -> Option<&str> {
        self.indexes.iter().find(|(known, ..)| known == name).map(|(_, partition, _)| partition.as_str())
    }
}

/// Reads the keys of a table from DynamoDB.
///
/// # Errors
/// Returns [`Error::Unavailable`] if DynamoDB does not respond, [`Error::Internal`] if it refuses the request.
pub async fn table_keys(store: &Store, table: &TableDefinition) -> Result<TableKeys, Error> {
    let description = describe(store, table).await?;
    let (partition_key, sort_key) = keys(description.key_schema());
    let indexes = description.global_secondary_indexes().iter().map(|index| {
        let (partition, sort) = keys(index.key_schema());
        (index.index_name().unwrap_or_default().to_owned(), partition, sort)
    });
    Ok(TableKeys { name: store.table_name(table.name), partition_key, sort_key, indexes: indexes.collect() })
}

/// Adds an index and waits until it is active. DynamoDB fills it with the rows that have its keys.
///
/// # Errors
/// Returns the same errors as [`table_keys`].
pub async fn add_index(store: &Store, table: &TableDefinition, index: &IndexDefinition) -> Result<(), Error> {
    let create = CreateGlobalSecondaryIndexAction::builder()
        .index_name(&index.name)
        .key_schema(key(&index.partition_key, KeyType::Hash))
        .key_schema(key(index.sort_key, KeyType::Range))
        .projection(all_attributes());
    let update = GlobalSecondaryIndexUpdate::builder().create(create.build().expect(COMPLETE)).build();
    let request = store.client.update_table().table_name(store.table_name(table.name));
    let request = request
        .attribute_definitions(definition(&index.partition_key))
        .attribute_definitions(definition(index.sort_key))
        .global_secondary_index_updates(update);
    request.send().await.map_err(to_error)?;
    wait_for(store, table, &index.name, Some(&IndexStatus::Active)).await
}

/// Removes an index and waits until it no longer exists.
///
/// # Errors
/// Returns the same errors as [`table_keys`].
pub async fn remove_index(store: &Store, table: &TableDefinition, name: &str) -> Result<(), Error> {
    let delete = DeleteGlobalSecondaryIndexAction::builder().index_name(name).build().expect(COMPLETE);
    let update = GlobalSecondaryIndexUpdate::builder().delete(delete).build();
    let request = store.client.update_table().table_name(store.table_name(table.name));
    request.global_secondary_index_updates(update).send().await.map_err(to_error)?;
    wait_for(store, table, name, None).await
}

async fn describe(store: &Store, table: &TableDefinition) -> Result<TableDescription, Error> {
    let request = store.client.describe_table().table_name(store.table_name(table.name));
    let output = request.send().await.map_err(to_error)?;
    output.table.ok_or_else(|| Error::Internal("DynamoDB returned no table description".into()))
}

/// Waits until an index has a status. `None` waits until it no longer exists.
async fn wait_for(
    store: &Store,
    table: &TableDefinition,
    name: &str,
    wanted: Option<&IndexStatus>,
) -> Result<(), Error> {
    loop {
        let description = describe(store, table).await?;
        let mut indexes = description.global_secondary_indexes().iter();
        let status = indexes.find(|index| index.index_name() == Some(name)).map(|index| index.index_status());
        if status.flatten() == wanted {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn keys(schema: &[KeySchemaElement]) -> (String, Option<String>) {
    let of = |kind: &KeyType| {
        schema.iter().find(|element| element.key_type() == kind).map(|element| element.attribute_name().to_owned())
    };
    (of(&KeyType::Hash).unwrap_or_default(), of(&KeyType::Range))
}
