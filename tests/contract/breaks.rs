//! A change that breaks clients of the last release must be announced in the changelog.

use std::fs;

use serde_json::{Value, json};
use serverless_crud::openapi::{
    compatibility::{announces_break, breaks},
    document,
};

use crate::{released, support::service, top};

#[test]
fn breaking_changes_since_the_last_release_are_announced() {
    let Some(released) = released() else { return };
    let changelog = fs::read_to_string(top().join("CHANGELOG.md")).expect("the changelog");
    let broken = breaks(&released, &document(&serverless_crud::service()));
    assert!(
        broken.is_empty() || announces_break(&changelog),
        "clients of the last release break; undo it, or announce it in a line of CHANGELOG.md's Unreleased section \
         that starts with `Breaking:`\n{}",
        broken.join("\n"),
    );
}

#[test]
fn document_is_compatible_with_itself() {
    assert_eq!(breaks(&document(&service()), &document(&service())), Vec::<String>::new());
}

#[test]
fn only_the_unreleased_section_announces_breaking_changes() {
    assert!(announces_break("## [Unreleased]\n\n- Breaking: no more tags.\n\n## [0.1.0]\n"));
    assert!(!announces_break("## [Unreleased]\n\n- Nothing Breaking: here.\n\n## [0.1.0]\n\n- Breaking: all new.\n"));
    assert!(!announces_break("## [0.1.0]\n\nBreaking: all new.\n"));
}

/// Returns a small document: one operation with a parameter, a body and a response.
fn small() -> Value {
    json!({
        "paths": { "/things": { "post": {
            "operationId": "things_create",
            "parameters": [{ "$ref": "#/components/parameters/order" }],
            "requestBody": { "required": true, "content": { "application/json": { "schema": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": false,
                "properties": {
                    "name": { "type": "string", "maxLength": 10, "nullable": true },
                    "kind": { "type": "string", "enum": ["a", "b"] },
                    "tags": { "type": "array", "items": { "type": "integer", "minimum": 1 } },
                },
            } } } },
            "responses": {
                "201": { "headers": { "ETag": {} }, "content": { "application/json": { "schema": {
                    "type": "object",
                    "required": ["id"],
                    "properties": { "id": { "type": "string" }, "note": { "type": "string" } },
                } } } },
                "409": {},
            },
        } } },
        "components": { "parameters": {
            "order": { "name": "order", "in": "query", "schema": { "type": "string", "enum": ["asc", "desc"] } },
        } },
    })
}

const POST: &str = "/paths/~1things/post";
const BODY: &str = "/paths/~1things/post/requestBody/content/application~1json/schema";
const ANSWER: &str = "/paths/~1things/post/responses/201/content/application~1json/schema";
const ORDER: &str = "/components/parameters/order";

/// Returns the small document with the value at a pointer changed; null removes it.
fn edited(place: &str, key: &str, value: Value) -> Value {
    let mut document = small();
    let members = document.pointer_mut(place).and_then(Value::as_object_mut).expect(place);
    if value.is_null() {
        members.remove(key)
    } else {
        members.insert(key.to_owned(), value)
    };
    document
}

#[test]
fn restrictions_for_clients_are_breaking() {
    let name = &format!("{BODY}/properties/name");
    let cases = [
        ("/paths/~1things", "post", Value::Null, "POST /things is gone"),
        (POST, "operationId", json!("things_add"), "POST /things has another operationId"),
        (POST, "parameters", Value::Null, "POST /things parameter order is gone"),
        (ORDER, "required", json!(true), "POST /things parameter order is required"),
        (&format!("{ORDER}/schema"), "enum", json!(["asc"]), "POST /things parameter order allows fewer values"),
        (BODY, "required", json!(["name", "kind"]), "POST /things body /kind is required"),
        (&format!("{BODY}/properties"), "kind", Value::Null, "POST /things body /kind is gone"),
        (name, "type", json!("integer"), "POST /things body /name is of another type"),
        (name, "nullable", Value::Null, "POST /things body /name may not be null any more"),
        (name, "maxLength", json!(9), "POST /things body /name has a lower maxLength"),
        (name, "minLength", json!(1), "POST /things body /name has a higher minLength"),
        (name, "pattern", json!("^a"), "POST /things body /name has another pattern"),
        (name, "enum", json!(["x"]), "POST /things body /name allows fewer values"),
        (&format!("{BODY}/properties/kind"), "enum", json!(["a"]), "POST /things body /kind allows fewer values"),
        (
            &format!("{BODY}/properties/tags/items"),
            "minimum",
            json!(2),
            "POST /things body /tags /* has a higher minimum",
        ),
        (&format!("{POST}/requestBody"), "content", json!({}), "POST /things body as application/json is gone"),
        (&format!("{POST}/responses"), "409", Value::Null, "POST /things 409 is gone"),
        (&format!("{POST}/responses/201"), "headers", Value::Null, "POST /things 201 header ETag is gone"),
        (&format!("{ANSWER}/properties"), "note", Value::Null, "POST /things 201 /note is gone"),
        (&format!("{ANSWER}/properties/id"), "type", json!("integer"), "POST /things 201 /id is of another type"),
        (&format!("{ANSWER}/properties/id"), "nullable", json!(true), "POST /things 201 /id may be null"),
        (ANSWER, "required", json!([]), "POST /things 201 /id may be missing"),
    ];
    for (place, key, value, expected) in cases {
        assert_eq!(breaks(&small(), &edited(place, key, value)), [expected]);
    }
}

#[test]
fn extensions_for_clients_are_not_breaking() {
    let name = &format!("{BODY}/properties/name");
    let cases = [
        ("/paths", "/others", json!({ "get": {} })),
        (&format!("{ORDER}/schema"), "enum", json!(["asc", "desc", "none"])),
        (BODY, "required", json!([])),
        (&format!("{BODY}/properties"), "more", json!({ "type": "string" })),
        (name, "maxLength", json!(11)),
        (name, "maxLength", Value::Null),
        (&format!("{BODY}/properties/kind"), "enum", json!(["a", "b", "c"])),
        (&format!("{BODY}/properties/tags/items"), "type", json!("number")),
        (&format!("{POST}/responses"), "429", json!({})),
        (&format!("{ANSWER}/properties"), "more", json!({ "type": "string" })),
        (ANSWER, "required", json!(["id", "note"])),
    ];
    for (place, key, value) in cases {
        assert_eq!(breaks(&small(), &edited(place, key, value)), Vec::<String>::new(), "{place} {key}");
    }
}
