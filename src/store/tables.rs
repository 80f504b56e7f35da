//! The store and its tables.

use std::{marker::PhantomData, sync::Arc};

use aws_sdk_dynamodb::{Client, config::retry::RetryConfig};

use super::request::RetryBudget;
use crate::{access::Principal, cursors::CursorKeys, record::Resource};

/// The tables of a deployment.
#[derive(Clone)]
pub struct Store {
    pub(super) client: Client,
    /// The client for writes that must not be sent twice.
    pub(super) client_without_retries: Client,
    pub(super) budget: Arc<RetryBudget>,
    table_prefix: String,
    pub(super) cursor_keys: CursorKeys,
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

    pub(super) fn table_name(&self, name: &str) -> String {
        format!("{}{name}", self.table_prefix)
    }
}

/// The records of one resource.
pub struct Table<'a, R> {
    pub(super) store: &'a Store,
    pub(super) resource: PhantomData<R>,
    /// The principal that reads and writes. Rows store its id for the history.
    pub(super) principal: &'a Principal,
}
