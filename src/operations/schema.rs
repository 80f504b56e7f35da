//! The JSON Schemas (2020-12) of a resource: whole, patch, record and page.

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::collection::{Collection, generated_schema};
use crate::{access::Rule, http::MAX_LIMIT};

/// The fields of the record itself, which precede the resource's fields.
const RECORD_FIELDS: [&str; 4] = ["id", "version", "createdAt", "updatedAt"];

/// Returns the schema of the body of an action.
pub fn of<T: JsonSchema>() -> Value {
    let mut schema = generated_schema::<T>();
    simplify(&mut schema);
    schema
}

/// Returns the schema of the body of `POST` and `PUT`. A null in an optional field means that the field is absent.
pub fn whole(collection: &Collection) -> Value {
    let mut schema = unannotated(collection);
    for field in collection.protected.iter().filter(|field| field.write != Rule::Public) {
        append_description(&mut schema["properties"][field.field], &format!("Set by: {}.", field.write));
    }
    schema
}

fn unannotated(collection: &Collection) -> Value {
    let mut schema = collection.schema.clone();
    simplify(&mut schema);
    schema
}

fn append_description(schema: &mut Value, sentence: &str) {
    let text = schema["description"].as_str().unwrap_or_default();
    schema["description"] = format!("{text}\n\n{sentence}").trim_start().into();
}

/// Returns the schema of the body of `PATCH` (RFC 7396): all fields are optional, and null removes an optional one.
pub fn patch(collection: &Collection) -> Value {
    let mut schema = whole(collection);
    loosen(&mut schema);
    let text = format!("Changes to the {}: null takes a field away, and puts its default back.", collection.singular);
    schema["description"] = text.into();
    schema
}

/// Returns the schema of a record: with id and version, with all defaults, without nulls.
pub fn record(collection: &Collection) -> Value {
    let mut schema = unannotated(collection);
    fill(&mut schema);
    let fields = [
        json!({ "type": "string", "format": "uuid", "description": "UUIDv7: ids sort by creation time." }),
        json!({ "type": "integer", "format": "int64", "minimum": 1, "description": "One more on each write; the ETag." }),
        json!({ "type": "string", "format": "date-time", "description": "When it was created, in UTC." }),
        json!({ "type": "string", "format": "date-time", "description": "When it was last written, in UTC." }),
    ];
    let mut required: Vec<Value> = RECORD_FIELDS.map(Value::from).into();
    required.append(schema["required"].as_array_mut().unwrap_or(&mut Vec::new()));
    schema["required"] = required.into();
    for (name, field) in RECORD_FIELDS.iter().zip(fields) {
        schema["properties"][name] = field;
    }
    schema
}

/// Returns the schema of a record in responses: fields that only some may read are optional.
pub fn view(collection: &Collection) -> Value {
    let mut schema = record(collection);
    if let Some(required) = schema["required"].as_array_mut() {
        required.retain(|name| !name.as_str().is_some_and(|name| collection.may_hide(name)));
    }
    for field in collection.protected.iter().filter(|field| field.read != Rule::Public) {
        append_description(&mut schema["properties"][field.field], &format!("Shown to: {}.", field.read));
    }
    schema
}

/// Returns a valid record with every field.
pub fn record_example(collection: &Collection) -> Value {
    let mut example = collection.example.clone();
    example["id"] = EXAMPLE_ID.into();
    example["version"] = 1.into();
    example["createdAt"] = EXAMPLE_TIME.into();
    example["updatedAt"] = EXAMPLE_TIME.into();
    example
}

/// Returns the schema of a page of a list, whose elements have the schema with this name.
pub fn page(description: &str, element: &str) -> Value {
    json!({
        "type": "object",
        "description": description,
        "required": ["data", "nextCursor"],
        "additionalProperties": false,
        "properties": {
            "data": { "type": "array", "maxItems": MAX_LIMIT, "items": { "$ref": format!("#/components/schemas/{element}") } },
            "nextCursor": { "type": ["string", "null"], "description": "Where the next page starts; null on the last one." },
        },
    })
}

/// The id in examples.
pub const EXAMPLE_ID: &str = "019a7d3e-0c00-7000-8000-000000000002";
/// The time in examples.
pub const EXAMPLE_TIME: &str = "2025-11-13T12:00:00.000Z";

/// Returns the schema of one field, without null.
pub fn field(collection: &Collection, name: &str) -> Value {
    let mut schema = unannotated(collection)["properties"][name].clone();
    forbid_null(&mut schema);
    schema.as_object_mut().map(|members| members.remove("default"));
    schema
}

/// Returns true if an instance of the schema may be null.
pub fn is_nullable(schema: &Value) -> bool {
    schema["type"].as_array().is_some_and(|types| types.contains(&json!("null")))
}

/// Returns the names in `required`.
pub fn required(schema: &Value) -> Vec<&str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Returns the members of an object's `properties`.
pub fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

/// Calls `change` on a schema and all its subschemas, the innermost first.
pub fn visit(schema: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    let Value::Object(members) = schema else { return };
    for (keyword, value) in members.iter_mut() {
        match (keyword.as_str(), value) {
            ("properties" | "patternProperties", Value::Object(inner)) => {
                inner.values_mut().for_each(|inner| visit(inner, change))
            }
            ("oneOf" | "anyOf" | "allOf", Value::Array(inner)) => {
                inner.iter_mut().for_each(|inner| visit(inner, change))
            }
            ("items" | "additionalProperties" | "not", inner) => visit(inner, change),
            _ => {}
        }
    }
    change(members);
}

/// Normalizes a schema of schemars: enums as `enum`, null as a second `type`, no title.
fn simplify(schema: &mut Value) {
    visit(schema, &mut |members| {
        members.remove("$schema");
        members.remove("title");
        merge_constants(members);
        merge_null(members);
        close(members);
    });
}

/// Forbids unknown members in every object with `properties`, also without `deny_unknown_fields` on the type: the
/// functions reject them at any depth.
///
/// Branches next to `properties` describe only a part of the object, and must allow unknown members.
fn close(members: &mut Map<String, Value>) {
    const BRANCHES: [&str; 3] = ["allOf", "anyOf", "oneOf"];
    if !members.contains_key("properties") {
        return;
    }
    let is_whole = BRANCHES.iter().all(|keyword| !members.contains_key(*keyword));
    if is_whole {
        members.entry("additionalProperties").or_insert(false.into());
        return;
    }
    for keyword in BRANCHES {
        for branch in members.get_mut(keyword).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Value::Object(branch) = branch
                && branch.get("additionalProperties") == Some(&false.into())
            {
                branch.remove("additionalProperties");
            }
        }
    }
}

/// Converts a `oneOf` of constants to an `enum`, and moves the description of each constant to the schema's.
fn merge_constants(members: &mut Map<String, Value>) {
    let Some(branches) = members.get("oneOf").and_then(Value::as_array) else { return };
    let constants: Vec<Value> = branches.iter().filter_map(|branch| branch.get("const").cloned()).collect();
    if constants.len() != branches.len() {
        return;
    }
    let meaning =
        |branch: &Value| Some(format!("\n- `{}`: {}", branch["const"].as_str()?, branch["description"].as_str()?));
    let meanings: String = branches.iter().filter_map(meaning).collect();
    if let (Some(Value::String(text)), false) = (members.get_mut("description"), meanings.is_empty()) {
        text.push_str(&format!("\n{meanings}"));
    }
    members.remove("oneOf");
    members.insert("type".into(), "string".into());
    members.insert("enum".into(), constants.into());
}

/// Converts an `anyOf` of a schema and null to that schema with null as a second type.
fn merge_null(members: &mut Map<String, Value>) {
    let null = json!({ "type": "null" });
    let Some(Value::Array(branches)) = members.get("anyOf") else { return };
    let [Value::Object(inner), other] = branches.as_slice() else { return };
    if *other != null {
        return;
    }
    let inner = inner.clone();
    members.remove("anyOf");
    for (keyword, value) in inner {
        members.entry(keyword).or_insert(value);
    }
    allow_null(members);
}

fn allow_null(members: &mut Map<String, Value>) {
    if let Some(kind @ Value::String(_)) = members.get("type").cloned() {
        members.insert("type".into(), json!([kind, "null"]));
    }
}

fn forbid_null(schema: &mut Value) {
    if is_nullable(schema) {
        schema["type"] = schema["type"][0].clone();
    }
}

/// Makes all members of an object optional, and those that were optional nullable.
fn loosen(object: &mut Value) {
    let needed: Vec<String> = required(object).into_iter().map(str::to_owned).collect();
    let Value::Object(members) = object else { return };
    members.remove("required");
    for (name, field) in members.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        if field["properties"].is_object() {
            loosen(field);
        }
        let Value::Object(field) = field else { continue };
        field.remove("default");
        if !needed.contains(name) {
            allow_null(field);
        }
    }
}

/// Requires the fields that are always written, and forbids null, which is never written.
fn fill(object: &mut Value) {
    let written = |(name, field): (&String, &Value)| (!is_nullable(field)).then(|| Value::from(name.as_str()));
    let names: Vec<Value> = properties(object).filter_map(written).collect();
    object["required"] = names.into();
    for field in object.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
        forbid_null(field);
        field.as_object_mut().map(|members| members.remove("default"));
        if field["properties"].is_object() {
            fill(field);
        }
        if field["items"]["properties"].is_object() {
            fill(&mut field["items"]);
        }
    }
}
