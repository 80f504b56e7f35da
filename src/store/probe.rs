//! What a migration asks of single rows and of a table, beside its pages and its writes.

use aws_sdk_dynamodb::types::ConditionCheck;

use super::{
    Found, Raw, Store,
    request::failure,
    row::{ID, string},
    transaction,
};
use crate::error::Error;

impl Store {
    /// Whether a row matches, asked of DynamoDB itself.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it is to be asked again.
    pub async fn matches(&self, table: &str, id: &str, filter: &Raw) -> Result<bool, Error> {
        let mut names = filter.names.clone();
        names.insert("#mgId".into(), ID.into());
        let values = filter.attribute_values();
        let check = ConditionCheck::builder()
            .table_name(self.table_name(table))
            .key(ID, string(id))
            .condition_expression(format!("attribute_exists(#mgId) AND ({})", filter.text))
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values((!values.is_empty()).then_some(values));
        Ok(transaction::transact(self, vec![transaction::check(check)]).await?.is_ok())
    }

    /// About how many rows a table has, where that may be asked: DynamoDB counts every six hours.
    pub async fn about_how_many(&self, table: &str) -> Option<u64> {
        let output = self.client.describe_table().table_name(self.table_name(table)).send().await.ok()?;
        output.table()?.item_count().and_then(|count| u64::try_from(count).ok())
    }

    /// A copy of a row put into another store, for a write to be tried there.
    ///
    /// # Errors
    /// As any put.
    pub async fn put_copy(&self, table: &str, row: &Found) -> Result<(), Error> {
        let request = self.client.put_item().table_name(self.table_name(table)).set_item(Some(row.0.clone()));
        request.send().await.map(drop).map_err(failure)
    }

    /// The row with this id, as the last write left it.
    ///
    /// # Errors
    /// As any read.
    pub async fn read_row(&self, table: &str, id: &str) -> Result<Option<Found>, Error> {
        let request = self.client.get_item().table_name(self.table_name(table)).key(ID, string(id));
        let output = request.consistent_read(true).send().await.map_err(failure)?;
        Ok(output.item.map(Found))
    }
}
