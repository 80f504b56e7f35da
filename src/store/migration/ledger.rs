//! The ledger of migrations in the bookkeeping table.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    operation::update_item::{UpdateItemError, UpdateItemOutput},
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};

use super::Entry;
use crate::{
    error::Error,
    store::{
        BOOKKEEPING, BOOKKEEPING_KEY, Row, Store,
        request::{retry_reason, retry_while_busy, to_error},
        row::{number, string},
    },
};

type Values<'a> = &'a [(&'static str, AttributeValue)];

impl Store {
    /// Reads the ledger entry of a migration.
    ///
    /// # Errors
    /// Returns the errors of a read, and [`Error::Corrupt`] for a row that is not a ledger entry.
    pub async fn ledger_entry(&self, number: u32) -> Result<Option<Entry>, Error> {
        self.bookkeeping_row(&entry_key(number)).await?.map(entry).transpose()
    }

    /// Adds an entry, or replaces one that is to run again. Returns false if a later holder of the lock has done so.
    ///
    /// # Errors
    /// Returns the errors of a write.
    pub async fn ledger_begin(&self, entry: &Entry) -> Result<bool, Error> {
        let mut row: Row = serde_dynamo::to_item(entry).expect("an entry is a struct of JSON values");
        row.insert(BOOKKEEPING_KEY.into(), string(entry_key(entry.number)));
        let send = || {
            let request = self.client.put_item().table_name(self.table_name(BOOKKEEPING)).set_item(Some(row.clone()));
            request
                .condition_expression("attribute_not_exists(#pk) OR #fence <= :fence")
                .expression_attribute_names("#pk", BOOKKEEPING_KEY)
                .expression_attribute_names("#fence", "fence")
                .expression_attribute_values(":fence", number(entry.fence))
                .send()
        };
        match retry_while_busy(&self.budget, send, retry_reason).await {
            Ok(_) => Ok(true),
            Err(error) if is_condition(&error) => Ok(false),
            Err(error) => Err(to_error(error)),
        }
    }

    /// Takes over the entry of an earlier run, whose later writes to it are then refused.
    ///
    /// # Errors
    /// Returns the errors of a write.
    pub async fn ledger_take(&self, number_: u32, fence: u64, who: &str) -> Result<Option<Entry>, Error> {
        let values = [(":fence", number(fence)), (":who", string(who))];
        let update = "SET #fence = :fence, #who = :who";
        let taken = self.change(&entry_key(number_), update, "#fence <= :fence", &values).await?;
        taken.ok().map(entry).transpose()
    }

    /// Stores the checkpoint of a segment. Returns false if a later holder of the lock has taken over.
    ///
    /// # Errors
    /// Returns the errors of a write.
    pub async fn ledger_checkpoint(&self, entry: &Entry, segment: usize) -> Result<bool, Error> {
        let value =
            serde_dynamo::to_attribute_value(&entry.segments[segment]).expect("JSON values convert to attributes");
        let values = [(":fence", number(entry.fence)), (":segment", value), (":duration", number(entry.duration_ms))];
        let update = format!("SET #segments[{segment}] = :segment, #durationMs = :duration");
        Ok(self.change(&entry_key(entry.number), &update, "#fence = :fence", &values).await?.is_ok())
    }

    /// Stores the state of a migration. Returns false if a later holder of the lock has taken over.
    ///
    /// # Errors
    /// Returns the errors of a write.
    pub async fn ledger_state(&self, entry: &Entry) -> Result<bool, Error> {
        let state = serde_dynamo::to_attribute_value(entry.state).expect("JSON values convert to attributes");
        let values = [
            (":fence", number(entry.fence)),
            (":state", state),
            (":finished", optional(entry.finished_at.as_ref())),
            (":duration", number(entry.duration_ms)),
            (":pinned", AttributeValue::Bool(entry.pinned)),
        ];
        let update = "SET #state = :state, #finishedAt = :finished, #durationMs = :duration, #pinned = :pinned";
        Ok(self.change(&entry_key(entry.number), update, "#fence = :fence", &values).await?.is_ok())
    }

    /// Stores the state of the first, single write. Returns false if a later holder of the lock has taken over.
    ///
    /// # Errors
    /// Returns the errors of a write.
    pub async fn ledger_probe(&self, entry: &Entry) -> Result<bool, Error> {
        let values = [
            (":fence", number(entry.fence)),
            (":pinned", AttributeValue::Bool(entry.pinned)),
            (":probe", optional(entry.probe.as_ref())),
            (":proven", AttributeValue::Bool(entry.proven)),
        ];
        let update = "SET #pinned = :pinned, #probe = :probe, #proven = :proven";
        Ok(self.change(&entry_key(entry.number), update, "#fence = :fence", &values).await?.is_ok())
    }

    pub(super) async fn bookkeeping_row(&self, key: &str) -> Result<Option<Row>, Error> {
        let request = self.client.get_item().table_name(self.table_name(BOOKKEEPING)).key(BOOKKEEPING_KEY, string(key));
        Ok(request.consistent_read(true).send().await.map_err(to_error)?.item)
    }

    /// Updates a row conditionally. Returns the new row, or the current row as the inner error if the condition fails.
    pub(super) async fn change(
        &self,
        key: &str,
        update: &str,
        condition: &str,
        values: Values<'_>,
    ) -> Result<Result<Row, Option<Row>>, Error> {
        let values: HashMap<_, _> = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let send = || {
            let request = self.client.update_item().table_name(self.table_name(BOOKKEEPING));
            request
                .key(BOOKKEEPING_KEY, string(key))
                .update_expression(update)
                .condition_expression(condition)
                .set_expression_attribute_names(Some(names_in(&format!("{update} {condition}"))))
                .set_expression_attribute_values(Some(values.clone()))
                .return_values(ReturnValue::AllNew)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .send()
        };
        let outcome: Result<UpdateItemOutput, SdkError<UpdateItemError>> =
            retry_while_busy(&self.budget, send, retry_reason).await;
        match outcome {
            Ok(output) => Ok(Ok(output.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => Ok(Err(failed.item().cloned())),
                _ => Err(to_error(error)),
            },
        }
    }
}

/// Returns the name placeholders in an expression. Each stands for the attribute of the same name.
fn names_in(expression: &str) -> HashMap<String, String> {
    let words = expression.split(|letter: char| !(letter.is_alphanumeric() || letter == '#'));
    words.filter_map(|word| Some((word.to_owned(), word.strip_prefix('#')?.to_owned()))).collect()
}

fn is_condition<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code) == Some("ConditionalCheckFailedException")
}

fn optional(text: Option<&String>) -> AttributeValue {
    text.map_or(AttributeValue::Null(true), string)
}

fn entry_key(number: u32) -> String {
    format!("migration#{number:04}")
}

fn entry(row: Row) -> Result<Entry, Error> {
    read(row)
}

/// Decodes a bookkeeping row.
pub(super) fn read<T: serde::de::DeserializeOwned>(row: Row) -> Result<T, Error> {
    let id = row.get(BOOKKEEPING_KEY).and_then(|key| key.as_s().ok()).cloned().unwrap_or_default();
    serde_dynamo::from_item(row).map_err(|error| Error::Corrupt {
        collection: BOOKKEEPING,
        id,
        cause: error.to_string().into(),
    })
}
