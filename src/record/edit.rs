//! Changes to a record: what they require of it, and what they make of it.

use serde_json::{Map, Value};

use super::Resource;

/// What a write requires of the record's version (`If-Match`, RFC 9110 §13.1.1).
#[derive(Clone, Debug, PartialEq)]
pub enum Precondition {
    /// The record exists, whatever its version.
    Exists,
    /// The record's version is one of these. None at all can match when the list is empty.
    VersionIn(Vec<u64>),
}

impl Precondition {
    /// Whether a record at `version` satisfies it.
    pub fn holds(&self, version: u64) -> bool {
        match self {
            Self::Exists => true,
            Self::VersionIn(versions) => versions.contains(&version),
        }
    }
}

/// A checked change to a record.
#[derive(Clone, Debug)]
pub enum Edit<R> {
    /// Every field takes the value it has here; the ones left out are removed (PUT).
    Replace(R),
    /// The fields a JSON Merge Patch names change (PATCH, RFC 7396).
    Merge {
        /// The patch; each of its fields is valid on its own.
        patch: Map<String, Value>,
        /// A valid resource with the patch merged in.
        values: R,
    },
}

impl<R: Resource> Edit<R> {
    /// Whether the edit names objects, whose members only a merge with the stored record can settle.
    pub fn is_nested(&self) -> bool {
        matches!(self, Self::Merge { patch, .. } if patch.values().any(Value::is_object))
    }

    /// The fields the edit names with the values `resource` has, null for those it leaves out.
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

    /// The values the edit gives its fields, where none of them is an object.
    pub fn values(&self) -> &R {
        match self {
            Self::Replace(resource) => resource,
            Self::Merge { values, .. } => values,
        }
    }

    /// The resource after the edit, if it is a valid one: only a rule across fields can make it otherwise.
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
pub fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let members = target.as_object_mut().expect("it was made an object above");
    for (name, value) in patch {
        if value.is_null() {
            members.remove(name);
        } else {
            merge_patch(members.entry(name.as_str()).or_insert(Value::Null), value);
        }
    }
}

/// The JSON names of all the fields of a resource.
pub fn fields<R: Resource>() -> Vec<String> {
    to_object(&R::example()).into_iter().map(|(name, _)| name).collect()
}

/// A resource as a JSON object.
pub fn to_object<R: Resource>(resource: &R) -> Map<String, Value> {
    match serde_json::to_value(resource) {
        Ok(Value::Object(object)) => object,
        _ => unreachable!("a resource is a struct of JSON values"),
    }
}
