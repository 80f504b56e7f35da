//! The operation objects of the document.

use serde_json::{Map, Value, json};

use super::{dialect, responses};
use crate::{
    access::Kind,
    operations::{Contract, Operation, Parameter, ProblemResponse, Response},
};

/// Returns the operation object.
pub fn operation(operation: &Operation, contract: &Contract) -> Value {
    let mut object = json!({
        "operationId": operation.name,
        "tags": [contract.tag],
        "summary": contract.summary,
        "description": format!("{}\n\nAllowed for: {}.", contract.description, operation.rule),
        "security": security(operation),
        "parameters": contract.parameters.iter().map(parameter).collect::<Value>(),
        "responses": responses(contract),
        "x-function": { "name": operation.function, "grants": contract.grants },
    });
    if !contract.secrets.is_empty() {
        object["x-function"]["secrets"] = json!(contract.secrets);
    }
    if contract.upstream {
        object["x-function"]["upstream"] = true.into();
    }
    if !contract.environment.is_empty() {
        object["x-function"]["environment"] = json!(contract.environment);
    }
    if let Some(body) = &contract.body {
        let content = json!({ "schema": schema_reference(&body.content.name), "example": body.content.example });
        let content: Map<_, _> = body.media_types.iter().map(|name| ((*name).to_owned(), content.clone())).collect();
        object["requestBody"] = json!({ "required": true, "content": content });
        object["x-request-model"] = body.content.name.as_str().into();
    }
    object
}

/// The security schemes, by the kind of the principals that they identify.
const SCHEMES: [(Kind, &str); 3] =
    [(Kind::Application, "apiKey"), (Kind::User, "bearer"), (Kind::Service, "signature")];

/// Returns the security requirements: one of them is enough. An empty list means that callers need no credentials, so an
/// operation that admits nobody has all schemes.
fn security(operation: &Operation) -> Value {
    if operation.is_public() {
        return json!([]);
    }
    let rule = &operation.rule;
    let admits_nobody = SCHEMES.iter().all(|(kind, _)| !rule.may_admit_kind(*kind));
    let admitted = SCHEMES.into_iter().filter(|(kind, _)| admits_nobody || rule.may_admit_kind(*kind));
    admitted.map(|(_, scheme)| Value::Object(Map::from_iter([(scheme.to_owned(), json!([]))]))).collect()
}

fn parameter(parameter: &Parameter) -> Value {
    if parameter.is_shared {
        return json!({ "$ref": format!("#/components/parameters/{}", parameter.name) });
    }
    json!({
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "schema": dialect::openapi(parameter.schema.clone()),
    })
}

fn responses(contract: &Contract) -> Map<String, Value> {
    let successes = contract.responses.iter().map(|response| (response.status.to_string(), success(response)));
    let problem = |problem: &ProblemResponse| (problem.status.to_string(), responses::problem_reference(problem));
    successes.chain(contract.problems.iter().map(problem)).collect()
}

fn success(response: &Response) -> Value {
    let headers = responses::reference_headers(response.headers);
    let mut object = json!({ "description": response.description, "headers": headers });
    if let Some(content) = &response.content {
        let content = json!({ "schema": schema_reference(&content.name), "example": content.example });
        object["content"] = json!({ "application/json": content });
    }
    if !response.links.is_empty() {
        object["links"] = response
            .links
            .iter()
            .map(|link| {
                let parameters: Map<_, _> =
                    link.parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
                (link.operation.clone(), json!({ "operationId": link.operation, "parameters": parameters }))
            })
            .collect::<Map<_, _>>()
            .into();
    }
    object
}

fn schema_reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}
