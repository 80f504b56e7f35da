//! Typed tables over DynamoDB. Each write carries its condition.
//!
//! [`Table`] has a method for each operation on records. Reads and plain writes are one request each. A write that
//! changes a unique field or a reference is one transaction.
//!
//! Migrations work on raw rows: `migration` has the methods for them, and for the ledger of their progress.

mod admin;
mod answers;
mod engine;
mod expression;
mod guards;
mod health;
mod history;
mod indexes;
mod list;
mod migration;
mod prime;
mod request;
mod row;
mod schema;
mod table;
mod transaction;
mod transition;
mod update;

use std::{marker::PhantomData, sync::Arc};

use aws_sdk_dynamodb::{Client, config::retry::RetryConfig};

pub use admin::create_missing_tables;
pub use answers::Answers;
pub use indexes::{TableKeys, add_index, remove_index, table_keys};
pub use migration::{
    Entry, LockRow, PageRequest, RawExpression, RowSchema, RowUpdate, ScannedPage, Segment, State, StoredRow,
    WriteMarker, WriteOutcome,
};
pub use request::metered;
pub use row::{MIGRATION, Row, WRITE_ID, WRITTEN_BY, decode, encode, without_own_attributes};
pub use schema::{
    ANSWERS, BOOKKEEPING, BOOKKEEPING_KEY, HISTORY, IndexDefinition, TableDefinition, answers_table, bookkeeping_table,
    history_table, resource_table,
};

use crate::{cursors::CursorKeys, record::Resource};
use request::RetryBudget;

/// The tables of a deployment.
#[derive(Clone)]
pub struct Store {
    client: Client,
    /// The client for writes that must not be sent twice.
    client_without_retries: Client,
    budget: Arc<RetryBudget>,
    table_prefix: String,
    cursor_keys: CursorKeys,
}

impl Store {
    /// Creates a store of the tables whose names start with `table_prefix`. `cursor_keys` sign the cursors of its lists.
    pub fn new(client: Client, table_prefix: &str, cursor_keys: CursorKeys) -> Self {
        let once = client.config().to_builder().retry_config(RetryConfig::disabled());
        let client_without_retries = Client::from_conf(once.build());
        let budget = Arc::new(RetryBudget::new());
        Self { client, client_without_retries, budget, table_prefix: table_prefix.to_owned(), cursor_keys }
    }

    /// Returns the table of a resource.
    pub fn table<R: Resource>(&self) -> Table<'_, R> {
        Table { store: self, resource: PhantomData, writer: None }
    }

    /// Returns the keys that sign the cursors of lists.
    pub fn cursor_keys(&self) -> &CursorKeys {
        &self.cursor_keys
    }

    fn table_name(&self, name: &str) -> String {
        format!("{}{name}", self.table_prefix)
    }
}

/// The records of one resource.
pub struct Table<'a, R> {
    store: &'a Store,
    resource: PhantomData<R>,
    /// The principal that writes, if known. Rows store it for the history.
    writer: Option<String>,
}

impl<R> Table<'_, R> {
    /// Sets the principal that rows store as their writer.
    pub fn written_by(self, writer: Option<String>) -> Self {
        Self { writer, ..self }
    }
}
