//! `POST /v1/items/{id}/publish`

use std::sync::Arc;

use crate::{
    app::App,
    error::Error,
    http::{self, Answer, Request},
    operations::{Collection, Contract, Grant, Operation, Response, parameters},
    record::Resource,
    resources::{Item, ItemStatus::*},
};

const DESCRIPTION: &str = "Puts a draft on offer: its status becomes `active`. An item that is active already is \
    answered as it is, so that a repeat does no harm; an archived one is refused.";
const ARCHIVED: Error = Error::WrongState("An archived item cannot be published.");

/// Publishes a draft: 200 with the record. An active item stays unchanged; an archived one is rejected.
async fn publish(app: Arc<App>, request: Request) -> Result<Answer, Error> {
    let (id, precondition) = Error::join(http::id(&request), http::precondition(&request))?;
    let items = app.store.table::<Item>(http::principal(&request));
    match items.transition(id, &precondition, "status", Draft, Active).await? {
        Ok(item) => Ok(http::ok(&item)),
        Err(item) if item.resource.status == Active => Ok(http::ok(&item)),
        Err(_) => Err(ARCHIVED),
    }
}

/// Describes the operation.
pub fn operation() -> Operation {
    Operation::new("POST", "/v1/items/{id}/publish", "items_publish", Item::ACCESS.update, publish, || Contract {
        parameters: vec![parameters::id(), parameters::if_match()],
        responses: vec![Response::record(200, &Collection::of::<Item>())],
        grants: vec![Grant::on("items", &["GetItem", "UpdateItem"])],
        ..Contract::new("items", "Publish item", DESCRIPTION).problems(&[404, 412]).problem(409, ARCHIVED)
    })
}
