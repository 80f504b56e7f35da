//! The two dialects schemas are published in: OpenAPI 3.0's, and the draft 4 of API Gateway's models.

use serde_json::{Map, Value, json};

use crate::operations::schema::walk;

/// What an id looks like to a reader that ignores formats: RFC 9562 §4, as `record::parse_id` reads it.
const UUID: &str = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";

/// Keywords that inform people and say nothing about what is valid.
const ANNOTATIONS: [&str; 3] = ["default", "description", "examples"];

/// A schema as OpenAPI 3.0 writes it: `nullable` instead of a type, and formats it knows.
pub fn openapi(mut schema: Value) -> Value {
    walk(&mut schema, &mut |members| {
        let is_nullable = split_null(members);
        if is_nullable {
            members.insert("nullable".into(), true.into());
            extend_enum(members);
        }
        let is_known = |format: &str| !format.starts_with("uint") && !matches!(format, "int8" | "int16");
        members.retain(|keyword, value| keyword != "format" || value.as_str().is_some_and(is_known));
        exclusive_bounds(members);
        if let Some(constant) = members.remove("const") {
            members.insert("enum".into(), json!([constant]));
        }
    });
    schema
}

/// A schema as API Gateway's models read it: draft 4, no annotations, ids as a pattern, since it ignores formats.
pub fn draft4(mut schema: Value) -> Value {
    walk(&mut schema, &mut |members| {
        if members.remove("format") == Some(json!("uuid")) {
            members.insert("pattern".into(), UUID.into());
        }
        for annotation in ANNOTATIONS {
            members.remove(annotation);
        }
        exclusive_bounds(members);
        if let Some(constant) = members.remove("const") {
            members.insert("enum".into(), json!([constant]));
        }
        split_nullable_enum(members);
    });
    schema["$schema"] = "http://json-schema.org/draft-04/schema#".into();
    schema
}

/// A schema as Postman's validator reads it (draft 7): formats are for strings alone, no annotations.
pub fn draft7(mut schema: Value) -> Value {
    walk(&mut schema, &mut |members| {
        let is_text = members.get("type").is_some_and(|kind| kind == "string" || kind[0] == "string");
        members.retain(|keyword, _| keyword != "format" || is_text);
        for annotation in ANNOTATIONS {
            members.remove(annotation);
        }
    });
    schema
}

/// Takes null out of the types; whether it was there.
fn split_null(members: &mut Map<String, Value>) -> bool {
    let Some(Value::Array(kinds)) = members.get("type") else { return false };
    let kind = kinds.first().cloned().unwrap_or_default();
    members.insert("type".into(), kind).is_some()
}

/// Allows null beside an enum, whose values must name it otherwise: CloudFormation refuses a template that has a null
/// anywhere (aws-cloudformation/cloudformation-coverage-roadmap#1378).
fn split_nullable_enum(members: &mut Map<String, Value>) {
    if members.contains_key("enum") && split_null(members) {
        let values = Value::Object(std::mem::take(members));
        members.insert("anyOf".into(), json!([values, { "type": "null" }]));
    }
}

/// An enum must name null to allow it, whatever the type says.
fn extend_enum(members: &mut Map<String, Value>) {
    if let Some(Value::Array(values)) = members.get_mut("enum") {
        values.push(Value::Null);
    }
}

/// Both dialects write an exclusive bound as a flag beside the bound.
fn exclusive_bounds(members: &mut Map<String, Value>) {
    for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if let Some(value) = members.get(exclusive).filter(|value| value.is_number()).cloned() {
            members.insert(bound.into(), value);
            members.insert(exclusive.into(), true.into());
        }
    }
}
