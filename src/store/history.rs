//! The history: one immutable entry for each change of a record.

use std::borrow::Cow;

use aws_sdk_dynamodb::{operation::put_item::PutItemError, types::ReturnConsumedCapacity};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    Store,
    guards::{CREATED_AT, TRACEPARENT, deletion_key},
    request::to_error,
    row::{Row, WRITTEN_BY, number, string},
    schema::{BOOKKEEPING, BOOKKEEPING_KEY, EXPIRES_AT, HISTORY, HISTORY_RECORD, HISTORY_SEQUENCE},
};
use crate::{
    error::Error,
    record::{Entry, are_close},
};

const EVENT_ID: &str = "eventId";

/// A deletion of a record. The deleted row cannot say who deleted it.
#[derive(Clone, Debug, PartialEq)]
pub struct Deletion {
    /// The principal.
    pub by: String,
    /// The time.
    pub time: DateTime<Utc>,
    /// The trace context of the request, if it was sampled.
    pub traceparent: Option<String>,
}

impl Store {
    /// Appends an entry. A repeat of the same entry succeeds and changes nothing.
    ///
    /// The key is the sequence number of the change in the stream, so a repeat finds its own entry. If an entry is too
    /// large, the old record is left out, since the previous entry holds it, and then the new record too.
    ///
    /// # Errors
    /// Returns [`Error::Internal`] if another change has the same key.
    pub async fn append_history(&self, collection: &str, entry: &Entry, expires_at: i64) -> Result<(), Error> {
        let mut entry = Cow::Borrowed(entry);
        loop {
            match self.put_entry(collection, &entry, expires_at).await {
                Err(Error::TooLarge) if entry.old.is_some() => entry.to_mut().old = None,
                Err(Error::TooLarge) if entry.new.is_some() => entry.to_mut().new = None,
                outcome => return outcome,
            }
        }
    }

    async fn put_entry(&self, collection: &str, entry: &Entry, expires_at: i64) -> Result<(), Error> {
        let mut row: Row = serde_dynamo::to_item(entry).expect("an entry is a struct of JSON values");
        row.insert(HISTORY_RECORD.into(), string(record_key(collection, entry.id)));
        row.insert(HISTORY_SEQUENCE.into(), string(&entry.sequence));
        row.insert(EXPIRES_AT.into(), number(expires_at));
        let request = self.client.put_item().table_name(self.table_name(HISTORY)).set_item(Some(row));
        let request = request
            .condition_expression("attribute_not_exists(#record) OR #event = :event")
            .expression_attribute_names("#record", HISTORY_RECORD)
            .expression_attribute_names("#event", EVENT_ID)
            .expression_attribute_values(":event", string(&entry.event_id))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => {
                    Err(Error::Internal("another change has the entry's key in the history".into()))
                }
                _ => Err(to_error(error)),
            },
        }
    }

    /// Returns the deletion of a record, if one close to `near` is stored.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] or [`Error::Internal`].
    pub async fn deletion(&self, collection: &str, id: Uuid, near: &DateTime<Utc>) -> Result<Option<Deletion>, Error> {
        let request = self.client.get_item().table_name(self.table_name(BOOKKEEPING));
        let request = request.key(BOOKKEEPING_KEY, string(deletion_key(collection, id))).consistent_read(true);
        let output = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.map_err(to_error)?;
        let Some(row) = output.item else { return Ok(None) };
        let text = |name: &str| row.get(name)?.as_s().ok();
        // The row may be of an earlier deletion: a restored record can be deleted again.
        let time = text(CREATED_AT).and_then(|time| time.parse().ok()).filter(|time| are_close(time, near));
        Ok(text(WRITTEN_BY).cloned().zip(time).map(|(by, time)| Deletion {
            by,
            time,
            traceparent: text(TRACEPARENT).cloned(),
        }))
    }
}

/// Returns the partition key of a record's entries.
pub fn record_key(collection: &str, id: Uuid) -> String {
    format!("{collection}#{id}")
}
