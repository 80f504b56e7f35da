//! The update expression of an edit.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::row::{ID, UPDATED_AT, VERSION, WRITE_ID, WRITTEN_BY, filter_attribute, index_key, number, string};
use crate::record::{Precondition, Record, Resource, format_time};

/// A write: which, when and whose.
pub struct Write<'a> {
    /// An id no other write has.
    pub id: &'a str,
    /// The record's new `updatedAt`.
    pub time: DateTime<Utc>,
    /// Who writes, where that is known.
    pub writer: Option<&'a str>,
}

/// An update expression with its condition, names and values.
#[derive(Default)]
pub struct Expression {
    set: Vec<String>,
    remove: Vec<String>,
    conditions: Vec<String>,
    /// The attribute names behind the placeholders.
    pub names: HashMap<String, String>,
    /// The values behind the placeholders.
    pub values: HashMap<String, AttributeValue>,
}

impl Expression {
    /// Sets and removes fields, and what is derived from them, as one write of a record.
    pub fn write<R: Resource>(id: Uuid, fields: &Map<String, Value>, write: &Write) -> Self {
        let mut expression = Self::default();
        let version = expression.name(VERSION);
        let one = expression.value(number(1));
        expression.set.push(format!("{version} = {version} + {one}"));
        expression.assign(UPDATED_AT, Some(string(format_time(&write.time))));
        expression.assign(WRITE_ID, Some(string(write.id)));
        expression.assign(WRITTEN_BY, write.writer.map(string));
        for (field, value) in fields {
            let attribute = (!value.is_null()).then(|| serde_dynamo::to_attribute_value(value).expect("it is JSON"));
            expression.assign(field, attribute);
        }
        for filter in R::FILTERS {
            if let Some(value) = fields.get(filter.field) {
                expression.assign(&filter_attribute(filter), index_key(filter, id, Some(value)));
            }
        }
        expression
    }

    fn assign(&mut self, attribute: &str, value: Option<AttributeValue>) {
        let name = self.name(attribute);
        match value {
            Some(value) => {
                let value = self.value(value);
                self.set.push(format!("{name} = {value}"));
            }
            None => self.remove.push(name),
        }
    }

    /// Requires that the record exists with a version the precondition allows.
    pub fn require(mut self, precondition: &Precondition) -> Self {
        let id = self.name(ID);
        self.conditions.push(format!("attribute_exists({id})"));
        match precondition {
            Precondition::Exists => {}
            // Never true, but still told apart from a record that is not there by the row DynamoDB returns.
            Precondition::VersionIn(versions) if versions.is_empty() => {
                self.conditions.push(format!("attribute_not_exists({id})"));
            }
            Precondition::VersionIn(versions) => {
                let version = self.name(VERSION);
                let allowed: Vec<_> = versions.iter().map(|version| self.value(number(version))).collect();
                self.conditions.push(format!("{version} IN ({})", allowed.join(", ")));
            }
        }
        self
    }

    /// Requires that a field has this value already; null requires that it has none.
    pub fn require_unchanged(&mut self, field: &str, value: &Value) {
        let name = self.name(field);
        if value.is_null() {
            self.conditions.push(format!("attribute_not_exists({name})"));
        } else {
            let value = self.value(serde_dynamo::to_attribute_value(value).expect("it is JSON"));
            self.conditions.push(format!("{name} = {value}"));
        }
    }

    /// The update expression.
    pub fn update(&self) -> String {
        let set = format!("SET {}", self.set.join(", "));
        if self.remove.is_empty() { set } else { format!("{set} REMOVE {}", self.remove.join(", ")) }
    }

    /// The condition expression.
    pub fn condition(&self) -> String {
        self.conditions.join(" AND ")
    }

    fn name(&mut self, attribute: &str) -> String {
        if let Some((placeholder, _)) = self.names.iter().find(|(_, name)| *name == attribute) {
            return placeholder.clone();
        }
        let placeholder = format!("#n{}", self.names.len());
        self.names.insert(placeholder.clone(), attribute.to_owned());
        placeholder
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }
}

/// Requires the version a record was read with.
pub fn version_of<R>(record: &Record<R>) -> Precondition {
    Precondition::VersionIn(vec![record.version])
}
