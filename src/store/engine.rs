//! Checks for the DynamoDB features that the store requires and other engines may lack.

use aws_sdk_dynamodb::{
    operation::put_item::PutItemError,
    types::{Put, ReturnValuesOnConditionCheckFailure},
};

use super::{
    Store,
    request::to_error,
    row::{Row, number, string},
    schema::{BOOKKEEPING, BOOKKEEPING_KEY, EXPIRES_AT},
    transaction,
};
use crate::{error::Error, record::now};

/// The key of a row that exists to make conditions fail.
const PROBE: &str = "engine-probe";
/// The lifetime of the row, in seconds.
const PROBE_LIFETIME: i64 = 24 * 60 * 60;
const ABSENT: &str = "attribute_not_exists(#pk)";

impl Store {
    /// Returns the first feature that the engine lacks, or `None` if it has all of them.
    ///
    /// A write whose condition fails must return the current row, also in a transaction. Without the row, a stale version
    /// cannot be told from a missing record.
    ///
    /// # Errors
    /// Returns the errors of a write.
    pub async fn missing_feature(&self) -> Result<Option<&'static str>, Error> {
        // The first put creates the row, unless an earlier start did.
        let failure = match self.put_probe().await? {
            None => self.put_probe().await?,
            failure => failure,
        };
        Ok(match failure {
            None => Some("condition expressions"),
            Some(None) => Some("ReturnValuesOnConditionCheckFailure"),
            Some(Some(_)) => self.missing_feature_of_transactions().await?,
        })
    }

    /// Puts the row if it is absent. Otherwise returns the failure, with the current row if the engine returns it.
    async fn put_probe(&self) -> Result<Option<Option<Row>>, Error> {
        let request = self.client.put_item().table_name(self.table_name(BOOKKEEPING)).set_item(Some(probe_row()));
        let request = request
            .condition_expression(ABSENT)
            .expression_attribute_names("#pk", BOOKKEEPING_KEY)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(_) => Ok(None),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => Ok(Some(failed.item().cloned())),
                _ => Err(to_error(error)),
            },
        }
    }

    async fn missing_feature_of_transactions(&self) -> Result<Option<&'static str>, Error> {
        let put = Put::builder()
            .table_name(self.table_name(BOOKKEEPING))
            .set_item(Some(probe_row()))
            .condition_expression(ABSENT)
            .expression_attribute_names("#pk", BOOKKEEPING_KEY);
        match transaction::transact(self, vec![transaction::put(put)]).await {
            Ok(Err(rejections)) if rejections.iter().all(|(_, row)| row.is_some()) => Ok(None),
            Ok(_) => Ok(Some("ReturnValuesOnConditionCheckFailure in TransactWriteItems")),
            Err(Error::Internal(_)) => Ok(Some("TransactWriteItems")),
            Err(error) => Err(error),
        }
    }
}

fn probe_row() -> Row {
    let expires_at = now().timestamp() + PROBE_LIFETIME;
    Row::from([(BOOKKEEPING_KEY.into(), string(PROBE)), (EXPIRES_AT.into(), number(expires_at))])
}
