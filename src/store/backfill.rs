//! Backfills: the pages of a scan, and the conditional write of one row, whatever resource it is of.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::ProvideErrorMetadata,
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure, Select},
};
use serde_json::Value;

use super::{
    Store, StoredRow, WriteMarker,
    request::{record_capacity, to_error},
    rewrite::RowUpdate,
    row::{ID, WRITE_ID, id, string},
};
use crate::{
    error::Error,
    record::{format_time, now},
};

/// Text in DynamoDB's expression language, with what its placeholders stand for.
#[derive(Clone, Debug, Default)]
pub struct RawExpression {
    /// The expression.
    pub text: String,
    /// The attribute names behind `#name`.
    pub names: HashMap<String, String>,
    /// The values behind `:value`.
    pub values: HashMap<String, Value>,
}

impl RawExpression {
    /// The values as DynamoDB takes them.
    pub(super) fn attribute_values(&self) -> HashMap<String, AttributeValue> {
        let convert = |value: &Value| serde_dynamo::to_attribute_value(value).expect("it is JSON");
        self.values.iter().map(|(name, value)| (name.clone(), convert(value))).collect()
    }
}

/// Which part of a table to read, and what of it.
#[derive(Clone, Debug)]
pub struct PageRequest<'a> {
    /// The table, without the deployment's prefix.
    pub table: &'a str,
    /// This segment of how many.
    pub segment: (u16, u16),
    /// The id the page before ended at.
    pub after: Option<&'a str>,
    /// How many rows are looked at, at most.
    pub limit: u16,
    /// Which rows are wanted; those with the mark are, too.
    pub filter: &'a RawExpression,
    /// What the writes of this pass leave in a row.
    pub marker: &'a WriteMarker,
    /// Whether the rows are wanted as a whole, or their ids alone.
    pub whole: bool,
}

/// A page of a scan.
#[derive(Debug)]
pub struct ScannedPage {
    /// The rows that match.
    pub rows: Vec<StoredRow>,
    /// How many were looked at.
    pub scanned: u64,
    /// Where the page ended, when the segment goes on.
    pub next: Option<String>,
}

/// What became of a write.
#[derive(Debug)]
pub enum WriteOutcome {
    /// It took effect, now or in an attempt whose answer was lost.
    Done,
    /// The row is no longer as the write requires it; none when it is gone.
    ConditionFailed(Option<StoredRow>),
    /// DynamoDB refuses it for this row, and why.
    Refused(String),
}

impl Store {
    /// A page of a table, as the last writes left it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it is to be asked again.
    pub async fn scan_page(&self, page: &PageRequest<'_>) -> Result<ScannedPage, Error> {
        let (segment, segments) = page.segment;
        let mut request = self
            .client_without_retries
            .scan()
            .table_name(self.table_name(page.table))
            .consistent_read(true)
            .limit(page.limit.into())
            .filter_expression(format!("({}) OR #mgWriteId = :mgMark", page.filter.text))
            .set_expression_attribute_names(Some(page.filter.names.clone()))
            .set_expression_attribute_values(Some(page.filter.attribute_values()))
            .expression_attribute_names("#mgWriteId", WRITE_ID)
            .expression_attribute_values(":mgMark", string(&page.marker.id))
            .set_exclusive_start_key(page.after.map(|after| HashMap::from([(ID.to_owned(), string(after))])))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if segments > 1 {
            request = request.segment(segment.into()).total_segments(segments.into());
        }
        if !page.whole {
            request = request.projection_expression("#mgId, #mgWriteId").expression_attribute_names("#mgId", ID);
        }
        let output = request.send().await.map_err(to_error)?;
        record_capacity(output.consumed_capacity());
        Ok(ScannedPage {
            scanned: u64::try_from(output.scanned_count()).unwrap_or_default(),
            next: output.last_evaluated_key().map(|key| id(key).to_owned()),
            rows: output.items.unwrap_or_default().into_iter().map(StoredRow).collect(),
        })
    }

    /// How many rows of a page match; nothing of them is sent.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it is to be asked again.
    pub async fn count_page(&self, page: &PageRequest<'_>) -> Result<(u64, ScannedPage), Error> {
        let values = page.filter.attribute_values();
        let names = page.filter.names.clone();
        let request = self
            .client_without_retries
            .scan()
            .table_name(self.table_name(page.table))
            .consistent_read(true)
            .select(Select::Count)
            .limit(page.limit.into())
            .filter_expression(&page.filter.text)
            .set_expression_attribute_names((!names.is_empty()).then_some(names))
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
            .set_exclusive_start_key(page.after.map(|after| HashMap::from([(ID.to_owned(), string(after))])))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = request.send().await.map_err(to_error)?;
        record_capacity(output.consumed_capacity());
        let next = output.last_evaluated_key().map(|key| id(key).to_owned());
        let scanned = u64::try_from(output.scanned_count()).unwrap_or_default();
        let matched = u64::try_from(output.count()).unwrap_or_default();
        Ok((matched, ScannedPage { rows: Vec::new(), scanned, next }))
    }

    /// Writes one row, if it is as the update requires.
    ///
    /// Sent again after a lost answer it changes nothing: the row then has the mark the update leaves.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it is to be sent again.
    pub async fn write_row(&self, table: &str, id: &str, update: &RowUpdate) -> Result<WriteOutcome, Error> {
        // Each time anew: it waited for its turn, or was sent before, and others wrote the row meanwhile.
        let mut values = update.values.clone();
        values.insert(":mgTime".into(), string(format_time(&now())));
        let request = self
            .client_without_retries
            .update_item()
            .table_name(self.table_name(table))
            .key(ID, string(id))
            .update_expression(&update.text)
            .condition_expression(&update.condition)
            .set_expression_attribute_names(Some(update.names.clone()))
            .set_expression_attribute_values(Some(values))
            .return_values(ReturnValue::None)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match request.send().await {
            Ok(output) => {
                record_capacity(output.consumed_capacity());
                Ok(WriteOutcome::Done)
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(met)) => {
                    let met = met.item().cloned().map(StoredRow);
                    let is_ours = met.as_ref().is_some_and(|row| row.has_marker(&update.marker));
                    Ok(if is_ours { WriteOutcome::Done } else { WriteOutcome::ConditionFailed(met) })
                }
                Some(service) if service.code() == Some("ValidationException") => {
                    Ok(WriteOutcome::Refused(service.message().unwrap_or("DynamoDB refuses the write").to_owned()))
                }
                _ => Err(to_error(error)),
            },
        }
    }
}
