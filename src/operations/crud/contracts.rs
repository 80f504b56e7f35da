//! The contracts of the CRUD operations.

use serde_json::{Value, json};

use super::grants;
use crate::{
    error::{Error, Violation},
    operations::{
        Body, Collection, Content, Contract, Link, Response, collection::pascal_case, history, parameters, schema,
    },
};

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// `POST`.
pub fn create(collection: &Collection) -> Contract {
    let contract = Contract {
        parameters: vec![parameters::idempotency_key()],
        body: Some(body(collection, "create", schema::whole(collection), &[JSON])),
        responses: vec![Response {
            headers: &["ETag", "Location"],
            links: links(collection),
            ..Response::record(201, collection)
        }],
        grants: grants::create(collection),
        ..Contract::new(
            collection.name,
            format!("Create {}", collection.singular),
            "Adds a record. With an `Idempotency-Key` it does so once: a repeat of the request gets the first answer \
             again, and another body under the same key is refused.",
        )
    };
    with_conflict(contract.problems(&[413, 415, 422]), collection)
}

/// `GET` of the list.
pub fn list(collection: &Collection) -> Contract {
    let name = collection.record_name();
    let content = Content {
        schema: schema::page("A page of a list.", &name),
        name: format!("{name}Page"),
        example: json!({ "data": [schema::record_example(collection)], "nextCursor": null }),
    };
    let filters = collection.filters.iter().map(|filter| parameters::filter(collection, filter));
    Contract {
        parameters: parameters::page().into_iter().chain(filters).collect(),
        responses: vec![Response::page("A page of records.", content)],
        grants: grants::list(collection),
        secrets: &["cursor"],
        ..Contract::new(
            collection.name,
            format!("List {}", collection.name),
            "Lists records page by page, newest first. `nextCursor`, and the `Link` header with it, lead to the next \
             page. Of the filters one can be used at a time.",
        )
    }
}

/// `GET` of a record.
pub fn get(collection: &Collection) -> Contract {
    let not_modified = Response::empty(304, "The client holds the current version already.", &["ETag"]);
    let contract = Contract {
        parameters: vec![parameters::id(), parameters::if_none_match()],
        responses: vec![Response::record(200, collection), not_modified],
        grants: grants::get(collection),
        ..Contract::new(
            collection.name,
            format!("Get {}", collection.singular),
            "Reads a record, unless the client holds its current version already (`If-None-Match`).",
        )
    };
    contract.problems(&[404])
}

/// `PUT`.
pub fn update(collection: &Collection) -> Contract {
    let contract = Contract {
        body: Some(body(collection, "update", schema::whole(collection), &[JSON])),
        ..Contract::new(
            collection.name,
            format!("Replace {}", collection.singular),
            "Replaces the whole record: fields left out are taken away, or get their default. It never creates one.",
        )
    };
    change(contract, collection)
}

/// `PATCH`.
pub fn patch(collection: &Collection) -> Contract {
    let mut body = body(collection, "patch", schema::patch(collection), &[MERGE_PATCH, JSON]);
    let first = first_plain_field(collection);
    let members = body.content.example.as_object_mut().expect("a resource is an object");
    members.retain(|name, _| Some(name.as_str()) == first);
    let contract = Contract {
        body: Some(body),
        ..Contract::new(
            collection.name,
            format!("Patch {}", collection.singular),
            "Changes the fields the body names and leaves the others (JSON Merge Patch, RFC 7396).",
        )
    };
    change(contract, collection)
}

/// `DELETE`.
pub fn delete(collection: &Collection) -> Contract {
    let contract = Contract {
        parameters: vec![parameters::id(), parameters::if_match()],
        responses: vec![Response::empty(204, "The record is gone.", &[])],
        grants: grants::delete(collection),
        ..Contract::new(
            collection.name,
            format!("Delete {}", collection.singular),
            "Deletes a record. A second time there is none.",
        )
    };
    contract.problems(&[404, 412])
}

/// `GET` of a record's history.
pub fn history(collection: &Collection) -> Contract {
    let content = Content {
        name: history::PAGE.into(),
        schema: schema::page("A page of a history.", history::ENTRY),
        example: history::page_example(collection),
    };
    let contract = Contract {
        parameters: [parameters::id()].into_iter().chain(parameters::page()).collect(),
        responses: vec![Response::page("A page of changes.", content)],
        grants: grants::history(collection),
        secrets: &["cursor"],
        ..Contract::new(
            collection.name,
            format!("History of {}", collection.singular),
            "Lists what happened to a record, also to one that is deleted: newest first, page by page. An entry is \
             there a moment after the change, and for as long as the stage keeps it.",
        )
    };
    contract.problems(&[404])
}

/// Adds the common parts of `PUT` and `PATCH`.
fn change(contract: Contract, collection: &Collection) -> Contract {
    let contract = Contract {
        parameters: vec![parameters::id(), parameters::if_match()],
        responses: vec![Response::record(200, collection)],
        grants: grants::update(collection),
        ..contract
    };
    with_conflict(contract.problems(&[404, 412, 413, 415]), collection)
}

/// Returns a body with a valid example. The example has no optional references, so that it can be sent as it is.
fn body(collection: &Collection, verb: &str, schema: Value, media_types: &'static [&'static str]) -> Body {
    let mut example = collection.example.clone();
    let members = example.as_object_mut().expect("a resource is an object");
    let needed = schema::required(&collection.schema);
    members.retain(|name, _| needed.contains(&name.as_str()) || !is_reference(collection, name));
    let name = pascal_case(&format!("{}_{verb}", collection.name));
    Body { media_types, content: Content { name, schema, example } }
}

fn first_plain_field(collection: &Collection) -> Option<&str> {
    schema::required(&collection.schema).into_iter().find(|name| !is_reference(collection, name))
}

fn is_reference(collection: &Collection, field: &str) -> bool {
    collection.references.iter().any(|reference| reference.field == field)
}

/// Returns links to the operations on a new record.
fn links(collection: &Collection) -> Vec<Link> {
    const ID: (&str, &str) = ("id", "$response.body#/id");
    const VERSION: (&str, &str) = ("If-Match", "$response.header.ETag");
    let link = |verb, parameters| Link { operation: format!("{}_{verb}", collection.name), parameters };
    vec![
        link("get", &[ID]),
        link("update", &[ID, VERSION]),
        link("patch", &[ID, VERSION]),
        link("delete", &[ID, VERSION]),
        link("history", &[ID]),
    ]
}

/// Adds the conflict of values that are not unique and of references to missing records, as the store reports it.
fn with_conflict(contract: Contract, collection: &Collection) -> Contract {
    let taken = |field| Violation::field(field, format!("is taken by another {}", collection.singular));
    let missing = |field, other| Violation::field(field, format!("names no record of {other}"));
    let unique = collection.unique.iter().map(|unique| taken(unique.field));
    let references = collection.references.iter().map(|reference| missing(reference.field, reference.collection));
    let violations: Vec<_> = unique.chain(references).collect();
    if violations.is_empty() { contract } else { contract.problem(409, Error::Conflict(violations)) }
}
