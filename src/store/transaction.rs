//! Transactions: all steps take effect, or none.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{CancellationReason, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, TransactWriteItem},
};

use super::{
    Store,
    request::{RetryReason, is_too_large, retry_reason_of_code, retry_while_busy, to_error},
    row::Row,
};
use crate::error::Error;

/// The steps whose conditions failed, by index, each with the current row.
pub type Rejections = Vec<(usize, Option<Row>)>;

/// Runs the steps as one transaction.
///
/// The SDK sends the same client request token with each of its retries, so a transaction whose response was lost is
/// not applied twice.
///
/// # Errors
/// Returns [`Error::Unavailable`] if throttling or conflicts outlast the retries, [`Error::TooLarge`], and
/// [`Error::Internal`].
pub async fn transact(store: &Store, steps: Vec<TransactWriteItem>) -> Result<Result<(), Rejections>, Error> {
    let send = || {
        let request = store.client.transact_write_items().set_transact_items(Some(steps.clone()));
        request.return_consumed_capacity(ReturnConsumedCapacity::Total).send()
    };
    let error = match retry_while_busy(&store.budget, send, retry_reason).await {
        Ok(_) => return Ok(Ok(())),
        Err(error) => error,
    };
    let reasons = reasons(&error);
    match retry_reason(&error) {
        Some(RetryReason::Throttled) => {
            return Err(Error::Unavailable("the transaction was throttled in all attempts".into()));
        }
        Some(RetryReason::InConflict) => {
            return Err(Error::Unavailable("the transaction conflicted with others in all attempts".into()));
        }
        None => {}
    }
    if reasons.iter().filter_map(CancellationReason::message).any(is_too_large) {
        return Err(Error::TooLarge);
    }
    let refused = reasons.iter().enumerate().filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"));
    let rejections: Rejections = refused.map(|(index, reason)| (index, reason.item().cloned())).collect();
    if rejections.is_empty() { Err(to_error(error)) } else { Ok(Err(rejections)) }
}

/// Returns the reason to retry the transaction, if any.
///
/// A failed condition in the same response proves nothing, since another transaction may be half visible.
fn retry_reason(error: &SdkError<TransactWriteItemsError>) -> Option<RetryReason> {
    let mut found = reasons(error).iter().filter_map(CancellationReason::code).filter_map(retry_reason_of_code);
    let first = found.next()?;
    Some(if found.any(|other| other == RetryReason::Throttled) { RetryReason::Throttled } else { first })
}

fn reasons(error: &SdkError<TransactWriteItemsError>) -> &[CancellationReason] {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => cancelled.cancellation_reasons(),
        _ => &[],
    }
}

/// Creates a step that puts a row.
pub fn put(builder: aws_sdk_dynamodb::types::builders::PutBuilder) -> TransactWriteItem {
    let put = builder.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    TransactWriteItem::builder().put(put.build().expect(COMPLETE)).build()
}

/// Creates a step that updates a row.
pub fn update(builder: aws_sdk_dynamodb::types::builders::UpdateBuilder) -> TransactWriteItem {
    let update = builder.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    TransactWriteItem::builder().update(update.build().expect(COMPLETE)).build()
}

/// Creates a step that deletes a row.
pub fn delete(builder: aws_sdk_dynamodb::types::builders::DeleteBuilder) -> TransactWriteItem {
    let delete = builder.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    TransactWriteItem::builder().delete(delete.build().expect(COMPLETE)).build()
}

/// Creates a step that only checks a condition.
pub fn check(builder: aws_sdk_dynamodb::types::builders::ConditionCheckBuilder) -> TransactWriteItem {
    TransactWriteItem::builder().condition_check(builder.build().expect(COMPLETE)).build()
}

const COMPLETE: &str = "all required parts are set";
