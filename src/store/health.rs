//! A read that shows whether DynamoDB answers.

use super::{BOOKKEEPING, BOOKKEEPING_KEY, Store, request::to_error, row::string};
use crate::error::Error;

impl Store {
    /// Asks once for a row of the bookkeeping table, which every deployment has.
    ///
    /// # Errors
    /// As any read.
    pub async fn check_health(&self) -> Result<(), Error> {
        let request = self.client_without_retries.get_item().table_name(self.table_name(BOOKKEEPING));
        request.key(BOOKKEEPING_KEY, string("health")).send().await.map(drop).map_err(to_error)
    }
}
