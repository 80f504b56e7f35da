//! The description of a resource for the contract, independent of its Rust type.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

use crate::{
    access::{FieldAccess, Rule},
    record::{Filter, Reference, Resource, Unique, to_object},
    store::{IndexDefinition, resource_table, unindexed_reads},
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
    /// The fields that only some may read or change.
    pub protected: &'static [FieldAccess],
    /// The conjunctions of the read rule that no index serves. The contract refuses them.
    pub unindexed_reads: Vec<Vec<&'static str>>,
    /// The indexes of its table.
    pub indexes: Vec<IndexDefinition>,
}

impl Collection {
    /// Describes a resource. This generates its schema, which only the contract needs.
    pub fn of<R: Resource>() -> Self {
        Self {
            name: R::COLLECTION,
            singular: R::NAME,
            schema: generated_schema::<R>(),
            example: to_object(&R::example()).into(),
            filters: R::FILTERS,
            unique: R::UNIQUE,
            references: R::REFERENCES,
            protected: R::PROTECTED,
            unindexed_reads: unindexed_reads::<R>(),
            indexes: resource_table::<R>().indexes,
        }
    }

    /// Returns true if responses can lack a field, since only some may read it.
    pub fn may_hide(&self, field: &str) -> bool {
        self.protected.iter().any(|protected| protected.field == field && protected.read != Rule::Public)
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

/// Returns the schema of a type as schemars generates it, with everything it refers to inlined.
pub fn generated_schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Converts a name to the case of schemas and models: `items_create` becomes `ItemsCreate`.
pub fn pascal_case(name: &str) -> String {
    name.split('_').fold(String::new(), |text, word| {
        let mut letters = word.chars();
        let initial = letters.next().map(|letter| letter.to_ascii_uppercase());
        text + &initial.into_iter().chain(letters).collect::<String>()
    })
}
