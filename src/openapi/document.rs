//! `openapi.json`: all operations, and the components they share.

use serde_json::{Map, Value, json};

use super::{dialect, gateway, operation::operation, responses, telemetry};
use crate::{
    functions::Service,
    operations::{ACTIONS, Collection, Contract, Operation, Parameter, history},
};

const ABOUT: &str = "A serverless CRUD backend on AWS Lambda and DynamoDB.\n\n\
    Every record has a `version`, which is its `ETag`: send it back in `If-Match` and a change that would overwrite \
    another is refused with 412. Errors are problem details (RFC 9457) that name every fault at once.";

/// The description of the group [`ACTIONS`].
pub const ABOUT_ACTIONS: &str = "Operations that belong to no resource.";

/// Returns the whole document (OpenAPI 3.0.3, which API Gateway can import).
///
/// It has these extensions: `x-function` describes an operation's Lambda function, its DynamoDB actions, its secrets and
/// its own environment variables, `x-request-model` names the file in `schemas/` that validates its body, `x-tables` lists
/// the tables, `x-consumers` the functions that handle changes, and `x-jobs` the functions that an operator or a schedule
/// invokes. `x-gateway-responses` lists the responses of API Gateway itself, `x-cors` the headers that pages may send and read,
/// `x-telemetry` the metrics, log fields and annotations.
pub fn document(service: &Service) -> Value {
    let operations = service.operations().into_iter();
    let operations: Vec<_> = operations.map(|operation| (operation.contract(), operation)).collect();
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": env!("CARGO_PKG_NAME"),
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": env!("CARGO_PKG_LICENSE"), "url": "https://spdx.org/licenses/" },
        },
        "servers": servers(),
        "tags": tags(service, &operations),
        "paths": paths(&operations),
        "components": {
            "securitySchemes": security_schemes(),
            "parameters": shared_parameters(&operations),
            "headers": shared_headers(),
            "responses": responses::shared_problems(),
            "schemas": schemas(&operations),
        },
        "x-tables": service.tables(),
        "x-consumers": service.consumers(),
        "x-jobs": service.jobs(),
        "x-gateway-responses": gateway::gateway_responses(),
        "x-cors": gateway::cors(),
        "x-telemetry": telemetry::telemetry(service),
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

fn security_schemes() -> Value {
    json!({
        "apiKey": {
            "type": "apiKey",
            "in": "header",
            "name": "x-api-key",
            "description": "The key of an application.",
        },
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The access token of a user.",
        },
        "signature": {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "x-amazon-apigateway-authtype": "awsSigv4",
            "description": "The signature of an AWS role or user (Signature Version 4).",
        },
    })
}

fn tags(service: &Service, operations: &[(Contract, Operation)]) -> Value {
    let tag =
        |collection: &Collection| json!({ "name": collection.name, "description": collection.schema["description"] });
    let has_actions = operations.iter().any(|(contract, _)| contract.tag == ACTIONS);
    let actions = has_actions.then(|| json!({ "name": ACTIONS, "description": ABOUT_ACTIONS }));
    service.resources().iter().map(tag).chain(actions).collect()
}

fn paths(operations: &[(Contract, Operation)]) -> Value {
    let mut paths = Map::new();
    for (contract, described) in operations {
        let path = paths.entry(&described.path).or_insert_with(|| json!({}));
        path[described.method.to_lowercase()] = operation(described, contract);
    }
    paths.into()
}

fn schemas(operations: &[(Contract, Operation)]) -> Map<String, Value> {
    let mut schemas = Map::from_iter([
        ("Problem".to_owned(), responses::problem_schema()),
        // No response has an entry as its body: the page of entries refers to it.
        (history::ENTRY.to_owned(), dialect::openapi(history::entry())),
    ]);
    for (contract, _) in operations {
        let bodies = contract.body.iter().map(|body| &body.content);
        let answers = contract.responses.iter().filter_map(|response| response.content.as_ref());
        for content in bodies.chain(answers) {
            schemas.insert(content.name.clone(), dialect::openapi(content.schema.clone()));
        }
    }
    schemas
}

fn shared_parameters(operations: &[(Contract, Operation)]) -> Map<String, Value> {
    let parameters = operations.iter().flat_map(|(contract, _)| &contract.parameters);
    let object = |parameter: &Parameter| {
        json!({
            "in": parameter.place,
            "name": parameter.name,
            "description": parameter.description,
            "required": parameter.place == "path",
            "schema": parameter.schema,
        })
    };
    let shared = parameters.filter(|parameter| parameter.is_shared);
    shared.map(|parameter| (parameter.name.to_owned(), object(parameter))).collect()
}

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
        header(
            "WWW-Authenticate",
            "How to authenticate (RFC 9110 §11.6.1).",
            json!({ "type": "string", "example": "Bearer" }),
        ),
        header("Location", "The path of the new record.", text.clone()),
        header("Link", "The next page, where there is one (RFC 8288, `rel=\"next\"`).", text),
        header("Retry-After", "How many seconds to wait.", json!({ "type": "integer", "minimum": 0, "example": 1 })),
    ];
    Map::from_iter(all).into()
}
