//! The preset: the operations every resource has.

mod contracts;
mod grants;

use super::{Collection, Contract, Operation};
use crate::{handlers, record::Resource};

/// The CRUD operations of a resource, and its history.
pub fn crud<R: Resource>() -> Vec<Operation> {
    let (all, one) = (format!("/v1/{}", R::COLLECTION), format!("/v1/{}/{{id}}", R::COLLECTION));
    let name = |verb: &str| format!("{}_{verb}", R::COLLECTION);
    // Each a function pointer: it captures nothing.
    let create: fn() -> Contract = || contracts::create(&Collection::of::<R>());
    let list: fn() -> Contract = || contracts::list(&Collection::of::<R>());
    let get: fn() -> Contract = || contracts::get(&Collection::of::<R>());
    let update: fn() -> Contract = || contracts::update(&Collection::of::<R>());
    let patch: fn() -> Contract = || contracts::patch(&Collection::of::<R>());
    let delete: fn() -> Contract = || contracts::delete(&Collection::of::<R>());
    let history: fn() -> Contract = || contracts::history(&Collection::of::<R>());

    let replace = Operation::new("PUT", &one, name("update"), handlers::update::<R>, update);
    let merge = replace.variant("PATCH", name("patch"), patch);
    vec![
        Operation::new("POST", &all, name("create"), handlers::create::<R>, create),
        Operation::new("GET", &all, name("list"), handlers::list::<R>, list),
        Operation::new("GET", &one, name("get"), handlers::get::<R>, get),
        replace,
        merge,
        Operation::new("DELETE", &one, name("delete"), handlers::delete::<R>, delete),
        Operation::new("GET", format!("{one}/history"), name("history"), handlers::history::<R>, history),
    ]
}
