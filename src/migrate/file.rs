//! A migration as its file says it: which records, and what becomes of them.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{
    Failure,
    expression::{Clauses, clauses, placeholders, raw},
    migrations::TRANSFORMS,
};
use crate::{
    operations::shapes,
    store::{Raw, Shape},
};

/// What DynamoDB says of an expression that is not one.
const UNREADABLE: [&str; 3] = ["Invalid ConditionExpression", "Invalid FilterExpression", "Invalid UpdateExpression"];

/// A record as JSON: its fields, its `id`, `version`, `createdAt` and `updatedAt`.
pub type Fields = Map<String, Value>;

/// A pure function from record to record; an error is the reason why this record cannot be changed.
///
/// What it makes of its own result must be that result.
pub type Transform = fn(Fields) -> Result<Fields, String>;

/// A migration.
#[derive(Clone)]
pub struct Migration {
    /// Its number, from 1.
    pub number: u32,
    /// Its name, as in the file's: `items_default_currency`.
    pub name: String,
    /// The SHA-256 of the file.
    pub checksum: String,
    /// What of the table a change must know.
    pub shape: Shape,
    /// What it is for.
    pub description: String,
    /// Which records it is about.
    pub filter: Raw,
    /// What it does to them.
    pub change: Change,
}

/// What becomes of a record.
#[derive(Clone)]
pub enum Change {
    /// What an update expression says.
    Expression {
        /// Its clauses.
        clauses: Clauses,
        /// Its names and values.
        used: Raw,
    },
    /// What a function makes of it.
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
    /// Reads a file, by its name and content.
    ///
    /// # Errors
    /// Every fault found, each with what to do.
    pub fn parse(file: &str, content: &str) -> Result<Self, Vec<String>> {
        let (number, name) = number_and_name(file)
            .ok_or_else(|| vec![format!("{file}: is not named as a migration: call it as 0007_what_it_does.toml")])?;
        let named = |faults: Vec<String>| -> Vec<String> {
            faults.into_iter().map(|fault| format!("{file}: {fault}")).collect()
        };
        let document = read(file, content).map_err(|fault| named(vec![fault]))?;
        let shape = shape_of(&document.table).map_err(|fault| named(vec![fault]))?;
        let (filter, change) = document.check(&shape).map_err(named)?;
        let checksum = checksum(content);
        Ok(Self { number, name, checksum, shape, description: document.description, filter, change })
    }

    /// The file's name without its kind: `0002_items_list_shards`.
    pub fn title(&self) -> String {
        format!("{:04}_{}", self.number, self.name)
    }

    /// What stops a run where DynamoDB refuses a write for what the file says, whatever the record.
    ///
    /// The update of a transform is made from its record: there it is that record's affair.
    pub(super) fn write_failure(&self, reason: &str) -> Option<Failure> {
        let is_expression = matches!(self.change, Change::Expression { .. });
        self.fault(reason).filter(|_| is_expression)
    }

    /// What stops a run where a read failed: the filter's fault, or the failure.
    pub(super) fn read_failure(&self, failure: Failure) -> Failure {
        let cause = if let Failure::Store(error) = &failure { error.cause() } else { None };
        cause.and_then(|cause| self.fault(&cause)).unwrap_or(failure)
    }

    fn fault(&self, reason: &str) -> Option<Failure> {
        let is_unreadable = UNREADABLE.iter().any(|known| reason.contains(known));
        is_unreadable.then(|| Failure::Refused(vec![format!("{}: DynamoDB cannot read it: {reason}", self.title())]))
    }
}

impl Document {
    fn check(&self, shape: &Shape) -> Result<(Raw, Change), Vec<String>> {
        let mut faults = self.check_placeholders();
        let mut keep = |outcome: Result<_, String>, part: &str| {
            outcome.map_err(|fault| faults.push(format!("`{part}` {fault}"))).ok()
        };
        let filter = keep(raw(&self.filter, &self.names, &self.values), "filter");
        let used = keep(raw(self.update.as_deref().unwrap_or_default(), &self.names, &self.values), "update");
        let change = match (&self.update, &self.transform) {
            (Some(update), None) => match clauses(update) {
                Ok(clauses) => {
                    let attributes = clauses.attributes(&self.names);
                    let refused = attributes.iter().filter_map(|attribute| shape.refuses(attribute));
                    faults.extend(refused.map(|fault| format!("`update` {fault}")));
                    used.map(|used| Change::Expression { clauses, used })
                }
                Err(fault) => {
                    faults.push(format!("`update` {fault}"));
                    None
                }
            },
            (None, Some(name)) => match TRANSFORMS.iter().find(|(known, _)| known == name) {
                Some((_, transform)) => Some(Change::Transform(*transform)),
                None => {
                    faults.push(format!("the transform `{name}` is not in migrations/mod.rs: add it there"));
                    None
                }
            },
            _ => {
                faults.push("needs either `update` or `transform`, and not both".into());
                None
            }
        };
        match (filter, change) {
            (Some(filter), Some(change)) if faults.is_empty() => Ok((filter, change)),
            _ => Err(faults),
        }
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
                faults.push(format!("`{placeholder}` begins with {sign}mg, which the engine's own do: rename it"));
            } else if !used.contains(placeholder.as_str()) {
                faults.push(format!("`{placeholder}` is used nowhere: leave it out"));
            }
        }
        if self.filter.trim().is_empty() {
            faults.push("`filter` is empty: say which records are meant".into());
        }
        if self.description.trim().is_empty() {
            faults.push("`description` is empty: say what it is for".into());
        }
        faults.sort();
        faults
    }
}

fn read(file: &str, content: &str) -> Result<Document, String> {
    if file.ends_with(".json") {
        return serde_json::from_str(content).map_err(|error| format!("cannot be read: {error}"));
    }
    let fault = |error: toml::de::Error| format!("cannot be read: {}", error.message());
    let table: toml::Table = toml::from_str(content).map_err(fault)?;
    table.values().try_for_each(check_value)?;
    table.try_into().map_err(fault)
}

/// Refuses what TOML has and DynamoDB has not.
fn check_value(value: &toml::Value) -> Result<(), String> {
    match value {
        toml::Value::Datetime(date) => Err(format!("`{date}` is a date, which DynamoDB has not: put it in quotes")),
        toml::Value::Float(number) if !number.is_finite() => Err(format!("`{number}` is no number DynamoDB has")),
        toml::Value::Array(values) => values.iter().try_for_each(check_value),
        toml::Value::Table(members) => members.values().try_for_each(check_value),
        _ => Ok(()),
    }
}

fn shape_of(table: &str) -> Result<Shape, String> {
    let shapes = shapes();
    let known = shapes.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" or ");
    let found = shapes.into_iter().find(|(name, _)| *name == table);
    found.map(|(_, shape)| shape).ok_or_else(|| format!("there is no table `{table}`: it is {known}"))
}

/// `0002_items_list_shards.toml` → 2, `items_list_shards`.
fn number_and_name(file: &str) -> Option<(u32, String)> {
    let stem = file.strip_suffix(".toml").or_else(|| file.strip_suffix(".json"))?;
    let (number, name) = stem.split_once('_')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let is_number = number.len() == 4 && number.chars().all(|digit| digit.is_ascii_digit());
    let number = number.parse().ok().filter(|number| is_number && is_name && *number > 0)?;
    Some((number, name.to_owned()))
}

/// The same whatever a checkout makes of line ends.
fn checksum(content: &str) -> String {
    hex::encode(Sha256::digest(content.replace("\r\n", "\n")))
}
