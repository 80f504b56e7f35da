//! The rows migrations are remembered by, in the bookkeeping table.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    operation::update_item::{UpdateItemError, UpdateItemOutput},
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use serde::{Deserialize, Serialize};

use super::{
    BOOKKEEPING, Store,
    request::{failure, is_refused_for_now, while_refused},
    row::{Row, number, string},
    schema::BOOKKEEPING_KEY,
};
use crate::error::Error;

/// How far a migration has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It has begun, and goes on from its checkpoints.
    Running,
    /// It went through the table, but some records refused.
    Incomplete,
    /// It is done.
    Applied,
}

/// What the ledger knows of a migration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its number.
    pub number: u32,
    /// Its name, as in the file's.
    pub name: String,
    /// The SHA-256 of its file.
    pub checksum: String,
    /// How far it has come.
    pub state: State,
    /// Who ran it last.
    pub who: String,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// When it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// For how long it ran, in milliseconds, breaks left out.
    pub duration_ms: u64,
    /// What its writes leave in `writeId`, which tells them from every other write.
    pub mark: String,
    /// The fencing token of the run that may write here.
    pub fence: u64,
    /// The segments of the table, each with its checkpoint.
    pub segments: Vec<Segment>,
}

/// The checkpoint of a segment: how far it was read, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Segment {
    /// The id the last page ended at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Whether there is no further page.
    pub done: bool,
    /// How many rows were looked at.
    pub scanned: u64,
    /// How many were written.
    pub written: u64,
    /// How many matched when they were read, and needed no write when it came to it.
    pub skipped: u64,
    /// How many refused.
    pub refused: u64,
    /// The first of those, by id, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<(String, String)>,
}

type Values<'a> = &'a [(&'static str, AttributeValue)];

impl Store {
    /// What the ledger knows of a migration.
    ///
    /// # Errors
    /// As any read; [`Error::Corrupt`] for a row that is none of the ledger's.
    pub async fn ledger_entry(&self, number: u32) -> Result<Option<Entry>, Error> {
        self.bookkeeping_row(&entry_key(number)).await?.map(entry).transpose()
    }

    /// Adds an entry, or sets one that is to be run again, unless a later holder has done so.
    ///
    /// # Errors
    /// As any write.
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
        match while_refused(&self.budget, send, is_refused_for_now).await {
            Ok(_) => Ok(true),
            Err(error) if is_condition(&error) => Ok(false),
            Err(error) => Err(failure(error)),
        }
    }

    /// Takes over an entry from an earlier run, whose writes to it are refused from now on.
    ///
    /// # Errors
    /// As any write.
    pub async fn ledger_take(&self, number_: u32, fence: u64, who: &str) -> Result<Option<Entry>, Error> {
        let values = [(":fence", number(fence)), (":who", string(who))];
        let update = "SET #fence = :fence, #who = :who";
        let taken = self.change(&entry_key(number_), update, "#fence <= :fence", &values).await?;
        taken.ok().map(entry).transpose()
    }

    /// Sets the checkpoint of a segment; false when a later holder has taken over.
    ///
    /// # Errors
    /// As any write.
    pub async fn ledger_checkpoint(&self, entry: &Entry, segment: usize) -> Result<bool, Error> {
        let value = serde_dynamo::to_attribute_value(&entry.segments[segment]).expect("it is JSON");
        let values = [(":fence", number(entry.fence)), (":segment", value), (":duration", number(entry.duration_ms))];
        let update = format!("SET #segments[{segment}] = :segment, #durationMs = :duration");
        Ok(self.change(&entry_key(entry.number), &update, "#fence = :fence", &values).await?.is_ok())
    }

    /// Sets how far a migration has come; false when a later holder has taken over.
    ///
    /// # Errors
    /// As any write.
    pub async fn ledger_state(&self, entry: &Entry) -> Result<bool, Error> {
        let state = serde_dynamo::to_attribute_value(entry.state).expect("it is JSON");
        let finished = entry.finished_at.as_ref().map_or(AttributeValue::Null(true), string);
        let duration = number(entry.duration_ms);
        let fence = number(entry.fence);
        let values = [(":fence", fence), (":state", state), (":finished", finished), (":duration", duration)];
        let update = "SET #state = :state, #finishedAt = :finished, #durationMs = :duration";
        Ok(self.change(&entry_key(entry.number), update, "#fence = :fence", &values).await?.is_ok())
    }

    pub(super) async fn bookkeeping_row(&self, key: &str) -> Result<Option<Row>, Error> {
        let request = self.client.get_item().table_name(self.table_name(BOOKKEEPING)).key(BOOKKEEPING_KEY, string(key));
        Ok(request.consistent_read(true).send().await.map_err(failure)?.item)
    }

    /// One conditional update of a row: the row after it, or within the one that refused it.
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
            while_refused(&self.budget, send, is_refused_for_now).await;
        match outcome {
            Ok(output) => Ok(Ok(output.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(met)) => Ok(Err(met.item().cloned())),
                _ => Err(failure(error)),
            },
        }
    }
}

/// The placeholders of names in an expression, each of which stands for the attribute of its own name.
fn names_in(expression: &str) -> HashMap<String, String> {
    let words = expression.split(|letter: char| !(letter.is_alphanumeric() || letter == '#'));
    words.filter_map(|word| Some((word.to_owned(), word.strip_prefix('#')?.to_owned()))).collect()
}

fn is_condition<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code) == Some("ConditionalCheckFailedException")
}

fn entry_key(number: u32) -> String {
    format!("migration#{number:04}")
}

fn entry(row: Row) -> Result<Entry, Error> {
    read(row)
}

/// What a bookkeeping row says.
pub(super) fn read<T: serde::de::DeserializeOwned>(row: Row) -> Result<T, Error> {
    let id = row.get(BOOKKEEPING_KEY).and_then(|key| key.as_s().ok()).cloned().unwrap_or_default();
    serde_dynamo::from_item(row).map_err(|error| Error::Corrupt {
        collection: BOOKKEEPING,
        id,
        cause: error.to_string().into(),
    })
}
