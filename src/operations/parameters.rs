//! The shared parameters of operations.

use serde_json::{Value, json};

use super::{Collection, Parameter, schema};
use crate::{
    http::{DEFAULT_LIMIT, MAX_LIMIT},
    record::Filter,
};

/// `*` or a list of at most 20 entity tags (RFC 9110 §8.8.3).
const ENTITY_TAGS: &str = r#"^(\*|(W/)?"[^",]*"( *, *(W/)?"[^",]*"){0,19})$"#;

/// Returns the record's id in the path.
pub fn id() -> Parameter {
    shared("path", "id", "The record's id.", json!({ "type": "string", "format": "uuid" }))
}

/// Returns the parameters of a list: `limit`, `order` and `cursor`.
pub fn page() -> Vec<Parameter> {
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT });
    let order = json!({ "type": "string", "enum": ["asc", "desc"], "default": "desc" });
    let cursor = "The `nextCursor` of the page before; good for a day and for the same query alone.";
    vec![
        shared("query", "limit", "The most records a page holds.", limit),
        shared("query", "order", "By time: oldest or newest first.", order),
        shared("query", "cursor", cursor, json!({ "type": "string" })),
    ]
}

/// Returns the parameter of a list's filter.
pub fn filter(collection: &Collection, filter: &Filter) -> Parameter {
    let case = if filter.normalization.ignores_case() { ", whatever its case" } else { "" };
    Parameter {
        name: filter.field,
        place: "query",
        description: format!("Only the records with this `{}`{case}.", filter.field),
        schema: schema::field(collection, filter.field),
        is_shared: false,
    }
}

/// Returns `If-Match`: the version to change.
pub fn if_match() -> Parameter {
    let description = "The `ETag` of the version to change; any other is refused with 412.";
    shared("header", "If-Match", description, entity_tags())
}

/// Returns `If-None-Match`: the version that the client has.
pub fn if_none_match() -> Parameter {
    let description = "The `ETag` of the version the client holds: 304 while it is current.";
    shared("header", "If-None-Match", description, entity_tags())
}

/// Returns `Idempotency-Key`: the client's key for a create.
pub fn idempotency_key() -> Parameter {
    let key = json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~][!-~]*$" });
    let description = "A key of the client's own, remembered for a day: the request takes effect once.";
    shared("header", "Idempotency-Key", description, key)
}

fn entity_tags() -> Value {
    json!({ "type": "string", "minLength": 1, "pattern": ENTITY_TAGS, "example": "\"1\"" })
}

fn shared(place: &'static str, name: &'static str, description: &str, schema: Value) -> Parameter {
    Parameter { name, place, description: description.to_owned(), schema, is_shared: true }
}
