//! The schema of a resource's rows, for migrations: protected attributes and index keys.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    error::Error,
    record::{Filter, Normalization, Reference, Resource, Shards, Unique, to_object},
    store::row::{
        ID, LIST_SHARD, OWN_ATTRIBUTES, Row, TENANT, UPDATED_AT, VERSION, WRITE_ID, WRITTEN_BY, decode, field_text,
        filter_attribute, index_key, list_key, shard, string,
    },
};

/// The attribute for the creation time, which never changes.
const CREATED_AT: &str = "createdAt";

/// The schema of the raw rows of a resource.
#[derive(Clone)]
pub struct RowSchema {
    /// The name of the table.
    pub table: &'static str,
    filters: &'static [Filter],
    list_shards: Shards,
    unique: &'static [Unique],
    references: &'static [Reference],
    /// Reads the fields of a row as the API does, with their defaults.
    pub(super) read: fn(Row) -> Result<Map<String, Value>, Error>,
}

impl RowSchema {
    /// Returns the schema of a resource.
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

    /// Returns the reason if an expression must never write an attribute.
    pub fn refusal_of(&self, attribute: &str) -> Option<String> {
        if [VERSION, UPDATED_AT, WRITE_ID, WRITTEN_BY].contains(&attribute) {
            return Some(format!("writes `{attribute}`, which every write sets by itself: leave it out"));
        }
        if [ID, CREATED_AT, TENANT].contains(&attribute) {
            return Some(format!("writes `{attribute}`, which never changes: leave it out"));
        }
        (attribute == LIST_SHARD).then(|| computed(attribute))
    }

    /// Returns the reason if an expression must not write an attribute as the resource is declared now.
    ///
    /// A later version can declare the attribute that an applied migration wrote, so only a record to change is refused.
    pub fn conflict_of(&self, attribute: &str) -> Option<String> {
        if self.guarded().any(|field| field == attribute) {
            return Some(format!("writes `{attribute}`, which is unique or refers to a record: change it by the API"));
        }
        if self.filters.iter().any(|filter| filter_attribute(filter) == attribute) {
            return Some(computed(attribute));
        }
        let is_filter = self.filters.iter().any(|filter| filter.field == attribute);
        is_filter
            .then(|| format!("writes `{attribute}`, which an index is made of: use a transform, which updates both"))
    }

    /// Returns the fields that other rows depend on.
    fn guarded(&self) -> impl Iterator<Item = &'static str> {
        let references = self.references.iter().map(|reference| reference.field);
        self.unique.iter().map(|unique| unique.field).chain(references)
    }

    /// Returns the record in a row as JSON, without the attributes that the store adds.
    pub(super) fn fields_of(&self, row: &Row) -> Map<String, Value> {
        let is_ours = |name: &str| {
            OWN_ATTRIBUTES.contains(&name) || self.filters.iter().any(|filter| filter_attribute(filter) == name)
        };
        let fields = row.iter().filter(|(name, _)| !is_ours(name));
        fields.filter_map(|(name, value)| Some((name.clone(), json(value)?))).collect()
    }

    /// Returns the index attributes of a record with these fields.
    pub(super) fn keys(
        &self,
        id: Uuid,
        tenant: Option<&str>,
        fields: &Map<String, Value>,
    ) -> Vec<(String, Option<AttributeValue>)> {
        let keys = self.filters.iter().map(|filter| {
            let key = index_key(filter, id, fields.get(filter.field), tenant);
            (filter_attribute(filter), key)
        });
        let list = (LIST_SHARD.to_owned(), Some(string(list_key(shard(id, self.list_shards), tenant))));
        std::iter::once(list).chain(keys).collect()
    }

    /// Checks that a change keeps the protected fields.
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
        // A change that normalizes to the same value does not affect the row of the unique value.
        let uniques = self.unique.iter().map(|unique| (unique.field, unique.normalization));
        let references = self.references.iter().map(|reference| (reference.field, Normalization::None));
        match uniques.chain(references).find(|(field, normalization)| !is_same(field, *normalization)) {
            Some((field, _)) => Err(format!("the transform changes `{field}`, which other rows depend on")),
            None => Ok(()),
        }
    }
}

fn computed(attribute: &str) -> String {
    format!("writes `{attribute}`, which is computed from the record: use a transform, as `rekey`")
}

/// Converts an attribute to JSON if possible. Sets become arrays.
pub(super) fn json(value: &AttributeValue) -> Option<Value> {
    serde_dynamo::from_attribute_value(value.clone()).ok()
}
