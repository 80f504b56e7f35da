//! A temporary database in memory with the service's tables.

use tokio::net::TcpListener;

use super::{
    StartError,
    database::{Embedded, embedded_client},
    server::unstreamed_tables,
};
use crate::{
    cursors::CursorKeys,
    store::{Store, create_missing_tables},
};

/// Empty tables, which are dropped with the value.
pub struct Scratch {
    store: Store,
    _embedded: Embedded,
}

impl Scratch {
    /// Creates the tables.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start() -> Result<Self, StartError> {
        let failed = |cause| StartError::Address { address: "127.0.0.1".into(), cause };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let url = format!("http://{}", listener.local_addr().map_err(failed)?);
        let embedded = Embedded::start(None, listener)?;
        let store = Store::new(embedded_client(&url), "scratch-", CursorKeys::none());
        create_missing_tables(&store, &unstreamed_tables()).await.map_err(StartError::refused)?;
        Ok(Self { store, _embedded: embedded })
    }

    /// Returns the store of the tables.
    pub fn store(&self) -> &Store {
        &self.store
    }
}
