//! The shapes of a resource, as JSON Schema 2020-12: whole, patch, record and page.

use serde_json::{Map, Value, json};

use super::Collection;
use crate::http::MAX_LIMIT;

/// The fields of the record itself, which stand before the resource's own.
const RECORD_FIELDS: [&str; 4] = ["id", "version", "createdAt", "updatedAt"];

/// What `POST` and `PUT` read: an optional field may be null, which is as good as absent.
pub fn whole(collection: &Collection) -> Value {
    let mut schema = collection.schema.clone();
    simplify(&mut schema);
    schema
}

/// What `PATCH` reads (RFC 7396): any of the fields; null removes one that need not be there.
pub fn patch(collection: &Collection) -> Value {
    let mut schema = whole(collection);
    loosen(&mut schema);
    let text = format!("Changes to the {}: null takes a field away, and puts its default back.", collection.singular);
    schema["description"] = text.into();
    schema
}

/// What answers hold: identity, every field that has a default, no nulls.
pub fn record(collection: &Collection) -> Value {
    let mut schema = whole(collection);
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

/// A valid record, with every field.
pub fn record_example(collection: &Collection) -> Value {
    let mut example = collection.example.clone();
    example["id"] = EXAMPLE_ID.into();
    example["version"] = 1.into();
    example["createdAt"] = EXAMPLE_TIME.into();
    example["updatedAt"] = EXAMPLE_TIME.into();
    example
}

/// A page of a list, whose elements have the schema of this name.
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

/// The id examples have.
pub const EXAMPLE_ID: &str = "019a7d3e-0c00-7000-8000-000000000002";
/// The time examples have.
pub const EXAMPLE_TIME: &str = "2025-11-13T12:00:00.000Z";

/// One field's schema, without null.
pub fn field(collection: &Collection, name: &str) -> Value {
    let mut schema = whole(collection)["properties"][name].clone();
    forbid_null(&mut schema);
    schema.as_object_mut().map(|members| members.remove("default"));
    schema
}

/// Whether a schema's instance may be null.
pub fn is_nullable(schema: &Value) -> bool {
    schema["type"].as_array().is_some_and(|types| types.contains(&json!("null")))
}

/// The names in `required`.
pub fn required(schema: &Value) -> Vec<&str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The members of an object's `properties`.
pub fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

/// Calls `change` on a schema and all the schemas in it, the inner ones first.
pub fn walk(schema: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    let Value::Object(members) = schema else { return };
    for (keyword, value) in members.iter_mut() {
        match (keyword.as_str(), value) {
            ("properties" | "patternProperties", Value::Object(inner)) => {
                inner.values_mut().for_each(|inner| walk(inner, change))
            }
            ("oneOf" | "anyOf" | "allOf", Value::Array(inner)) => {
                inner.iter_mut().for_each(|inner| walk(inner, change))
            }
            ("items" | "additionalProperties" | "not", inner) => walk(inner, change),
            _ => {}
        }
    }
    change(members);
}

/// Brings what schemars writes to one form: enums as `enum`, null as a second `type`, no title.
fn simplify(schema: &mut Value) {
    walk(schema, &mut |members| {
        members.remove("$schema");
        members.remove("title");
        merge_constants(members);
        merge_null(members);
        close(members);
    });
}

/// Refuses unknown members of every object that names its own, whatever `deny_unknown_fields` says of the type: the
/// functions refuse them at any depth.
///
/// Branches beside fields of the object itself see only a part of it, and stay open.
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

/// A `oneOf` of constants becomes an `enum`; what each constant means moves into the description.
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

/// An `anyOf` of something and null becomes that something, with null as a second type.
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

/// Makes an object's members optional, and nullable where the object can do without them.
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

/// Requires what is always written, and rules out null, which never is.
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
