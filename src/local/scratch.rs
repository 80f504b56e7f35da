//! A temporary database in memory with the service's tables.

use tokio::net::TcpListener;

use super::{
    StartError,
    database::{Embedded, embedded_client},
};
use crate::{
    cursors::CursorKeys,
    store::{Store, TableDefinition, create_missing_tables},
};

/// Empty tables, which are dropped with the value.
pub struct Scratch {
    store: Store,
    _embedded: Embedded,
}

impl Scratch {
    /// Creates these tables, without streams.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(tables: Vec<TableDefinition>) -> Result<Self, StartError> {
        let failed = |cause| StartError::Address { address: "127.0.0.1".into(), cause };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let url = format!("http://{}", listener.local_addr().map_err(failed)?);
        let embedded = Embedded::start(None, listener)?;
        let store = Store::new(embedded_client(&url), "scratch-", CursorKeys::none());
        let tables: Vec<_> = tables.into_iter().map(TableDefinition::without_stream).collect();
        create_missing_tables(&store, &tables).await.map_err(StartError::refused)?;
        Ok(Self { store, _embedded: embedded })
    }

    /// Returns the store of the tables.
    pub fn store(&self) -> &Store {
        &self.store
    }
}
