//! Scans of raw rows and conditional writes of single rows, for migrations.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::ProvideErrorMetadata,
    operation::update_item::UpdateItemError,
    types::{ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure, Select},
};

use super::{RawExpression, RowUpdate, StoredRow, WriteMarker};
use crate::{
    error::Error,
    record::{format_time, now},
    store::{
        Store,
        request::to_error,
        row::{ID, WRITE_ID, id, string},
    },
};

/// The parameters of one page of a scan.
#[derive(Clone, Debug)]
pub struct PageRequest<'a> {
    /// The name of the table, without the deployment's prefix.
    pub table: &'a str,
    /// The index of the segment, and the number of segments.
    pub segment: (u16, u16),
    /// The last id of the previous page.
    pub after: Option<&'a str>,
    /// The maximum number of rows to scan.
    pub limit: u16,
    /// The filter of the rows to return. Rows with the marker are returned too.
    pub filter: &'a RawExpression,
    /// The marker of the writes of this pass.
    pub marker: &'a WriteMarker,
    /// True to return whole rows, false to return their ids alone.
    pub whole: bool,
}

/// A page of a scan.
#[derive(Debug)]
pub struct ScannedPage {
    /// The matching rows.
    pub rows: Vec<StoredRow>,
    /// The number of rows scanned.
    pub scanned: u64,
    /// The last id of the page, if the segment has more.
    pub next: Option<String>,
}

/// The outcome of a write.
#[derive(Debug)]
pub enum WriteOutcome {
    /// The write took effect, now or in an earlier attempt whose response was lost.
    Done,
    /// The condition failed. Holds the current row, or `None` if the row does not exist.
    ConditionFailed(Option<StoredRow>),
    /// DynamoDB refuses the write of this row. Holds the reason.
    Refused(String),
}

impl Store {
    /// Reads a page of a table, strongly consistent.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if the request can be retried.
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
        Ok(ScannedPage {
            scanned: u64::try_from(output.scanned_count()).unwrap_or_default(),
            next: output.last_evaluated_key().map(|key| id(key).to_owned()),
            rows: output.items.unwrap_or_default().into_iter().map(StoredRow).collect(),
        })
    }

    /// Counts the matching rows of a page without transferring them.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if the request can be retried.
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
        let next = output.last_evaluated_key().map(|key| id(key).to_owned());
        let scanned = u64::try_from(output.scanned_count()).unwrap_or_default();
        let matched = u64::try_from(output.count()).unwrap_or_default();
        Ok((matched, ScannedPage { rows: Vec::new(), scanned, next }))
    }

    /// Writes one row if the condition of the update holds.
    ///
    /// A retry after a lost response changes nothing, because the row then has the update's marker.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if the request can be retried.
    pub async fn write_row(&self, table: &str, id: &str, update: &RowUpdate) -> Result<WriteOutcome, Error> {
        // The time is taken per attempt: the update may have been queued or retried while others wrote the row.
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
            Ok(_) => Ok(WriteOutcome::Done),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    let current = failed.item().cloned().map(StoredRow);
                    let is_ours = current.as_ref().is_some_and(|row| row.has_marker(&update.marker));
                    Ok(if is_ours { WriteOutcome::Done } else { WriteOutcome::ConditionFailed(current) })
                }
                Some(service) if service.code() == Some("ValidationException") => {
                    Ok(WriteOutcome::Refused(service.message().unwrap_or("DynamoDB refuses the write").to_owned()))
                }
                _ => Err(to_error(error)),
            },
        }
    }
}
