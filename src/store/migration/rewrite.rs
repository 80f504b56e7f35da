//! The conditional update of one row by a migration.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    RawExpression, StoredRow, WriteMarker,
    row_schema::{RowSchema, json},
};
use crate::store::row::{
    ID, Row, TENANT, UPDATED_AT, VERSION, WRITE_ID, WRITTEN_BY, id, number, string, text_attribute,
};

/// An update of one row with its condition.
#[derive(Clone, Debug)]
pub struct RowUpdate {
    pub(super) text: String,
    pub(super) condition: String,
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
    pub(super) marker: WriteMarker,
}

impl RowUpdate {
    /// Creates an update from an expression: the content of its `SET` clause, and its other clauses.
    ///
    /// It requires that the row exists, matches the filter and has not been written by this run.
    pub fn by_expression(
        filter: &RawExpression,
        set: &str,
        others: &str,
        extra: &RawExpression,
        marker: &WriteMarker,
    ) -> Self {
        let mut update = Self::base(filter, marker);
        update.names.extend(extra.names.clone());
        update.values.extend(extra.attribute_values());
        let set = if set.is_empty() { String::new() } else { format!(", {set}") };
        update.text = format!("{}{set} {others}", update.text);
        update
    }

    /// Creates the update that sets the fields of a row to `after` and recomputes its index attributes. Returns `None` if
    /// nothing changes.
    ///
    /// # Errors
    /// Returns the reason if the row cannot be changed to `after`.
    pub fn from_fields(
        schema: &RowSchema,
        row: &StoredRow,
        after: &Map<String, Value>,
        filter: &RawExpression,
        marker: &WriteMarker,
    ) -> Result<Option<Self>, String> {
        let row = &row.0;
        let before = schema.fields_of(row);
        schema.check(&before, after)?;
        let id: Uuid = id(row).parse().map_err(|_| "its id is not a UUID")?;
        let mut changes: Vec<(String, Option<AttributeValue>)> = Vec::new();
        for field in before.keys().chain(after.keys().filter(|field| !before.contains_key(*field))) {
            if before.get(field) != after.get(field) {
                if row.get(field).is_some_and(|value| json(value).is_none_or(|same| attribute(&same) != *value)) {
                    return Err(format!("`{field}` has a set, a binary value or a number JSON cannot hold"));
                }
                changes.push((field.clone(), after.get(field).map(attribute)));
            }
        }
        // Index attributes follow the record as the API reads it, so a default for a missing field gets an index key too.
        let read = (schema.read)(changed(row, &changes));
        let keys = schema.keys(id, text_attribute(row, TENANT), read.as_ref().unwrap_or(after));
        changes.extend(keys.into_iter().filter(|(name, key)| row.get(name) != key.as_ref()));
        if changes.is_empty() {
            return Ok(None);
        }
        // A row that was unreadable before may become readable with a later migration.
        if let Err(error) = read
            && (schema.read)(row.clone()).is_ok()
        {
            return Err(format!("the transform would make it unreadable: {}", error.cause().unwrap_or_default()));
        }
        let mut update = Self::base(filter, marker);
        update.require_version(row.get(VERSION));
        update.assign(changes);
        Ok(Some(update))
    }

    /// Creates the part that all updates set and require.
    fn base(filter: &RawExpression, marker: &WriteMarker) -> Self {
        let mut names = filter.names.clone();
        let own = [
            ("#mgId", ID),
            ("#mgVersion", VERSION),
            ("#mgUpdatedAt", UPDATED_AT),
            ("#mgWriteId", WRITE_ID),
            ("#mgWrittenBy", WRITTEN_BY),
        ];
        names.extend(own.map(|(placeholder, name)| (placeholder.to_owned(), name.to_owned())));
        let mut values = filter.attribute_values();
        let (run, id) = (string(&marker.run), string(&marker.id));
        let own = [(":mgZero", number(0)), (":mgOne", number(1)), (":mgRun", run), (":mgMark", id)];
        values.extend(own.map(|(placeholder, value)| (placeholder.to_owned(), value)));
        let version = "#mgVersion = if_not_exists(#mgVersion, :mgZero) + :mgOne";
        Self {
            text: format!("SET {version}, #mgUpdatedAt = :mgTime, #mgWriteId = :mgMark, #mgWrittenBy = :mgRun"),
            condition: format!("attribute_exists(#mgId) AND NOT begins_with(#mgWriteId, :mgRun) AND ({})", filter.text),
            names,
            values,
            marker: marker.clone(),
        }
    }

    fn require_version(&mut self, version: Option<&AttributeValue>) {
        match version {
            Some(version) => {
                self.condition.push_str(" AND #mgVersion = :mgVersion");
                self.values.insert(":mgVersion".into(), version.clone());
            }
            None => self.condition.push_str(" AND attribute_not_exists(#mgVersion)"),
        }
    }

    fn assign(&mut self, changes: Vec<(String, Option<AttributeValue>)>) {
        let mut removed = Vec::new();
        for (place, (attribute, value)) in changes.into_iter().enumerate() {
            let name = format!("#mgField{place}");
            match value {
                Some(value) => {
                    self.text.push_str(&format!(", {name} = :mgField{place}"));
                    self.values.insert(format!(":mgField{place}"), value);
                }
                None => removed.push(name.clone()),
            }
            self.names.insert(name, attribute);
        }
        if !removed.is_empty() {
            self.text.push_str(&format!(" REMOVE {}", removed.join(", ")));
        }
    }
}

fn changed(row: &Row, changes: &[(String, Option<AttributeValue>)]) -> Row {
    let mut row = row.clone();
    for (name, value) in changes {
        match value {
            Some(value) => row.insert(name.clone(), value.clone()),
            None => row.remove(name),
        };
    }
    row
}

fn attribute(value: &Value) -> AttributeValue {
    serde_dynamo::to_attribute_value(value).expect("JSON values convert to attributes")
}
