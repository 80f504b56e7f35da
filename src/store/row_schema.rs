//! What a migration must know of a table: which attributes it may not touch, and what the indexes are keyed by.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::row::{
    ID, LIST_SHARD, Row, UPDATED_AT, VERSION, WRITE_ID, WRITTEN_BY, decode, field_text, filter_attribute, index_key,
    list_key, shard, string,
};
use crate::{
    error::Error,
    record::{Filter, Normalization, Reference, Resource, Shards, Unique, to_object},
};

/// When a record was made: nothing changes it.
const CREATED_AT: &str = "createdAt";

/// What a change to the raw rows of a resource must know of it.
#[derive(Clone)]
pub struct RowSchema {
    /// The table.
    pub table: &'static str,
    filters: &'static [Filter],
    list_shards: Shards,
    unique: &'static [Unique],
    references: &'static [Reference],
    /// The fields of a row as the API reads them, with their defaults.
    pub(super) read: fn(Row) -> Result<Map<String, Value>, Error>,
}

impl RowSchema {
    /// That of a resource.
    pub fn of<R: Resource>() -> Self {
        Self {
            table: R::COLLECTION,
            filters: R::FILTERS,
            list_shards: R::LIST_SHARDS,
            unique: R::UNIQUE,
            references: R::REFERENCES,
            read: |row| decode::<R>(row).map(|record| to_object(&record.resource)),
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

    /// What the indexes of a record with these fields are keyed by.
    pub(super) fn keys(&self, id: Uuid, fields: &Map<String, Value>) -> Vec<(String, Option<AttributeValue>)> {
        let keys = self.filters.iter().map(|filter| {
            let key = index_key(filter, id, fields.get(filter.field));
            (filter_attribute(filter), key)
        });
        let list = (LIST_SHARD.to_owned(), Some(string(list_key(shard(id, self.list_shards)))));
        std::iter::once(list).chain(keys).collect()
    }

    /// Whether the change leaves alone what it may not touch.
    pub(super) fn check(&self, before: &Map<String, Value>, after: &Map<String, Value>) -> Result<(), String> {
        for field in [ID, CREATED_AT, VERSION, UPDATED_AT] {
            if before.get(field) != after.get(field) {
                return Err(format!("the transform changes `{field}`, which is not its to change"));
            }
        }
        let is_same = |field: &str, normalization: Normalization| {
            let text = |fields| field_text(fields, field).map(|text| normalization.apply(&text));
            text(before) == text(after)
        };
        // A change of spelling alone leaves the row of the unique value as it is.
        let uniques = self.unique.iter().map(|unique| (unique.field, unique.normalization));
        let references = self.references.iter().map(|reference| (reference.field, Normalization::None));
        match uniques.chain(references).find(|(field, normalization)| !is_same(field, *normalization)) {
            Some((field, _)) => Err(format!("the transform changes `{field}`, which other rows depend on")),
            None => Ok(()),
        }
    }
}

/// A value as JSON, if there is a form for it there; sets come as lists.
pub(super) fn json(value: &AttributeValue) -> Option<Value> {
    serde_dynamo::from_attribute_value(value.clone()).ok()
}
