//! The update of one row by a migration: what it writes, and what it requires.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    backfill::{Found, Raw},
    row::{
        ID, LIST_SHARD, LIST_SHARDS, Row, UPDATED_AT, VERSION, WRITE_ID, WRITTEN_BY, decode, field_text,
        filter_attribute, folded, id, index_key, list_key, number, shard, string,
    },
};
use crate::{
    error::Error,
    record::{Filter, Reference, Resource, Unique, format_time, now},
};

/// When a record was made: nothing changes it.
const CREATED_AT: &str = "createdAt";

/// What a change to the raw rows of a resource must know of it.
#[derive(Clone)]
pub struct Shape {
    /// The table.
    pub table: &'static str,
    filters: &'static [Filter],
    unique: &'static [Unique],
    references: &'static [Reference],
    decodes: fn(Row) -> Result<(), Error>,
}

impl Shape {
    /// That of a resource.
    pub fn of<R: Resource>() -> Self {
        Self {
            table: R::COLLECTION,
            filters: R::FILTERS,
            unique: R::UNIQUE,
            references: R::REFERENCES,
            decodes: |row| decode::<R>(row).map(drop),
        }
    }

    /// Why an expression may not write an attribute, if it may not.
    pub fn refuses(&self, attribute: &str) -> Option<String> {
        if [VERSION, UPDATED_AT, WRITE_ID, WRITTEN_BY].contains(&attribute) {
            return Some(format!("writes `{attribute}`, which every write sets by itself: leave it out"));
        }
        if [ID, CREATED_AT].contains(&attribute) {
            return Some(format!("writes `{attribute}`, which never changes: leave it out"));
        }
        if self.guarded().any(|field| field == attribute) {
            return Some(format!("writes `{attribute}`, which is unique or refers to a record: change it by the API"));
        }
        if attribute == LIST_SHARD || self.filters.iter().any(|filter| filter_attribute(filter) == attribute) {
            return Some(format!(
                "writes `{attribute}`, which is computed from the record: use a transform, as `rekey`"
            ));
        }
        let is_filter = self.filters.iter().any(|filter| filter.field == attribute);
        is_filter.then(|| format!("writes `{attribute}`, which an index is made of: use a transform, which mends both"))
    }

    /// Fields that other rows depend on.
    fn guarded(&self) -> impl Iterator<Item = &'static str> {
        let references = self.references.iter().map(|reference| reference.field);
        self.unique.iter().map(|unique| unique.field).chain(references)
    }

    /// The record in a row as JSON, without what the store adds to it.
    pub(super) fn fields_of(&self, row: &Row) -> Map<String, Value> {
        let is_ours = |name: &str| {
            [WRITE_ID, WRITTEN_BY, LIST_SHARD].contains(&name)
                || self.filters.iter().any(|filter| filter_attribute(filter) == name)
        };
        let fields = row.iter().filter(|(name, _)| !is_ours(name));
        fields.filter_map(|(name, value)| Some((name.clone(), json(value)?))).collect()
    }

    /// What the indexes of a record are keyed by.
    fn keys(&self, id: Uuid, fields: &Map<String, Value>) -> Vec<(String, Option<AttributeValue>)> {
        let keys = self.filters.iter().map(|filter| {
            let key = index_key(filter, id, fields.get(filter.field));
            (filter_attribute(filter), key)
        });
        let list = (LIST_SHARD.to_owned(), Some(string(list_key(shard(id, LIST_SHARDS)))));
        std::iter::once(list).chain(keys).collect()
    }

    /// Whether the change leaves alone what it may not touch.
    fn check(&self, before: &Map<String, Value>, after: &Map<String, Value>) -> Result<(), String> {
        for field in [ID, CREATED_AT, VERSION, UPDATED_AT] {
            if before.get(field) != after.get(field) {
                return Err(format!("the transform changes `{field}`, which is not its to change"));
            }
        }
        let is_same = |field: &str, ignore_case| {
            let text = |fields| field_text(fields, field).map(|text| folded(&text, ignore_case));
            text(before) == text(after)
        };
        // A change of case alone leaves the row of the unique value as it is.
        let uniques = self.unique.iter().map(|unique| (unique.field, unique.ignore_case));
        let references = self.references.iter().map(|reference| (reference.field, false));
        match uniques.chain(references).find(|(field, ignore_case)| !is_same(field, *ignore_case)) {
            Some((field, _)) => Err(format!("the transform changes `{field}`, which other rows depend on")),
            None => Ok(()),
        }
    }
}

/// An update of one row, with its condition.
#[derive(Clone, Debug)]
pub struct RowUpdate {
    pub(super) text: String,
    pub(super) condition: String,
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
    pub(super) mark: String,
}

impl RowUpdate {
    /// The update of an expression: its `SET` clause without the word, and its other clauses.
    ///
    /// It requires that the row is there, matches the filter, and has not been written by this very run.
    pub fn by_expression(filter: &Raw, set: &str, others: &str, extra: &Raw, mark: &str) -> Self {
        let mut update = Self::begun(filter, mark);
        update.names.extend(extra.names.clone());
        update.values.extend(extra.attribute_values());
        let set = if set.is_empty() { String::new() } else { format!(", {set}") };
        update.text = format!("{}{set} {others}", update.text);
        update
    }

    /// The update that makes `after` of a row, and of its index attributes what follows from that; none
    /// when the row is like that already.
    ///
    /// # Errors
    /// Says why the row cannot become that.
    pub fn to(
        shape: &Shape,
        row: &Found,
        after: &Map<String, Value>,
        filter: &Raw,
        mark: &str,
    ) -> Result<Option<Self>, String> {
        let row = &row.0;
        let before = shape.fields_of(row);
        shape.check(&before, after)?;
        let id: Uuid = id(row).parse().map_err(|_| "its id is not a UUID")?;
        let mut changes: Vec<(String, Option<AttributeValue>)> = Vec::new();
        for field in before.keys().chain(after.keys().filter(|field| !before.contains_key(*field))) {
            if before.get(field) != after.get(field) {
                changes.push((field.clone(), after.get(field).map(attribute)));
            }
        }
        changes.extend(shape.keys(id, after).into_iter().filter(|(name, key)| row.get(name) != key.as_ref()));
        if changes.is_empty() {
            return Ok(None);
        }
        // One that cannot be read yet may need a later migration, too.
        if let Err(error) = (shape.decodes)(changed(row, &changes))
            && (shape.decodes)(row.clone()).is_ok()
        {
            return Err(format!("the transform would make it unreadable: {}", error.cause().unwrap_or_default()));
        }
        let mut update = Self::begun(filter, mark);
        update.require_version(row.get(VERSION));
        update.assign(changes);
        Ok(Some(update))
    }

    /// What every write sets and requires.
    fn begun(filter: &Raw, mark: &str) -> Self {
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
        let time = string(format_time(&now()));
        let own = [(":mgZero", number(0)), (":mgOne", number(1)), (":mgTime", time), (":mgMark", string(mark))];
        values.extend(own.map(|(placeholder, value)| (placeholder.to_owned(), value)));
        let version = "#mgVersion = if_not_exists(#mgVersion, :mgZero) + :mgOne";
        Self {
            text: format!("SET {version}, #mgUpdatedAt = :mgTime, #mgWriteId = :mgMark, #mgWrittenBy = :mgMark"),
            condition: format!("attribute_exists(#mgId) AND NOT (#mgWriteId = :mgMark) AND ({})", filter.text),
            names,
            values,
            mark: mark.to_owned(),
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
    serde_dynamo::to_attribute_value(value).expect("it is JSON")
}

fn json(value: &AttributeValue) -> Option<Value> {
    serde_dynamo::from_attribute_value(value.clone()).ok()
}
