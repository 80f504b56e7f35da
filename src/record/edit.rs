//! Edits of a record and their preconditions.

use serde::Serialize;
use serde_json::{Map, Value};

use super::Resource;

/// A precondition on the version of a record (`If-Match`, RFC 9110 §13.1.1).
#[derive(Clone, Debug, PartialEq)]
pub enum Precondition {
    /// The record exists, whatever its version.
    Exists,
    /// The record's version is one of these. An empty list never matches.
    VersionIn(Vec<u64>),
}

impl Precondition {
    /// Returns true if a record at `version` satisfies the precondition.
    pub fn holds(&self, version: u64) -> bool {
        match self {
            Self::Exists => true,
            Self::VersionIn(versions) => versions.contains(&version),
        }
    }
}

/// A validated change to a record.
#[derive(Clone, Debug)]
pub enum Edit<R> {
    /// Replaces all fields. Absent fields are removed (PUT).
    Replace(R),
    /// Changes the fields in a JSON Merge Patch (PATCH, RFC 7396).
    Merge {
        /// The patch. Each of its fields is valid on its own.
        patch: Map<String, Value>,
        /// A valid resource with the patch merged in.
        values: R,
    },
}

impl<R: Resource> Edit<R> {
    /// Returns true if the patch contains objects, which must be merged with the stored record.
    pub fn is_nested(&self) -> bool {
        matches!(self, Self::Merge { patch, .. } if patch.values().any(Value::is_object))
    }

    /// Returns the fields in the edit with their values in `resource`, and null for absent ones.
    pub fn fields_of(&self, resource: &R) -> Map<String, Value> {
        let mut values = to_object(resource);
        let mut take = |name: String| {
            let value = values.remove(&name).unwrap_or(Value::Null);
            (name, value)
        };
        match self {
            Self::Replace(_) => fields::<R>().into_iter().map(take).collect(),
            Self::Merge { patch, .. } => patch.keys().cloned().map(&mut take).collect(),
        }
    }

    /// Returns the values of the edit's fields. They are final only if the edit is not nested.
    pub fn values(&self) -> &R {
        match self {
            Self::Replace(resource) => resource,
            Self::Merge { values, .. } => values,
        }
    }

    /// Returns the resource after the edit, or `None` if it violates a rule across fields.
    pub fn apply(&self, resource: &R) -> Option<R> {
        match self {
            Self::Replace(resource) => Some(resource.clone()),
            Self::Merge { patch, .. } => {
                let mut merged = Value::Object(to_object(resource));
                merge_patch(&mut merged, &Value::Object(patch.clone()));
                serde_json::from_value(merged).ok().filter(|merged: &R| merged.validate().is_ok())
            }
        }
    }
}

/// Applies a JSON Merge Patch (RFC 7396 §2).
///
/// ```
/// use serde_json::json;
/// use serverless_crud::record::merge_patch;
///
/// let mut order = json!({ "note": "by hand", "tags": ["a", "b"], "address": { "city": "Bern", "zip": "3011" } });
/// merge_patch(&mut order, &json!({ "note": null, "tags": ["c"], "address": { "zip": "3012" } }));
/// assert_eq!(order, json!({ "tags": ["c"], "address": { "city": "Bern", "zip": "3012" } }));
/// ```
pub fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let members = target.as_object_mut().expect("the target is an object, see above");
    for (name, value) in patch {
        if value.is_null() {
            members.remove(name);
        } else {
            merge_patch(members.entry(name.as_str()).or_insert(Value::Null), value);
        }
    }
}

/// Returns the JSON names of all fields of a resource.
pub fn fields<R: Resource>() -> Vec<String> {
    to_object(&R::example()).into_iter().map(|(name, _)| name).collect()
}

/// Converts a resource to a JSON object.
pub fn to_object(resource: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(resource) {
        Ok(Value::Object(object)) => object,
        _ => unreachable!("a resource is a struct of JSON values"),
    }
}
