//! The description of a resource for the contract, independent of its Rust type.

use serde_json::Value;

use super::schema;
use crate::{
    record::{Filter, Reference, Resource, Unique, to_object},
    store::{IndexDefinition, resource_table},
};

/// The description of a resource.
pub struct Collection {
    /// The plural name.
    pub name: &'static str,
    /// The singular name.
    pub singular: &'static str,
    /// The resource as a JSON Schema (draft 2020-12), with everything it refers to inlined.
    pub schema: Value,
    /// A valid resource with every field.
    pub example: Value,
    /// The list's filters.
    pub filters: &'static [Filter],
    /// The fields with unique values.
    pub unique: &'static [Unique],
    /// The fields that refer to other records.
    pub references: &'static [Reference],
    /// The indexes of its table.
    pub indexes: Vec<IndexDefinition>,
}

impl Collection {
    /// Describes a resource. This generates its schema, which only the contract needs.
    pub fn of<R: Resource>() -> Self {
        Self {
            name: R::COLLECTION,
            singular: R::NAME,
            schema: schema::generated::<R>(),
            example: to_object(&R::example()).into(),
            filters: R::FILTERS,
            unique: R::UNIQUE,
            references: R::REFERENCES,
            indexes: resource_table::<R>().indexes,
        }
    }

    /// Returns the path of the list.
    pub fn path(&self) -> String {
        format!("/v1/{}", self.name)
    }

    /// Returns the name of a record's schema, such as `Item`.
    pub fn record_name(&self) -> String {
        pascal_case(self.singular)
    }
}

/// Converts a name to the case of schemas and models: `items_create` becomes `ItemsCreate`.
pub fn pascal_case(name: &str) -> String {
    name.split('_').fold(String::new(), |text, word| {
        let mut letters = word.chars();
        let initial = letters.next().map(|letter| letter.to_ascii_uppercase());
        text + &initial.into_iter().chain(letters).collect::<String>()
    })
}
