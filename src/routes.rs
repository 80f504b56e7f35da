//! The list of what the API serves. Everything else that names a route is derived from it.

mod consumers;

use std::{pin::Pin, sync::Arc};

use schemars::generate::SchemaSettings;
use serde::Serialize;

pub use consumers::{ConsumerDefinition, Source, Start, consumers, decoders};

use crate::{
    app::App,
    error::Error,
    handlers,
    http::{Answer, Request},
    record::{Filter, Reference, Resource, Unique, to_object},
    resources::{Item, User},
    store::{BOOKKEEPING, HISTORY, Shape, TableDefinition, bookkeeping_table, history_table, resource_table},
};

/// The list: a line for each resource.
fn each(reader: &mut impl ReadResource) {
    reader.read::<Item>();
    reader.read::<User>();
}

/// Makes something of each resource's type.
trait ReadResource {
    fn read<R: Resource>(&mut self);
}

/// Every resource, with its routes.
pub fn resources() -> Vec<Collection> {
    let mut collections = Vec::new();
    each(&mut collections);
    collections
}

impl ReadResource for Vec<Collection> {
    fn read<R: Resource>(&mut self) {
        self.push(Collection::of::<R>());
    }
}

/// Every route.
pub fn routes() -> Vec<Route> {
    resources().into_iter().flat_map(|collection| collection.routes).collect()
}

/// Every table.
pub fn tables() -> Vec<TableDefinition> {
    resources().into_iter().map(|collection| collection.table).chain([bookkeeping_table(), history_table()]).collect()
}

/// What runs beside the routes: a function each, started by hand or by a schedule.
pub fn jobs() -> Vec<Job> {
    let tables = resources().into_iter().map(|collection| on(collection.name, MIGRATION_ACTIONS));
    let ledger = on(BOOKKEEPING, &["GetItem", "PutItem", "UpdateItem"]);
    vec![Job { name: "migrations_run", grants: tables.chain([ledger]).collect() }]
}

/// What a migration does to a table.
const MIGRATION_ACTIONS: &[&str] = &["ConditionCheckItem", "Scan", "UpdateItem"];

/// A function that no route calls.
#[derive(Clone, Debug, Serialize)]
pub struct Job {
    /// The Lambda, which is also the binary.
    pub name: &'static str,
    /// The DynamoDB actions it needs, and no others.
    pub grants: Vec<Grant>,
}

/// A resource, its table and its routes.
pub struct Collection {
    /// The plural name.
    pub name: &'static str,
    /// The singular name.
    pub singular: &'static str,
    /// The resource as a JSON Schema (draft 2020-12), with everything it refers to inlined.
    pub schema: serde_json::Value,
    /// A valid resource with every field.
    pub example: serde_json::Value,
    /// The list's filters.
    pub filters: &'static [Filter],
    /// The fields no two records share.
    pub unique: &'static [Unique],
    /// The fields that name other records.
    pub references: &'static [Reference],
    /// Its table.
    pub table: TableDefinition,
    /// What a migration of its rows must know.
    pub shape: Shape,
    /// Its routes.
    pub routes: Vec<Route>,
}

/// What an operation does to a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Verb {
    Create,
    List,
    Get,
    Update,
    Patch,
    Delete,
    History,
}

impl Verb {
    /// Its HTTP method.
    pub fn method(self) -> &'static str {
        match self {
            Self::Create => "POST",
            Self::List | Self::Get | Self::History => "GET",
            Self::Update => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Its part of an operation's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::List => "list",
            Self::Get => "get",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::History => "history",
        }
    }

    /// The end of its path, after the collection.
    pub fn path(self) -> &'static str {
        match self {
            Self::Create | Self::List => "",
            Self::History => "/{id}/history",
            Self::Get | Self::Update | Self::Patch | Self::Delete => "/{id}",
        }
    }

    /// Whether it is about one record, named in the path.
    pub fn has_id(self) -> bool {
        !matches!(self, Self::Create | Self::List)
    }

    /// Whether it reads a body.
    pub fn has_body(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Patch)
    }
}

/// An operation: a method on a path, the function that carries it out, and what that one may do.
#[derive(Clone)]
pub struct Route {
    /// What it does.
    pub verb: Verb,
    /// The HTTP method.
    pub method: &'static str,
    /// The path template.
    pub path: String,
    /// The operation's name: the function's, but for PATCH, which shares the function of PUT.
    pub operation: String,
    /// The Lambda, which is also the binary.
    pub function: String,
    /// The DynamoDB actions it needs, and no others.
    pub grants: Vec<Grant>,
    /// The secrets it reads: `cursor`, where it signs and opens cursors.
    pub secrets: &'static [&'static str],
    /// The code.
    pub handler: Handler,
}

/// DynamoDB actions on a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// The table, without the deployment's prefix.
    pub table: &'static str,
    /// The actions, without `dynamodb:`.
    pub actions: Vec<&'static str>,
    /// The indexes of the table they are on; none where they are on the table itself.
    pub indexes: Vec<String>,
}

/// A handler of any resource.
pub type Handler = Arc<dyn Fn(Arc<App>, Request) -> HandlerFuture + Send + Sync>;
/// What a handler returns.
pub type HandlerFuture = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send>>;

impl Collection {
    fn of<R: Resource>() -> Self {
        let route = |verb: Verb, grants, handler| Route {
            verb,
            method: verb.method(),
            path: format!("/v1/{}{}", R::COLLECTION, verb.path()),
            operation: format!("{}_{}", R::COLLECTION, verb.name()),
            function: format!("{}_{}", R::COLLECTION, if verb == Verb::Patch { Verb::Update } else { verb }.name()),
            grants,
            secrets: if matches!(verb, Verb::List | Verb::History) { &["cursor"] } else { &[] },
            handler,
        };
        let own = |actions: &[&'static str]| on(R::COLLECTION, actions);
        let references = || R::REFERENCES.iter().map(|reference| on(reference.collection, &["ConditionCheckItem"]));
        let uniques = |actions| (!R::UNIQUE.is_empty()).then(|| on(BOOKKEEPING, actions));

        let create = merged([own(&["PutItem"]), on(BOOKKEEPING, &["PutItem"])].into_iter().chain(references()));
        let indexes = resource_table::<R>().indexes.into_iter().map(|index| index.name);
        let list = vec![Grant { indexes: indexes.collect(), ..own(&["Query"]) }];
        // Whether an update whose answer was lost has been carried out, the record tells.
        let update = merged(
            [own(&["GetItem", "UpdateItem"])]
                .into_iter()
                .chain(uniques(&["DeleteItem", "PutItem"]))
                .chain(references()),
        );
        let read_uniques = uniques(&[]).map(|_| own(&["GetItem"]));
        let signed = on(BOOKKEEPING, &["PutItem"]);
        let delete =
            merged(read_uniques.into_iter().chain([own(&["DeleteItem"]), signed]).chain(uniques(&["DeleteItem"])));
        let history = vec![on(HISTORY, &["Query"]), own(&["GetItem"])];

        Self {
            name: R::COLLECTION,
            singular: R::NAME,
            schema: schema::<R>(),
            example: to_object(&R::example()).into(),
            filters: R::FILTERS,
            unique: R::UNIQUE,
            references: R::REFERENCES,
            table: resource_table::<R>(),
            shape: Shape::of::<R>(),
            routes: vec![
                route(Verb::Create, create, boxed(handlers::create::<R>)),
                route(Verb::List, list, boxed(handlers::list::<R>)),
                route(Verb::Get, vec![own(&["GetItem"])], boxed(handlers::get::<R>)),
                route(Verb::Update, update.clone(), boxed(handlers::update::<R>)),
                route(Verb::Patch, update, boxed(handlers::update::<R>)),
                route(Verb::Delete, delete, boxed(handlers::delete::<R>)),
                route(Verb::History, history, boxed(handlers::history::<R>)),
            ],
        }
    }
}

fn schema<R: Resource>() -> serde_json::Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<R>().to_value()
}

fn on(table: &'static str, actions: &[&'static str]) -> Grant {
    Grant { table, actions: actions.to_vec(), indexes: Vec::new() }
}

/// One grant a table.
fn merged(grants: impl IntoIterator<Item = Grant>) -> Vec<Grant> {
    let mut merged: Vec<Grant> = Vec::new();
    for grant in grants {
        match merged.iter_mut().find(|known| known.table == grant.table) {
            Some(known) => known.actions.extend(grant.actions),
            None => merged.push(grant),
        }
    }
    merged
}

fn boxed<H, F>(handler: H) -> Handler
where
    H: Fn(Arc<App>, Request) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Answer, Error>> + Send + 'static,
{
    Arc::new(move |app, request| Box::pin(handler(app, request)))
}
