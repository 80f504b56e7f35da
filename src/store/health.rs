//! The health check of DynamoDB.

use super::{BOOKKEEPING, BOOKKEEPING_KEY, Store, request::to_error, row::string};
use crate::error::Error;

impl Store {
    /// Reads a row of the bookkeeping table once. Every deployment has this table.
    ///
    /// # Errors
    /// Returns the errors of a read.
    pub async fn check_health(&self) -> Result<(), Error> {
        let request = self.client_without_retries.get_item().table_name(self.table_name(BOOKKEEPING));
        request.key(BOOKKEEPING_KEY, string("health")).send().await.map(drop).map_err(to_error)
    }
}
