//! Update expressions with their conditions.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::row::{ID, UPDATED_AT, VERSION, WRITE_ID, WRITTEN_BY, filter_attribute, index_key, number, string};
use crate::{
    access::Condition,
    record::{Precondition, Record, Resource, format_time},
};

/// The identity of a write: its id, time and writer.
pub struct Write<'a> {
    /// The unique id of the write.
    pub id: &'a str,
    /// The record's new `updatedAt`.
    pub time: DateTime<Utc>,
    /// The principal that writes, if known.
    pub writer: Option<&'a str>,
    /// The tenant of the record, if the resource has tenants.
    pub tenant: Option<&'a str>,
}

/// An update expression with its condition, names and values.
#[derive(Default)]
pub struct Expression {
    set: Vec<String>,
    remove: Vec<String>,
    conditions: Vec<String>,
    /// The attribute names of the placeholders.
    pub names: HashMap<String, String>,
    /// The values of the placeholders.
    pub values: HashMap<String, AttributeValue>,
}

impl Expression {
    /// Creates the expression of a write that sets and removes fields and the index attributes derived from them.
    pub fn write<R: Resource>(id: Uuid, fields: &Map<String, Value>, write: &Write) -> Self {
        let mut expression = Self::default();
        let version = expression.name(VERSION);
        let one = expression.value(number(1));
        expression.set.push(format!("{version} = {version} + {one}"));
        expression.assign(UPDATED_AT, Some(string(format_time(&write.time))));
        expression.assign(WRITE_ID, Some(string(write.id)));
        expression.assign(WRITTEN_BY, write.writer.map(string));
        for (field, value) in fields {
            let attribute = (!value.is_null())
                .then(|| serde_dynamo::to_attribute_value(value).expect("JSON values convert to attributes"));
            expression.assign(field, attribute);
        }
        for filter in R::FILTERS {
            if let Some(value) = fields.get(filter.field) {
                expression.assign(&filter_attribute(filter), index_key(filter, id, Some(value), write.tenant));
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

    /// Requires that the record exists and its version satisfies the precondition.
    pub fn require(mut self, precondition: &Precondition) -> Self {
        let id = self.name(ID);
        self.conditions.push(format!("attribute_exists({id})"));
        match precondition {
            Precondition::Exists => {}
            // Always false. The row that DynamoDB returns still distinguishes it from a missing record.
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

    /// Requires that a field already has this value. Null requires that the field is absent.
    pub fn require_unchanged(&mut self, field: &str, value: &Value) {
        let condition = self.unchanged(field, value);
        self.conditions.push(condition);
    }

    /// Requires that a field already has this value, unless the record satisfies `condition`.
    pub fn require_unchanged_unless(&mut self, condition: &Condition, field: &str, value: &Value) {
        let unchanged = self.unchanged(field, value);
        let condition = match self.disjunction(condition) {
            Some(other) => format!("({unchanged} OR {other})"),
            None => unchanged,
        };
        self.conditions.push(condition);
    }

    /// Requires that the record satisfies the condition of an access rule.
    pub fn require_access(mut self, condition: &Condition) -> Self {
        // DynamoDB refuses redundant parentheses.
        let is_single = matches!(condition, Condition::Where(conjunctions) if conjunctions.len() == 1);
        let text = self.disjunction(condition).map(|text| if is_single { text } else { format!("({text})") });
        self.conditions.extend(text);
        self
    }

    fn unchanged(&mut self, field: &str, value: &Value) -> String {
        let name = self.name(field);
        if value.is_null() {
            return format!("attribute_not_exists({name})");
        }
        let value = self.value(serde_dynamo::to_attribute_value(value).expect("JSON values convert to attributes"));
        format!("{name} = {value}")
    }

    /// Returns the text of a condition that depends on the record. `AND` precedes `OR` (DynamoDB developer guide,
    /// "Condition and filter expressions, operators, and functions").
    fn disjunction(&mut self, condition: &Condition) -> Option<String> {
        let Condition::Where(conjunctions) = condition else { return None };
        let mut texts = Vec::new();
        for predicates in conjunctions {
            let mut parts = Vec::new();
            for predicate in predicates {
                let (name, value) = (self.name(predicate.attribute), self.value(string(predicate.value)));
                parts.push(format!("{name} = {value}"));
            }
            texts.push(parts.join(" AND "));
        }
        Some(texts.join(" OR "))
    }

    /// Returns the text of the update expression.
    pub fn update(&self) -> String {
        let set = format!("SET {}", self.set.join(", "));
        if self.remove.is_empty() { set } else { format!("{set} REMOVE {}", self.remove.join(", ")) }
    }

    /// Returns the text of the condition expression.
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

/// Returns the precondition that the record still has this version.
pub fn same_version_as<R>(record: &Record<R>) -> Precondition {
    Precondition::VersionIn(vec![record.version])
}
