//! The CRUD operations that every resource has.

mod contracts;
mod grants;

use super::{Collection, Contract, Operation};
use crate::{handlers, record::Resource};

/// Returns the CRUD operations of a resource, and its history.
pub fn crud<R: Resource>() -> Vec<Operation> {
    let (collection, record) = (format!("/v1/{}", R::COLLECTION), format!("/v1/{}/{{id}}", R::COLLECTION));
    let name = |verb: &str| format!("{}_{verb}", R::COLLECTION);
    // Function pointers, since the closures capture nothing.
    let create: fn() -> Contract = || contracts::create(&Collection::of::<R>());
    let list: fn() -> Contract = || contracts::list(&Collection::of::<R>());
    let get: fn() -> Contract = || contracts::get(&Collection::of::<R>());
    let update: fn() -> Contract = || contracts::update(&Collection::of::<R>());
    let patch: fn() -> Contract = || contracts::patch(&Collection::of::<R>());
    let delete: fn() -> Contract = || contracts::delete(&Collection::of::<R>());
    let history: fn() -> Contract = || contracts::history(&Collection::of::<R>());

    let replace = Operation::new("PUT", &record, name("update"), R::ACCESS.update, handlers::update::<R>, update);
    let merge = replace.variant("PATCH", name("patch"), patch);
    vec![
        Operation::new("POST", &collection, name("create"), R::ACCESS.create, handlers::create::<R>, create),
        Operation::new("GET", &collection, name("list"), R::ACCESS.read, handlers::list::<R>, list),
        Operation::new("GET", &record, name("get"), R::ACCESS.read, handlers::get::<R>, get),
        replace,
        merge,
        Operation::new("DELETE", &record, name("delete"), R::ACCESS.delete, handlers::delete::<R>, delete),
        Operation::new(
            "GET",
            format!("{record}/history"),
            name("history"),
            R::ACCESS.history,
            handlers::history::<R>,
            history,
        ),
    ]
}
