//! `POST /v1/items/{id}/describe`

use std::sync::Arc;

use serde_json::Map;
use validator::Validate;

use crate::{
    app::App,
    error::Error,
    http::{self, Answer, Request},
    operations::{Collection, Contract, Grant, Operation, Response, parameters},
    record::{Edit, Precondition, Resource},
    resources::Item,
};

const DESCRIPTION: &str = "Says the item's description, or its name if it has none, in other words, and saves that as its \
    description. An item that changes meanwhile stays as it is: the answer is 412 then.";

/// Rewrites the description of an item: 200 with the record. The write requires the version that was rewritten.
async fn describe(app: Arc<App>, request: Request) -> Result<Answer, Error> {
    let (id, precondition) = Error::join(http::id(&request), http::precondition(&request))?;
    let principal = http::principal(&request);
    let items = app.store.table::<Item>(principal);
    let item = items.get_for_update(id).await?;
    if !precondition.holds(item.version) {
        return Err(Error::StaleVersion);
    }
    let description = item.resource.description.as_ref().filter(|description| !description.is_empty());
    let text = description.unwrap_or(&item.resource.name);
    let text = app.rewrite(principal, text).await?;
    let patch = Map::from_iter([("description".to_owned(), text.as_str().into())]);
    let values = Item { description: Some(text), ..item.resource };
    if values.validate().is_err_and(|faults| faults.field_errors().contains_key("description")) {
        return Err(Error::BadUpstream("the text is not valid as a description".into()));
    }
    let read_version = Precondition::VersionIn(vec![item.version]);
    let item = items.update(id, &read_version, &Edit::Merge { patch, values }).await?;
    Ok(http::ok(&item))
}

/// Describes the operation.
pub fn operation() -> Operation {
    Operation::new("POST", "/v1/items/{id}/describe", "items_describe", Item::ACCESS.update, describe, || {
        let contract = Contract {
            parameters: vec![parameters::id(), parameters::if_match()],
            responses: vec![Response::record(200, &Collection::of::<Item>())],
            grants: vec![Grant::on("items", &["GetItem", "UpdateItem"]), Grant::on("answers", &["GetItem", "PutItem"])],
            ..Contract::new("items", "Describe item", DESCRIPTION)
        };
        contract.calling_upstream().problems(&[404, 412])
    })
}
