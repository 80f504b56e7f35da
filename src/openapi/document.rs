//! `openapi.json`: the operations of all routes, and the components they share.

use serde_json::{Map, Value, json};

use super::{dialect, history, model_name, operation::operation, record_name, request_schema, responses, schema};
use crate::{
    http::{DEFAULT_LIMIT, MAX_LIMIT},
    routes::{Collection, consumers, jobs, resources, tables},
};

const ABOUT: &str = "A serverless CRUD backend on AWS Lambda and DynamoDB.\n\n\
    Every record has a `version`, which is its `ETag`: send it back in `If-Match` and a change that would overwrite \
    another is refused with 412. Errors are problem details (RFC 9457) that name every fault at once.";

/// The whole document (OpenAPI 3.0.3, which API Gateway can import).
///
/// The extension `x-function` names an operation's Lambda, the DynamoDB actions it needs and the secrets it reads,
/// `x-request-model` the file in `schemas/` its body is checked against, `x-tables` the tables, `x-consumers` the
/// functions that are given changes, and `x-jobs` those that nothing calls by itself.
pub fn document() -> Value {
    let resources = resources();
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": env!("CARGO_PKG_NAME"),
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": env!("CARGO_PKG_LICENSE"), "url": "https://spdx.org/licenses/" },
        },
        "servers": servers(),
        "security": [{ "apiKey": [] }],
        "tags": resources.iter().map(|collection| json!({ "name": collection.name, "description": collection.schema["description"] })).collect::<Value>(),
        "paths": paths(&resources),
        "components": {
            "securitySchemes": { "apiKey": { "type": "apiKey", "in": "header", "name": "x-api-key" } },
            "parameters": shared_parameters(),
            "headers": shared_headers(),
            "responses": responses::shared_problems(),
            "schemas": schemas(&resources),
        },
        "x-tables": tables(),
        "x-consumers": consumers(),
        "x-jobs": jobs(),
    })
}

fn servers() -> Value {
    json!([
        { "url": "http://127.0.0.1:3000", "description": "The local server." },
        {
            "url": "https://{api}.execute-api.{region}.amazonaws.com/{stage}",
            "description": "A deployed stage.",
            "variables": {
                "api": { "default": "abcdef1234", "description": "The API's id." },
                "region": { "default": "eu-central-1", "description": "The AWS region." },
                "stage": { "default": "prod", "description": "The stage." },
            },
        },
    ])
}

fn paths(resources: &[Collection]) -> Value {
    let mut paths = Map::new();
    for collection in resources {
        for route in &collection.routes {
            let path = paths.entry(&route.path).or_insert_with(|| json!({}));
            path[route.method.to_lowercase()] = operation(collection, route);
        }
    }
    paths.into()
}

fn schemas(resources: &[Collection]) -> Value {
    let mut schemas = Map::from_iter([
        ("Problem".to_owned(), responses::problem_schema()),
        (history::ENTRY.to_owned(), dialect::openapi(history::entry())),
        (history::PAGE.to_owned(), page("A page of a history.", history::ENTRY)),
    ]);
    for collection in resources {
        for route in &collection.routes {
            if let Some(schema) = request_schema(collection, route.verb) {
                schemas.insert(model_name(route), dialect::openapi(schema));
            }
        }
        let name = record_name(collection);
        schemas.insert(format!("{name}Page"), page("A page of a list.", &name));
        schemas.insert(name, dialect::openapi(schema::record(collection)));
    }
    schemas.into()
}

fn page(description: &str, content: &str) -> Value {
    json!({
        "type": "object",
        "description": description,
        "required": ["data", "nextCursor"],
        "additionalProperties": false,
        "properties": {
            "data": { "type": "array", "maxItems": MAX_LIMIT, "items": { "$ref": format!("#/components/schemas/{content}") } },
            "nextCursor": { "type": "string", "nullable": true, "description": "Where the next page starts; null on the last one." },
        },
    })
}

fn shared_parameters() -> Value {
    let parameter = |place: &str, name: &str, description: &str, schema: Value| {
        let parameter = json!({ "in": place, "name": name, "description": description, "required": place == "path", "schema": schema });
        (name.to_owned(), parameter)
    };
    let tags = json!({ "type": "string", "minLength": 1, "pattern": ENTITY_TAGS, "example": "\"1\"" });
    let key = json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~][!-~]*$" });
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT });
    let order = json!({ "type": "string", "enum": ["asc", "desc"], "default": "desc" });
    let all = [
        parameter("path", "id", "The record's id.", json!({ "type": "string", "format": "uuid" })),
        parameter("query", "limit", "The most records a page holds.", limit),
        parameter("query", "order", "By time: oldest or newest first.", order),
        parameter(
            "query",
            "cursor",
            "The `nextCursor` of the page before; good for a day and for the same query alone.",
            json!({ "type": "string" }),
        ),
        parameter(
            "header",
            "If-Match",
            "The `ETag` of the version to change; any other is refused with 412.",
            tags.clone(),
        ),
        parameter(
            "header",
            "If-None-Match",
            "The `ETag` of the version the client holds: 304 while it is current.",
            tags,
        ),
        parameter(
            "header",
            "Idempotency-Key",
            "A key of the client's own, remembered for a day: the request takes effect once.",
            key,
        ),
    ];
    Map::from_iter(all).into()
}

/// `*` or a list of at most 20 entity tags (RFC 9110 §8.8.3).
const ENTITY_TAGS: &str = r#"^(\*|(W/)?"[^",]*"( *, *(W/)?"[^",]*"){0,19})$"#;

fn shared_headers() -> Value {
    let header = |name: &str, description: &str, schema: Value| {
        (name.to_owned(), json!({ "description": description, "schema": schema }))
    };
    let text = json!({ "type": "string" });
    let all = [
        header(
            "ETag",
            "The record's version, quoted.",
            json!({ "type": "string", "pattern": r#"^"[1-9][0-9]*"$"#, "example": "\"1\"" }),
        ),
        header("Location", "The path of the new record.", text.clone()),
        header("Link", "The next page, where there is one (RFC 8288, `rel=\"next\"`).", text),
        header("Retry-After", "How many seconds to wait.", json!({ "type": "integer", "minimum": 0, "example": 1 })),
    ];
    Map::from_iter(all).into()
}
