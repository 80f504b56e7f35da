//! Reads of single rows and of table statistics for migrations.

use aws_sdk_dynamodb::types::{ConditionCheck, ReturnValuesOnConditionCheckFailure};

use super::{RawExpression, StoredRow, WriteMarker};
use crate::{
    error::Error,
    store::{
        Store,
        request::to_error,
        row::{ID, WRITE_ID, string},
        transaction,
    },
};

impl Store {
    /// Returns true if a row that has the marker matches the filter, as DynamoDB evaluates it. Returns `None` if the row
    /// does not have the marker.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if the request can be retried.
    pub async fn row_matches(
        &self,
        table: &str,
        id: &str,
        filter: &RawExpression,
        marker: &WriteMarker,
    ) -> Result<Option<bool>, Error> {
        let mut names = filter.names.clone();
        names.insert("#mgWriteId".into(), WRITE_ID.into());
        let mut values = filter.attribute_values();
        values.insert(":mgRun".into(), string(&marker.run));
        let check = ConditionCheck::builder()
            .table_name(self.table_name(table))
            .key(ID, string(id))
            .condition_expression(format!("begins_with(#mgWriteId, :mgRun) AND ({})", filter.text))
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        Ok(match transaction::transact(self, vec![transaction::check(check)]).await? {
            Ok(()) => Some(true),
            Err(rejections) => {
                let row = rejections.into_iter().find_map(|(_, row)| row).map(StoredRow);
                row.filter(|row| row.is_written_by_run(marker)).map(|_| false)
            }
        })
    }

    /// Returns the approximate number of rows of a table, if permitted. DynamoDB updates it about every six hours.
    pub async fn approximate_row_count(&self, table: &str) -> Option<u64> {
        let output = self.client.describe_table().table_name(self.table_name(table)).send().await.ok()?;
        output.table()?.item_count().and_then(|count| u64::try_from(count).ok())
    }

    /// Puts a copy of a row into this store, to try a write on it.
    ///
    /// # Errors
    /// Returns the errors of a write.
    pub async fn put_copy(&self, table: &str, row: &StoredRow) -> Result<(), Error> {
        let request = self.client.put_item().table_name(self.table_name(table)).set_item(Some(row.0.clone()));
        request.send().await.map(drop).map_err(to_error)
    }

    /// Reads the row with this id, strongly consistent.
    ///
    /// # Errors
    /// Returns the errors of a read.
    pub async fn read_row(&self, table: &str, id: &str) -> Result<Option<StoredRow>, Error> {
        let request = self.client.get_item().table_name(self.table_name(table)).key(ID, string(id));
        let output = request.consistent_read(true).send().await.map_err(to_error)?;
        Ok(output.item.map(StoredRow))
    }
}
