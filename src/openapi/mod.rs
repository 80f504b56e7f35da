//! The contract: what routes and types say, as documents.
//!
//! [`document`] is `openapi.json`. [`files`] is everything that is generated from it and
//! the routes.

mod catalogue;
pub mod compatibility;
mod dialect;
mod document;
mod events;
mod files;
mod history;
mod operation;
mod postman;
mod responses;
mod schema;
pub mod shards;

use serde_json::Value;

use crate::routes::{Collection, Route, Verb, resources};

pub use document::document;
pub use files::{DOCUMENT, File, RELEASED, drift, files, leftovers};

/// The JSON Schema (draft 4) of an operation's request body, which the gateway checks before the function runs.
pub fn request_model(operation: &str) -> Option<Value> {
    resources().iter().find_map(|collection| {
        let route = collection.routes.iter().find(|route| route.operation == operation)?;
        request_schema(collection, route.verb).map(dialect::draft4)
    })
}

/// What the body of a request must look like (2020-12), where the operation reads one.
fn request_schema(collection: &Collection, verb: Verb) -> Option<Value> {
    match verb {
        Verb::Create | Verb::Update => Some(schema::whole(collection)),
        Verb::Patch => Some(schema::patch(collection)),
        Verb::List | Verb::Get | Verb::Delete | Verb::History => None,
    }
}

/// The name of an operation's request model: `items_create` reads `ItemsCreate`.
fn model_name(route: &Route) -> String {
    pascal_case(&route.operation)
}

/// The name of a record's schema: `items` are each an `Item`.
fn record_name(collection: &Collection) -> String {
    pascal_case(collection.singular)
}

fn pascal_case(name: &str) -> String {
    name.split('_').fold(String::new(), |text, word| {
        let mut letters = word.chars();
        let initial = letters.next().map(|letter| letter.to_ascii_uppercase());
        text + &initial.into_iter().chain(letters).collect::<String>()
    })
}
