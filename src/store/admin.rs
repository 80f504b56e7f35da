//! Creation of tables by the local server. Deployed tables are created by the stack.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::create_table::CreateTableError,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType, StreamSpecification, StreamViewType, TableStatus, TimeToLiveSpecification,
    },
};
use std::{collections::BTreeSet, time::Duration};

use super::{Store, TableDefinition, request::to_error};
use crate::error::Error;

pub(super) const COMPLETE: &str = "all required parts are set";

/// Creates the missing tables and waits until they are active.
///
/// # Errors
/// Returns [`Error::Unavailable`] if the endpoint does not respond, [`Error::Internal`] if it refuses a request.
pub async fn create_missing_tables(store: &Store, tables: &[TableDefinition]) -> Result<(), Error> {
    for table in tables {
        match create(store, table).await {
            Err(SdkError::ServiceError(error))
                if matches!(error.err(), CreateTableError::ResourceInUseException(_)) =>
            {
                if table.stream {
                    start_stream(store, table).await?;
                }
            }
            Err(error) => return Err(to_error(error)),
            Ok(()) => {
                wait_until_active(store, table).await?;
                expire_rows(store, table).await?;
            }
        }
    }
    Ok(())
}

async fn create(store: &Store, table: &TableDefinition) -> Result<(), SdkError<CreateTableError>> {
    let mut attributes: BTreeSet<&str> = [table.partition_key].into_iter().chain(table.sort_key).collect();
    for index in &table.indexes {
        attributes.extend([index.partition_key.as_str(), index.sort_key]);
    }
    let mut request = store
        .client
        .create_table()
        .table_name(store.table_name(table.name))
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key(table.partition_key, KeyType::Hash));
    if let Some(sort_key) = table.sort_key {
        request = request.key_schema(key(sort_key, KeyType::Range));
    }
    for name in attributes {
        request = request.attribute_definitions(definition(name));
    }
    for index in &table.indexes {
        let definition = GlobalSecondaryIndex::builder()
            .index_name(&index.name)
            .key_schema(key(&index.partition_key, KeyType::Hash))
            .key_schema(key(index.sort_key, KeyType::Range))
            .projection(all_attributes());
        request = request.global_secondary_indexes(definition.build().expect(COMPLETE));
    }
    if table.stream {
        request = request.stream_specification(stream());
    }
    request.send().await.map(drop)
}

/// Enables the stream of a table that was created without one.
async fn start_stream(store: &Store, table: &TableDefinition) -> Result<(), Error> {
    let name = store.table_name(table.name);
    let output = store.client.describe_table().table_name(&name).send().await.map_err(to_error)?;
    let has_stream =
        output.table.and_then(|table| table.stream_specification).is_some_and(|stream| stream.stream_enabled);
    if !has_stream {
        store.client.update_table().table_name(name).stream_specification(stream()).send().await.map_err(to_error)?;
        wait_until_active(store, table).await?;
    }
    Ok(())
}

fn stream() -> StreamSpecification {
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewAndOldImages);
    stream.build().expect(COMPLETE)
}

/// Returns the definition of a key attribute. All key attributes are strings.
pub(super) fn definition(name: &str) -> AttributeDefinition {
    let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
    definition.build().expect(COMPLETE)
}

/// Returns the projection of every index.
pub(super) fn all_attributes() -> Projection {
    Projection::builder().projection_type(ProjectionType::All).build()
}

pub(super) fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect(COMPLETE)
}

async fn wait_until_active(store: &Store, table: &TableDefinition) -> Result<(), Error> {
    loop {
        let request = store.client.describe_table().table_name(store.table_name(table.name));
        let output = request.send().await.map_err(to_error)?;
        if output.table.and_then(|table| table.table_status) == Some(TableStatus::Active) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn expire_rows(store: &Store, table: &TableDefinition) -> Result<(), Error> {
    let Some(attribute) = table.ttl_attribute else { return Ok(()) };
    let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name(attribute).build().expect(COMPLETE);
    let request = store.client.update_time_to_live().table_name(store.table_name(table.name));
    request.time_to_live_specification(ttl).send().await.map(drop).map_err(to_error)
}
