//! A service: the list of its resources, actions and consumers, and what follows from it.

use super::{ConsumerDefinition, Job, consumers, jobs};
#[cfg(feature = "local")]
use crate::operations::Collection;
use crate::{
    migrate::{Migrations, Transform},
    operations::{Operation, crud},
    record::Resource,
    store::{RowSchema, TableDefinition, answers_table, bookkeeping_table, history_table, resource_table},
    streams::Decoder,
};

/// A service: its resources, its operations beyond CRUD, its consumers of events and its migrations.
///
/// Every cold start builds one. It holds function pointers, so that a function builds only what it needs.
#[derive(Clone, Default)]
pub struct Service {
    resources: Vec<Entry>,
    actions: Vec<fn() -> Operation>,
    consumers: Vec<fn() -> ConsumerDefinition>,
    files: &'static [(&'static str, &'static str)],
    transforms: &'static [(&'static str, Transform)],
}

/// The parts of a resource that the service needs, independent of its type.
#[derive(Clone)]
struct Entry {
    decoder: Decoder,
    table: fn() -> TableDefinition,
    row_schema: fn() -> RowSchema,
    operations: fn() -> Vec<Operation>,
    #[cfg(feature = "local")]
    collection: fn() -> Collection,
}

impl Service {
    /// Returns a service without resources.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a resource, which has the operations of [`crud`].
    #[must_use]
    pub fn resource<R: Resource>(mut self) -> Self {
        self.resources.push(Entry {
            decoder: Decoder::of::<R>(),
            table: resource_table::<R>,
            row_schema: RowSchema::of::<R>,
            operations: crud::<R>,
            #[cfg(feature = "local")]
            collection: Collection::of::<R>,
        });
        self
    }

    /// Adds an operation beyond CRUD.
    #[must_use]
    pub fn action(mut self, operation: fn() -> Operation) -> Self {
        self.actions.push(operation);
        self
    }

    /// Adds a consumer of events.
    #[must_use]
    pub fn consumer(mut self, definition: fn() -> ConsumerDefinition) -> Self {
        self.consumers.push(definition);
        self
    }

    /// Sets the migrations: the names and contents of their files, and the transforms that the files name.
    #[must_use]
    pub fn migrations(
        mut self,
        files: &'static [(&'static str, &'static str)],
        transforms: &'static [(&'static str, Transform)],
    ) -> Self {
        (self.files, self.transforms) = (files, transforms);
        self
    }

    /// Returns every operation: those of the resources, and then those beyond CRUD.
    pub fn operations(&self) -> Vec<Operation> {
        self.resources.iter().flat_map(|entry| (entry.operations)()).chain(self.actions()).collect()
    }

    /// Returns the operations beyond CRUD.
    pub fn actions(&self) -> impl Iterator<Item = Operation> {
        self.actions.iter().map(|operation| operation())
    }

    /// Returns the decoder of each resource's changes.
    pub fn decoders(&self) -> Vec<Decoder> {
        self.resources.iter().map(|entry| entry.decoder).collect()
    }

    /// Returns every table: those of the resources, the bookkeeping, the history and the answers of the upstream API.
    pub fn tables(&self) -> Vec<TableDefinition> {
        let shared = [bookkeeping_table(), history_table(), answers_table()];
        self.resources.iter().map(|entry| (entry.table)()).chain(shared).collect()
    }

    /// Returns the schema of each resource's rows.
    pub fn row_schemas(&self) -> Vec<RowSchema> {
        self.resources.iter().map(|entry| (entry.row_schema)()).collect()
    }

    /// Returns every consumer: the two that read the streams, and then those of events.
    pub fn consumers(&self) -> Vec<ConsumerDefinition> {
        let of_streams = [consumers::audit_append(self.decoders()), consumers::events_publish(self.decoders())];
        of_streams.into_iter().chain(self.consumers.iter().map(|definition| definition())).collect()
    }

    /// Returns every job.
    pub fn jobs(&self) -> Vec<Job> {
        vec![jobs::migrations_run(self.migration_sources())]
    }

    /// Returns the migrations, whose files are not parsed yet.
    pub fn migration_sources(&self) -> Migrations {
        Migrations { schemas: self.row_schemas(), files: self.files, transforms: self.transforms }
    }
}

#[cfg(feature = "local")]
impl Service {
    /// Describes every resource. This generates their schemas, which only the contract needs.
    pub fn resources(&self) -> Vec<Collection> {
        self.resources.iter().map(|entry| (entry.collection)()).collect()
    }
}
