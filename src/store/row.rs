//! Rows: records as DynamoDB attributes, with the attributes that indexes and retries need.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    error::Error,
    record::{Filter, Record, Resource, Shards, to_object},
};

/// A DynamoDB item.
pub type Row = HashMap<String, AttributeValue>;

/// The partition key of every resource table.
pub const ID: &str = "id";
/// The version attribute.
pub const VERSION: &str = "version";
/// The time of the last write.
pub const UPDATED_AT: &str = "updatedAt";
/// The id of the last write. A retry that finds its own id has already taken effect.
pub const WRITE_ID: &str = "writeId";
/// The character between the id of a write and its trace context.
///
/// Both are one attribute, so that each write replaces the context of the one before it, and only writes of sampled requests
/// are larger.
pub const TRACE_MARK: char = '#';
/// The principal of the last write.
pub const WRITTEN_BY: &str = "writtenBy";
/// The prefix of the writer if it was a migration.
pub const MIGRATION: &str = "migration-";
/// The tenant of a record, if its resource has tenants.
pub const TENANT: &str = crate::access::TENANT;
/// The index of the list without a filter.
pub const LIST_INDEX: &str = "list";
/// The partition key of the list index.
pub const LIST_SHARD: &str = "listShard";

/// Encodes a record as a row.
pub fn encode<R: Resource>(record: &Record<R>, write_id: &str, writer: Option<&str>, tenant: Option<&str>) -> Row {
    let mut row: Row = serde_dynamo::to_item(record).expect("a record is a struct of JSON values");
    row.insert(WRITE_ID.into(), string(write_id));
    row.extend(writer.map(|writer| (WRITTEN_BY.to_owned(), string(writer))));
    row.extend(tenant.map(|tenant| (TENANT.to_owned(), string(tenant))));
    row.insert(LIST_SHARD.into(), string(list_key(shard(record.id, R::LIST_SHARDS), tenant)));
    let object = to_object(&record.resource);
    for filter in R::FILTERS {
        if let Some(key) = index_key(filter, record.id, object.get(filter.field), tenant) {
            row.insert(filter_attribute(filter), key);
        }
    }
    row
}

/// Decodes the record in a row. Unknown attributes are ignored.
///
/// # Errors
/// Returns [`Error::Corrupt`] with the id of the record.
pub fn decode<R: Resource>(row: Row) -> Result<Record<R>, Error> {
    let id = id(&row).to_owned();
    serde_dynamo::from_item(row).map_err(|error| {
        let message = error.to_string();
        // The text before the last "expected" may contain a value of the record, which must not be logged.
        let cause = match message.rfind("expected ") {
            Some(start) => &message[start..],
            None if message.starts_with("missing field") => &message,
            None => "a value cannot be read",
        };
        Error::Corrupt { collection: R::COLLECTION, id, cause: cause.into() }
    })
}

/// Removes the attributes that are not fields of the record.
pub fn without_own_attributes<R: Resource>(mut row: Row) -> Row {
    let keys: Vec<String> = R::FILTERS.iter().map(filter_attribute).collect();
    row.retain(|name, _| !OWN_ATTRIBUTES.contains(&name.as_str()) && !keys.contains(name));
    row
}

/// The attributes of every row that are not fields of the record, without those of the filters.
pub const OWN_ATTRIBUTES: [&str; 4] = [WRITE_ID, WRITTEN_BY, LIST_SHARD, TENANT];

/// Returns the id of a row.
pub fn id(row: &Row) -> &str {
    text_attribute(row, ID).unwrap_or_default()
}

/// Returns a text attribute.
pub fn text_attribute<'a>(row: &'a Row, name: &str) -> Option<&'a str> {
    row.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

/// Returns the partition key attribute of a filter's index.
pub fn filter_attribute(filter: &Filter) -> String {
    format!("{}Key", filter.field)
}

/// Returns the key of the partition of a filter's index that holds `value` in this shard.
///
/// ```
/// use serverless_crud::{record::{Filter, Normalization, Shards}, store::filter_key};
///
/// let email = Filter { field: "email", normalization: Normalization::EmailAddress, shards: Shards::new(1) };
/// assert_eq!(filter_key(&email, "Ada@example.com", 0, None), "ada@example.com");
/// let status = Filter { field: "status", normalization: Normalization::None, shards: Shards::new(4) };
/// assert_eq!(filter_key(&status, "active", 3, None), "active#3");
/// ```
pub fn filter_key(filter: &Filter, value: &str, shard: u8, tenant: Option<&str>) -> String {
    let value = in_tenant(tenant, filter.normalization.apply(value));
    if filter.shards.read == 1 { value } else { format!("{value}#{shard}") }
}

/// Returns the key of a partition of the list index.
pub fn list_key(shard: u8, tenant: Option<&str>) -> String {
    in_tenant(tenant, shard.to_string())
}

/// Returns the form of a value that no value of another tenant has. The length keeps the tenant and the value apart.
pub fn in_tenant(tenant: Option<&str>, value: String) -> String {
    match tenant {
        Some(tenant) => format!("{}:{tenant}#{value}", tenant.len()),
        None => value,
    }
}

/// Returns the index attribute for a field's value, or `None` if the value is not indexed.
pub fn index_key(filter: &Filter, id: Uuid, value: Option<&Value>, tenant: Option<&str>) -> Option<AttributeValue> {
    // DynamoDB does not accept empty index keys.
    let text = value.and_then(text).filter(|text| !text.is_empty())?;
    Some(string(filter_key(filter, &text, shard(id, filter.shards), tenant)))
}

/// Returns a field's value as the text used in index keys, unique rows and references.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Returns the text of a field in a resource's JSON object.
pub fn field_text(object: &Map<String, Value>, field: &str) -> Option<String> {
    object.get(field).and_then(text)
}

/// Returns the `traceparent` in the id of a write, if the request was sampled.
pub fn traceparent_of(write_id: &str) -> Option<&str> {
    write_id.split_once(TRACE_MARK).map(|(_, traceparent)| traceparent)
}

/// Returns true if the row was last written by this write.
pub fn is_written_by(row: &Row, write_id: &str) -> bool {
    text_attribute(row, WRITE_ID) == Some(write_id)
}

/// Creates a string attribute.
pub fn string(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// Creates a number attribute.
pub fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Returns the shard that a record with this id is written to. The last byte of a UUIDv7 is random.
pub fn shard(id: Uuid, shards: Shards) -> u8 {
    id.as_bytes()[15] % shards.written
}
