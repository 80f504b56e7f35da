//! One operation: what it takes, what it answers, and what the stack must know of it.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{dialect, history, model_name, record_name, responses, schema};
use crate::routes::{Collection, Route, Verb};

/// The operation object of a route.
pub fn operation(collection: &Collection, route: &Route) -> Value {
    let (summary, description) = words(collection, route.verb);
    let mut operation = json!({
        "operationId": route.operation,
        "tags": [collection.name],
        "summary": summary,
        "description": description,
        "parameters": parameters(collection, route.verb),
        "responses": responses(collection, route.verb),
        "x-function": { "name": route.function, "grants": route.grants },
    });
    if !route.secrets.is_empty() {
        operation["x-function"]["secrets"] = json!(route.secrets);
    }
    if route.verb.has_body() {
        operation["requestBody"] = request_body(collection, route);
        operation["x-request-model"] = model_name(route).into();
    }
    operation
}

fn words(collection: &Collection, verb: Verb) -> (String, &'static str) {
    let (one, all) = (collection.singular, collection.name);
    match verb {
        Verb::Create => (
            format!("Create {one}"),
            "Adds a record. With an `Idempotency-Key` it does so once: a repeat of the request gets the first answer \
             again, and another body under the same key is refused.",
        ),
        Verb::List => (
            format!("List {all}"),
            "Lists records page by page, newest first. `nextCursor`, and the `Link` header with it, lead to the next \
             page. Of the filters one can be used at a time.",
        ),
        Verb::Get => (
            format!("Get {one}"),
            "Reads a record, unless the client holds its current version already (`If-None-Match`).",
        ),
        Verb::Update => (
            format!("Replace {one}"),
            "Replaces the whole record: fields left out are taken away, or get their default. It never creates one.",
        ),
        Verb::Patch => (
            format!("Patch {one}"),
            "Changes the fields the body names and leaves the others (JSON Merge Patch, RFC 7396).",
        ),
        Verb::Delete => (format!("Delete {one}"), "Deletes a record. A second time there is none."),
        Verb::History => (
            format!("History of {one}"),
            "Lists what happened to a record, also to one that is deleted: newest first, page by page. An entry is \
             there a moment after the change, and for as long as the stage keeps it.",
        ),
    }
}

fn parameters(collection: &Collection, verb: Verb) -> Value {
    let names: &[&str] = match verb {
        Verb::Create => &["Idempotency-Key"],
        Verb::List => &["limit", "order", "cursor"],
        Verb::Get => &["id", "If-None-Match"],
        Verb::Update | Verb::Patch | Verb::Delete => &["id", "If-Match"],
        Verb::History => &["id", "limit", "order", "cursor"],
    };
    let shared = names.iter().map(|name| json!({ "$ref": format!("#/components/parameters/{name}") }));
    let filters = collection.filters.iter().filter(|_| verb == Verb::List).map(|filter| {
        let case = if filter.normalization.ignores_case() { ", whatever its case" } else { "" };
        json!({
            "name": filter.field,
            "in": "query",
            "description": format!("Only the records with this `{}`{case}.", filter.field),
            "schema": dialect::openapi(schema::field(collection, filter.field)),
        })
    });
    shared.chain(filters).collect()
}

fn request_body(collection: &Collection, route: &Route) -> Value {
    let schema = json!({ "$ref": format!("#/components/schemas/{}", model_name(route)) });
    let content = json!({ "schema": schema, "example": request_example(collection, route.verb) });
    let content: Map<_, _> = media_types(route.verb).iter().map(|name| ((*name).to_owned(), content.clone())).collect();
    json!({ "required": true, "content": content })
}

/// The media types a verb's body can have, the usual one first.
pub fn media_types(verb: Verb) -> &'static [&'static str] {
    match verb {
        Verb::Create | Verb::Update => &["application/json"],
        Verb::Patch => &["application/merge-patch+json", "application/json"],
        Verb::List | Verb::Get | Verb::Delete | Verb::History => &[],
    }
}

/// A body the operation accepts; where it can do so without references, it can be tried as it is.
pub fn request_example(collection: &Collection, verb: Verb) -> Value {
    let mut example = collection.example.clone();
    let members = example.as_object_mut().expect("a resource is an object");
    let needed = schema::required(&collection.schema);
    let is_reference = |name: &str| collection.references.iter().any(|reference| reference.field == name);
    members.retain(|name, _| needed.contains(&name.as_str()) || !is_reference(name));
    if verb == Verb::Patch {
        let first = needed.iter().find(|name| !is_reference(name));
        members.retain(|name, _| Some(&name.as_str()) == first);
    }
    example
}

fn responses(collection: &Collection, verb: Verb) -> Value {
    let successes = responses::successes(verb).iter().map(|status| (*status, success(collection, verb, *status)));
    let problems = responses::problems(collection, verb).into_iter();
    let problems = problems.map(|status| (status, responses::problem_reference(collection, status)));
    let all: Map<String, Value> =
        successes.chain(problems).map(|(status, value)| (status.as_str().to_owned(), value)).collect();
    all.into()
}

fn success(collection: &Collection, verb: Verb, status: StatusCode) -> Value {
    let description = match status {
        StatusCode::NOT_MODIFIED => "The client holds the current version already.",
        StatusCode::NO_CONTENT => "The record is gone.",
        _ if verb == Verb::List => "A page of records.",
        _ if verb == Verb::History => "A page of changes.",
        _ => "The record as it is now.",
    };
    let mut response = json!({ "description": description, "headers": headers(verb, status) });
    let (name, example) = match verb {
        Verb::List => (
            format!("{}Page", record_name(collection)),
            json!({ "data": [schema::record_example(collection)], "nextCursor": null }),
        ),
        Verb::History => (history::PAGE.into(), history::page_example(collection)),
        _ => (record_name(collection), schema::record_example(collection)),
    };
    if !matches!(status, StatusCode::NOT_MODIFIED | StatusCode::NO_CONTENT) {
        let schema = json!({ "$ref": format!("#/components/schemas/{name}") });
        response["content"] = json!({ "application/json": { "schema": schema, "example": example } });
    }
    if verb == Verb::Create {
        response["links"] = links(collection);
    }
    response
}

fn headers(verb: Verb, status: StatusCode) -> Value {
    let names: &[&str] = match (verb, status) {
        (Verb::Create, _) => &["ETag", "Location"],
        (Verb::List | Verb::History, _) => &["Link"],
        (Verb::Delete, _) => &[],
        _ => &["ETag"],
    };
    responses::reference_headers(names)
}

/// What can be done next with a record just created.
fn links(collection: &Collection) -> Value {
    let link = |route: &Route| {
        let mut parameters = json!({ "id": "$response.body#/id" });
        if !matches!(route.verb, Verb::Get | Verb::History) {
            parameters["If-Match"] = "$response.header.ETag".into();
        }
        (route.operation.clone(), json!({ "operationId": route.operation, "parameters": parameters }))
    };
    collection.routes.iter().filter(|route| route.verb.has_id()).map(link).collect::<Map<_, _>>().into()
}
