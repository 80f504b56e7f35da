//! Converts schemas to the dialects they are published in: OpenAPI 3.0, and the JSON Schema drafts 4 and 7.

use serde_json::{Map, Value, json};

use crate::operations::schema::visit;

/// The pattern of an id, for validators that ignore formats: RFC 9562 §4, as `record::parse_id` parses it.
const UUID: &str = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";

/// Keywords that do not affect validation.
const ANNOTATIONS: [&str; 3] = ["default", "description", "examples"];

/// Converts a schema to OpenAPI 3.0: `nullable` instead of a null type, and only known formats.
pub fn openapi(mut schema: Value) -> Value {
    visit(&mut schema, &mut |members| {
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

/// Converts a schema to draft 4 for API Gateway's models: without annotations, and with a pattern for ids, since API
/// Gateway ignores formats.
pub fn draft4(mut schema: Value) -> Value {
    visit(&mut schema, &mut |members| {
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

/// Converts a schema to draft 7 for Postman's validator: formats only for strings, without annotations.
pub fn draft7(mut schema: Value) -> Value {
    visit(&mut schema, &mut |members| {
        let is_text = members.get("type").is_some_and(|kind| kind == "string" || kind[0] == "string");
        members.retain(|keyword, _| keyword != "format" || is_text);
        for annotation in ANNOTATIONS {
            members.remove(annotation);
        }
    });
    schema
}

/// Removes null from the types. Returns true if it was one of them.
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

/// Adds null to an enum. A nullable type alone does not allow it.
fn extend_enum(members: &mut Map<String, Value>) {
    if let Some(Value::Array(values)) = members.get_mut("enum") {
        values.push(Value::Null);
    }
}

/// Converts exclusive bounds to a bound with a flag, as in OpenAPI 3.0 and draft 4.
fn exclusive_bounds(members: &mut Map<String, Value>) {
    for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if let Some(value) = members.get(exclusive).filter(|value| value.is_number()).cloned() {
            members.insert(bound.into(), value);
            members.insert(exclusive.into(), true.into());
        }
    }
}
