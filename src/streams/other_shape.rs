//! Changes of rows that have another shape than the resource has today, as before and during migrations.

use std::collections::BTreeSet;

use aws_lambda_events::dynamodb::EventRecord;
use serde_json::{Map, Value};

use super::change::{cause, text};
use crate::{
    error::Error,
    record::{Action, Entry, Resource, parse_id, sortable},
    store::{MIGRATION, Row, TENANT, WRITE_ID, WRITTEN_BY, decode, without_own_attributes},
};

/// Returns the entry of a change that could not be decoded because of `error`, with the rows as they are.
///
/// The row before the change can have an older shape. The row after it can only if a migration wrote it: several
/// migrations in sequence can lead to today's shape.
///
/// # Errors
/// The given `error`, if no shape of the past explains it.
pub fn entry<R: Resource>(record: &EventRecord, error: Error) -> Result<Entry, Error> {
    let (old, new) = (&record.change.old_image, &record.change.new_image);
    let writer = text(new, WRITTEN_BY).filter(|_| text(new, WRITE_ID) != text(old, WRITE_ID));
    let is_migrated = writer.as_deref().is_some_and(|writer| writer.starts_with(MIGRATION));
    let action = match record.event_name.as_str() {
        "MODIFY" if is_migrated || decode::<R>(Row::from(new.clone())).is_ok() => Action::Updated,
        "REMOVE" => Action::Deleted,
        _ => return Err(error),
    };
    let last = if action == Action::Deleted { old } else { new };
    let (Some(old), Some(last)) = (object::<R>(old), object::<R>(last)) else { return Err(error) };
    let id = last.get("id").and_then(Value::as_str).and_then(parse_id);
    let (Some(id), Some(version)) = (id, last.get("version").and_then(Value::as_u64)) else { return Err(error) };
    let new = (action == Action::Updated).then_some(last);
    Ok(Entry {
        event_id: record.event_id.clone(),
        sequence: sortable(record.change.sequence_number.as_deref().unwrap_or_default()),
        action,
        id,
        version,
        time: record.change.approximate_creation_date_time,
        cause: cause(record),
        changed_by: writer,
        tenant_id: text(&record.change.new_image, TENANT).or_else(|| text(&record.change.old_image, TENANT)),
        changed: changed_fields(&old, new.as_ref()),
        old: Some(Value::Object(old)),
        new: new.map(Value::Object),
        traceparent: None,
        has_other_shape: true,
    })
}

/// Converts a row to JSON, without the attributes of the store.
fn object<R: Resource>(row: &serde_dynamo::Item) -> Option<Map<String, Value>> {
    serde_dynamo::from_item(without_own_attributes::<R>(Row::from(row.clone()))).ok()
}

/// Returns the fields whose values differ; of a deletion, all fields.
fn changed_fields(old: &Map<String, Value>, new: Option<&Map<String, Value>>) -> Vec<String> {
    let names: BTreeSet<&String> = old.keys().chain(new.into_iter().flat_map(Map::keys)).collect();
    let is_field = |name: &str| !["id", "version", "createdAt", "updatedAt"].contains(&name);
    let differs = |name: &str| new.is_none_or(|new| new.get(name) != old.get(name));
    names.into_iter().filter(|name| is_field(name) && differs(name)).cloned().collect()
}
