//! A migration file: the records it selects and the change it makes.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    Failure, Transform,
    expression::{Clauses, bind_placeholders, parse_clauses, placeholders},
};
use crate::store::{RawExpression, RowSchema};

/// Prefixes of DynamoDB's messages about an expression it cannot parse.
const UNREADABLE: [&str; 3] = ["Invalid ConditionExpression", "Invalid FilterExpression", "Invalid UpdateExpression"];

/// The transform that every service has: it recomputes the index attributes, as every rewrite does, and nothing else.
const REKEY: (&str, Transform) = ("rekey", Ok);

/// A migration.
#[derive(Clone)]
pub struct Migration {
    /// The number, from 1.
    pub number: u32,
    /// The name, as in the file name: `items_default_currency`.
    pub name: String,
    /// The SHA-256 of the file's content.
    pub checksum: String,
    /// The constraints of the table that a change must respect.
    pub schema: RowSchema,
    /// The purpose.
    pub description: String,
    /// The filter expression that selects the records.
    pub filter: RawExpression,
    /// The change made to each selected record.
    pub change: Change,
    /// The reason why its expression must not change a record, if the resource has declared what it writes.
    pub conflict: Option<String>,
}

/// A change to a record.
#[derive(Clone)]
pub enum Change {
    /// An update expression.
    Expression {
        /// The clauses.
        clauses: Clauses,
        /// The names and values it uses.
        used: RawExpression,
    },
    /// A Rust function.
    Transform(Transform),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    table: String,
    description: String,
    filter: String,
    update: Option<String>,
    transform: Option<String>,
    #[serde(default)]
    names: HashMap<String, String>,
    #[serde(default)]
    values: HashMap<String, Value>,
}

impl Migration {
    /// Parses a file from its name and content. It can name these tables and transforms.
    ///
    /// # Errors
    /// Returns every fault found, each with its remedy.
    pub(super) fn parse(
        file: &str,
        content: &str,
        schemas: &[RowSchema],
        transforms: &[(&str, Transform)],
    ) -> Result<Self, Vec<String>> {
        let (number, name) = parse_file_name(file).ok_or_else(|| {
            vec![format!("{file}: is not a valid migration name: use one like 0007_what_it_does.toml")]
        })?;
        let with_file_name = |faults: Vec<String>| -> Vec<String> {
            faults.into_iter().map(|fault| format!("{file}: {fault}")).collect()
        };
        let document = read(file, content).map_err(|fault| with_file_name(vec![fault]))?;
        let schema = schema_of(schemas, &document.table).map_err(|fault| with_file_name(vec![fault]))?;
        let (filter, change) = document.check(&schema, transforms).map_err(with_file_name)?;
        let conflict = document.conflict(&schema);
        let checksum = checksum(content);
        Ok(Self { number, name, checksum, schema, description: document.description, filter, change, conflict })
    }

    /// Returns the file name without its extension: `0002_items_list_shards`.
    pub fn title(&self) -> String {
        format!("{:04}_{}", self.number, self.name)
    }

    /// Returns the failure that stops the run if DynamoDB refused a write because of the file, not the record.
    ///
    /// A transform's update is built from its record, so there the refusal concerns only that record.
    pub(super) fn write_failure(&self, reason: &str) -> Option<Failure> {
        let is_expression = matches!(self.change, Change::Expression { .. });
        self.fault(reason).filter(|_| is_expression)
    }

    /// Returns the failure that stops the run after a failed read: a fault of the filter, or the failure itself.
    pub(super) fn read_failure(&self, failure: Failure) -> Failure {
        let cause = if let Failure::Store(error) = &failure { error.cause() } else { None };
        cause.and_then(|cause| self.fault(&cause)).unwrap_or(failure)
    }

    fn fault(&self, reason: &str) -> Option<Failure> {
        let is_unreadable = UNREADABLE.iter().any(|prefix| reason.contains(prefix));
        is_unreadable.then(|| Failure::Refused(vec![format!("{}: DynamoDB cannot parse it: {reason}", self.title())]))
    }
}

impl Document {
    fn check(
        &self,
        schema: &RowSchema,
        transforms: &[(&str, Transform)],
    ) -> Result<(RawExpression, Change), Vec<String>> {
        let mut faults = self.check_placeholders();
        let mut collect_fault = |outcome: Result<_, String>, part: &str| {
            outcome.map_err(|fault| faults.push(format!("`{part}` {fault}"))).ok()
        };
        let filter = collect_fault(bind_placeholders(&self.filter, &self.names, &self.values), "filter");
        let used = collect_fault(
            bind_placeholders(self.update.as_deref().unwrap_or_default(), &self.names, &self.values),
            "update",
        );
        let change = match (&self.update, &self.transform) {
            (Some(update), None) => match parse_clauses(update) {
                Ok(clauses) => {
                    let attributes = clauses.attributes(&self.names);
                    let refused = attributes.iter().filter_map(|attribute| schema.refusal_of(attribute));
                    faults.extend(refused.map(|fault| format!("`update` {fault}")));
                    used.map(|used| Change::Expression { clauses, used })
                }
                Err(fault) => {
                    faults.push(format!("`update` {fault}"));
                    None
                }
            },
            (None, Some(name)) => match transforms.iter().chain([&REKEY]).find(|(known, _)| known == name) {
                Some((_, transform)) => Some(Change::Transform(*transform)),
                None => {
                    faults.push(format!("the transform `{name}` is not in migrations/mod.rs: add it there"));
                    None
                }
            },
            _ => {
                faults.push("needs either `update` or `transform`, but not both".into());
                None
            }
        };
        match (filter, change) {
            (Some(filter), Some(change)) if faults.is_empty() => Ok((filter, change)),
            _ => Err(faults),
        }
    }

    fn conflict(&self, schema: &RowSchema) -> Option<String> {
        let attributes = parse_clauses(self.update.as_deref()?).ok()?.attributes(&self.names);
        let reason = attributes.iter().find_map(|attribute| schema.conflict_of(attribute))?;
        Some(format!("`update` {reason}"))
    }

    fn check_placeholders(&self) -> Vec<String> {
        let mut used: HashSet<&str> = placeholders(&self.filter).into_iter().collect();
        used.extend(self.update.iter().flat_map(|update| placeholders(update)));
        let mut faults = Vec::new();
        for (placeholder, sign) in
            self.names.keys().map(|name| (name, '#')).chain(self.values.keys().map(|name| (name, ':')))
        {
            if !placeholder.starts_with(sign) {
                faults.push(format!("`{placeholder}` must begin with {sign}"));
            } else if placeholder[1..].starts_with("mg") {
                faults
                    .push(format!("`{placeholder}` begins with {sign}mg, which is reserved for the engine: rename it"));
            } else if !used.contains(placeholder.as_str()) {
                faults.push(format!("`{placeholder}` is not used: remove it"));
            }
        }
        if self.filter.trim().is_empty() {
            faults.push("`filter` is empty: give an expression that selects the records".into());
        }
        if self.description.trim().is_empty() {
            faults.push("`description` is empty: describe the purpose".into());
        }
        faults.sort();
        faults
    }
}

fn read(file: &str, content: &str) -> Result<Document, String> {
    if file.ends_with(".json") {
        return serde_json::from_str(content).map_err(|error| format!("cannot be parsed: {error}"));
    }
    let fault = |error: toml::de::Error| format!("cannot be parsed: {}", error.message());
    let table: toml::Table = toml::from_str(content).map_err(fault)?;
    table.values().try_for_each(check_value)?;
    table.try_into().map_err(fault)
}

/// Refuses values that TOML has and DynamoDB does not.
fn check_value(value: &toml::Value) -> Result<(), String> {
    match value {
        toml::Value::Datetime(date) => {
            Err(format!("`{date}` is a date, which DynamoDB does not support: put it in quotes"))
        }
        toml::Value::Float(number) if !number.is_finite() => Err(format!("`{number}` is not a valid DynamoDB number")),
        toml::Value::Array(values) => values.iter().try_for_each(check_value),
        toml::Value::Table(members) => members.values().try_for_each(check_value),
        _ => Ok(()),
    }
}

fn schema_of(schemas: &[RowSchema], table: &str) -> Result<RowSchema, String> {
    let known = || schemas.iter().map(|schema| schema.table).collect::<Vec<_>>().join(" or ");
    let found = schemas.iter().find(|schema| schema.table == table).cloned();
    found.ok_or_else(|| format!("there is no table `{table}`: use {}", known()))
}

/// Parses `0002_items_list_shards.toml` into 2 and `items_list_shards`.
fn parse_file_name(file: &str) -> Option<(u32, String)> {
    let stem = file.strip_suffix(".toml").or_else(|| file.strip_suffix(".json"))?;
    let (number, name) = stem.split_once('_')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let is_number = number.len() == 4 && number.chars().all(|digit| digit.is_ascii_digit());
    let number = number.parse().ok().filter(|number| is_number && is_name && *number > 0)?;
    Some((number, name.to_owned()))
}

/// Returns a checksum that does not depend on the line endings of the checkout.
fn checksum(content: &str) -> String {
    hex::encode(Sha256::digest(content.replace("\r\n", "\n")))
}
