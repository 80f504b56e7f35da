//! The list of the API's operations. Everything else that names an operation is derived from it.

mod collection;
mod contract;
mod crud;
mod grant;
pub mod history;
mod operation;
pub mod parameters;
pub mod schema;

pub use collection::{Collection, pascal_case};
pub use contract::{ACTIONS, Body, Content, Contract, Link, Parameter, ProblemResponse, Response};
pub use crud::crud;
pub use grant::Grant;
pub use operation::{Access, Handler, HandlerFuture, Operation};

use crate::{
    actions,
    record::Resource,
    resources::{Item, User},
    store::{RowSchema, TableDefinition, answers_table, bookkeeping_table, history_table, resource_table},
};

/// The list: one line for each resource, and one for each operation beyond CRUD.
pub(crate) fn list(list: &mut impl List) {
    list.resource::<Item>();
    list.resource::<User>();
    list.action(actions::publish::operation);
    list.action(actions::describe::operation);
    list.action(actions::paraphrase::operation);
}

/// A collector of the entries of the list.
pub(crate) trait List {
    /// Adds a resource, which has the operations of [`crud`].
    fn resource<R: Resource>(&mut self);
    /// Adds an operation beyond CRUD.
    fn action(&mut self, _operation: fn() -> Operation) {}
}

/// Returns every operation.
pub fn operations() -> Vec<Operation> {
    let mut operations = Vec::new();
    list(&mut operations);
    operations
}

impl List for Vec<Operation> {
    fn resource<R: Resource>(&mut self) {
        self.extend(crud::<R>());
    }

    fn action(&mut self, operation: fn() -> Operation) {
        self.push(operation());
    }
}

/// Returns the operations beyond CRUD.
pub fn actions() -> Vec<Operation> {
    let mut actions = Actions(Vec::new());
    list(&mut actions);
    actions.0
}

struct Actions(Vec<Operation>);

impl List for Actions {
    fn resource<R: Resource>(&mut self) {}

    fn action(&mut self, operation: fn() -> Operation) {
        self.0.push(operation());
    }
}

/// Returns every resource.
pub fn resources() -> Vec<Collection> {
    let mut collections = Vec::new();
    list(&mut collections);
    collections
}

impl List for Vec<Collection> {
    fn resource<R: Resource>(&mut self) {
        self.push(Collection::of::<R>());
    }
}

/// Returns every table.
pub fn tables() -> Vec<TableDefinition> {
    let mut tables = Vec::new();
    list(&mut tables);
    tables.extend([bookkeeping_table(), history_table(), answers_table()]);
    tables
}

impl List for Vec<TableDefinition> {
    fn resource<R: Resource>(&mut self) {
        self.push(resource_table::<R>());
    }
}

/// Returns the row schema of each collection.
pub fn row_schemas() -> Vec<(&'static str, RowSchema)> {
    let mut schemas = Vec::new();
    list(&mut schemas);
    schemas
}

impl List for Vec<(&'static str, RowSchema)> {
    fn resource<R: Resource>(&mut self) {
        self.push((R::COLLECTION, RowSchema::of::<R>()));
    }
}
