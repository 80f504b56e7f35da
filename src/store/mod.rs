//! Typed tables over DynamoDB. Each write carries its condition.
//!
//! [`Table`] has a method for each operation on records, and applies the access rules of the resource for its principal. Reads and plain writes are one request each. A write that
//! changes a unique field or a reference is one transaction.
//!
//! Migrations work on raw rows: [`Store::scan_page`] and [`Store::write_row`] read and write them, and the
//! `ledger_` methods store their progress.

mod access;
mod admin;
mod backfill;
mod engine;
mod entry;
mod expression;
mod guards;
mod health;
mod history;
mod history_page;
mod index_query;
mod indexes;
mod ledger;
mod list;
mod lock;
mod prime;
mod probe;
mod request;
mod rewrite;
mod row;
mod row_schema;
mod schema;
mod stored_row;
mod table;
mod transaction;
mod transition;
mod update;

use std::{marker::PhantomData, sync::Arc};

use aws_sdk_dynamodb::{Client, config::retry::RetryConfig};

pub use admin::create_missing_tables;
pub use backfill::{PageRequest, RawExpression, ScannedPage, WriteOutcome};
pub use entry::{Entry, Segment, State};
pub use index_query::unindexed_reads;
pub use indexes::{TableKeys, add_index, remove_index, table_keys};
pub use lock::LockRow;
pub use request::metered;
pub use rewrite::RowUpdate;
pub use row::{MIGRATION, Row, TENANT, WRITE_ID, WRITTEN_BY, decode, encode, without_own_attributes};
pub use row_schema::RowSchema;
pub use schema::{
    BOOKKEEPING, BOOKKEEPING_KEY, HISTORY, IndexDefinition, TableDefinition, bookkeeping_table, history_table,
    resource_table,
};
pub use stored_row::{StoredRow, WriteMarker};

use crate::{access::Principal, cursors::CursorKeys, record::Resource};
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

    /// Returns the table of a resource, as `principal` may use it.
    pub fn table<'a, R: Resource>(&'a self, principal: &'a Principal) -> Table<'a, R> {
        Table { store: self, resource: PhantomData, principal }
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
    /// The principal that reads and writes. Rows store its id for the history.
    principal: &'a Principal,
}
