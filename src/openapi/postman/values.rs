//! The bodies the collection sends: examples, with variables where a value must be new or name a record.

use serde_json::{Map, Value};

use crate::{
    operations::{Collection, schema},
    record::Unique,
};

/// A body with every field; `who` tells the records of a collection apart.
pub fn body(collection: &Collection, who: &str) -> Map<String, Value> {
    let mut body = collection.example.as_object().cloned().unwrap_or_default();
    for reference in collection.references {
        body.insert(reference.field.into(), placeholder(&variable(collection, "", reference.field)));
    }
    for unique in collection.unique.iter().filter(|unique| fresh_value(collection, unique).is_some()) {
        body.insert(unique.field.into(), placeholder(&variable(collection, who, unique.field)));
    }
    body
}

/// A body without the references it can do without.
pub fn plain_body(collection: &Collection, who: &str) -> Map<String, Value> {
    let mut body = body(collection, who);
    body.retain(|field, _| {
        is_required(collection, field) || collection.references.iter().all(|reference| reference.field != field)
    });
    body
}

/// The name of the variable that holds a field's value.
pub fn variable(collection: &Collection, who: &str, field: &str) -> String {
    format!("{}{who}_{field}", collection.name)
}

/// The use of a variable.
pub fn placeholder(variable: &str) -> Value {
    format!("{{{{{variable}}}}}").into()
}

/// The lines that give each unique field of a record a new value.
pub fn fresh_values(collection: &Collection, who: &str) -> String {
    let line = |unique: &Unique| {
        let (name, template) = (variable(collection, who, unique.field), fresh_value(collection, unique)?);
        Some(format!(r#"pm.collectionVariables.set("{name}", pm.variables.replaceIn("{template}"));"#))
    };
    collection.unique.iter().filter_map(line).collect::<Vec<_>>().join("\n")
}

/// Whether every unique field can get a new value, so that there can be a second record.
pub fn can_repeat(collection: &Collection) -> bool {
    collection.unique.iter().all(|unique| fresh_value(collection, unique).is_some())
}

/// A template of new values for a unique field, where its schema is known well enough to write one.
fn fresh_value(collection: &Collection, unique: &Unique) -> Option<&'static str> {
    let schema = schema::field(collection, unique.field);
    let is_text = schema["type"] == "string" && schema.get("pattern").is_none() && schema.get("enum").is_none();
    match schema["format"].as_str() {
        Some("email") => Some("{{$guid}}@example.com"),
        None if is_text && schema["maxLength"].as_u64().is_none_or(|length| length >= 36) => Some("{{$guid}}"),
        _ => None,
    }
}

/// Whether a field must be there.
pub fn is_required(collection: &Collection, field: &str) -> bool {
    schema::required(&collection.schema).contains(&field)
}

/// A field that can be null.
pub fn nullable_field(collection: &Collection) -> Option<String> {
    let whole = schema::whole(collection);
    let is_free = |name: &str| collection.references.iter().all(|reference| reference.field != name);
    schema::properties(&whole)
        .find(|(name, field)| schema::is_nullable(field) && is_free(name))
        .map(|(name, _)| name.clone())
}

/// A field that must be there and is neither unique nor a reference.
pub fn plain_required_field(collection: &Collection) -> Option<&str> {
    let is_bound = |name: &str| {
        collection.unique.iter().any(|unique| unique.field == name)
            || collection.references.iter().any(|reference| reference.field == name)
    };
    schema::required(&collection.schema).into_iter().find(|name| !is_bound(name))
}
