//! The bodies of the collection's requests: examples, with variables for unique values and references.

use serde_json::{Map, Value};

use crate::{
    operations::{Collection, schema},
    record::Unique,
};

/// Returns a body with every field. `suffix` distinguishes the records of a collection.
pub fn body(collection: &Collection, suffix: &str) -> Map<String, Value> {
    let mut body = collection.example.as_object().cloned().unwrap_or_default();
    for reference in collection.references {
        body.insert(reference.field.into(), placeholder(&variable(collection, "", reference.field)));
    }
    for unique in collection.unique.iter().filter(|unique| fresh_value(collection, unique).is_some()) {
        body.insert(unique.field.into(), placeholder(&variable(collection, suffix, unique.field)));
    }
    body
}

/// Returns a body without optional references.
pub fn plain_body(collection: &Collection, suffix: &str) -> Map<String, Value> {
    let mut body = body(collection, suffix);
    body.retain(|field, _| {
        is_required(collection, field) || collection.references.iter().all(|reference| reference.field != field)
    });
    body
}

/// Returns the name of the variable with a field's value.
pub fn variable(collection: &Collection, suffix: &str, field: &str) -> String {
    format!("{}{suffix}_{field}", collection.name)
}

/// Returns the placeholder of a variable.
pub fn placeholder(variable: &str) -> Value {
    format!("{{{{{variable}}}}}").into()
}

/// Returns the script lines that set a new value for each unique field of a record.
pub fn fresh_values(collection: &Collection, suffix: &str) -> String {
    let line = |unique: &Unique| {
        let (name, template) = (variable(collection, suffix, unique.field), fresh_value(collection, unique)?);
        Some(format!(r#"pm.collectionVariables.set("{name}", pm.variables.replaceIn("{template}"));"#))
    };
    collection.unique.iter().filter_map(line).collect::<Vec<_>>().join("\n")
}

/// Returns true if every unique field can get a new value, so that a second record can be created.
pub fn can_repeat(collection: &Collection) -> bool {
    collection.unique.iter().all(|unique| fresh_value(collection, unique).is_some())
}

/// Returns a template of new values for a unique field, if its schema allows a generated value.
fn fresh_value(collection: &Collection, unique: &Unique) -> Option<&'static str> {
    let schema = schema::field(collection, unique.field);
    let is_text = schema["type"] == "string" && schema.get("pattern").is_none() && schema.get("enum").is_none();
    match schema["format"].as_str() {
        Some("email") => Some("{{$guid}}@example.com"),
        None if is_text && schema["maxLength"].as_u64().is_none_or(|length| length >= 36) => Some("{{$guid}}"),
        _ => None,
    }
}

/// Returns true if a field is required.
pub fn is_required(collection: &Collection, field: &str) -> bool {
    schema::required(&collection.schema).contains(&field)
}

/// Returns a nullable field.
pub fn nullable_field(collection: &Collection) -> Option<String> {
    let whole = schema::whole(collection);
    let is_free = |name: &str| collection.references.iter().all(|reference| reference.field != name);
    schema::properties(&whole)
        .find(|(name, field)| schema::is_nullable(field) && is_free(name))
        .map(|(name, _)| name.clone())
}

/// Returns a required field that is neither unique nor a reference.
pub fn plain_required_field(collection: &Collection) -> Option<&str> {
    let is_bound = |name: &str| {
        collection.unique.iter().any(|unique| unique.field == name)
            || collection.references.iter().any(|reference| reference.field == name)
    };
    schema::required(&collection.schema).into_iter().find(|name| !is_bound(name))
}
