//! The history: one immutable entry for each change of a record.

use std::borrow::Cow;

use aws_sdk_dynamodb::{operation::put_item::PutItemError, types::ReturnConsumedCapacity};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    Store,
    guards::{CREATED_AT, deletion_key},
    request::{record_capacity, to_error},
    row::{Row, WRITTEN_BY, number, string},
    schema::{BOOKKEEPING, BOOKKEEPING_KEY, EXPIRES_AT, HISTORY, HISTORY_RECORD, HISTORY_SEQUENCE},
};
use crate::{
    error::Error,
    record::{Entry, ListQuery, Order, Page, are_close, now},
};

const EVENT_ID: &str = "eventId";
/// The number of rows that the second query for a page reads, which is also its last.
const EXTRA_ROWS: usize = 200;

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
            Ok(output) => {
                record_capacity(output.consumed_capacity());
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => {
                    Err(Error::Internal("another change has the entry's key in the history".into()))
                }
                _ => Err(to_error(error)),
            },
        }
    }

    /// Returns one page of a record's history, in the order of its changes.
    ///
    /// It takes one request, for one entry more than the page holds, and a second one if entries have expired. A page can be
    /// shorter than the limit or empty and still have a next page, if entries are large or have expired.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] for a cursor of another list, and [`Error::Unavailable`].
    pub async fn history(&self, collection: &'static str, id: Uuid, query: &ListQuery) -> Result<Page<Entry>, Error> {
        let key = record_key(collection, id);
        let list = format!("{HISTORY} {key} {:?}", query.order);
        let after = match &query.cursor {
            Some(cursor) => Some(self.cursor_keys.open(&list, cursor).await?),
            None => None,
        };
        let after = after.map(|after| String::from_utf8(after).expect("history cursors hold text"));
        let (page, keys) = self.cursor_keys.fetch_during(self.read_history(&key, query, after)).await;
        let (rows, end) = page?;
        let entries = rows.into_iter().map(|row| {
            // The message of serde may contain a value of the record, which must not be logged.
            let unreadable = |_| Error::Corrupt { collection, id: id.to_string(), cause: "its history".into() };
            serde_dynamo::from_item(row).map_err(unreadable)
        });
        let next = match end {
            Some(end) => Some(keys.await?.seal(&list, end.as_bytes())),
            None => None,
        };
        Ok(Page { data: entries.collect::<Result<_, _>>()?, next })
    }

    /// Returns the unexpired entries of one page, and the last key if there may be more.
    async fn read_history(
        &self,
        key: &str,
        query: &ListQuery,
        mut end: Option<String>,
    ) -> Result<(Vec<Row>, Option<String>), Error> {
        let (limit, now) = (usize::from(query.limit), now().timestamp());
        let mut rows = Vec::new();
        // Only expired entries make a second query necessary: it reads further, so that few pages are short.
        for max_rows in [limit + 1, EXTRA_ROWS] {
            let (found, next) = self.query_history(key, query, end, max_rows).await?;
            let is_full = found.len() == max_rows;
            end = next;
            // DynamoDB deletes expired rows with a delay. An expired entry counts as absent.
            rows.extend(found.into_iter().filter(|row| expiry(row).is_none_or(|expiry| expiry > now)));
            if rows.len() > limit {
                rows.truncate(limit);
                end = rows.last().and_then(sequence_of);
                break;
            }
            // A response that DynamoDB truncated for its size ends the page.
            if end.is_none() || !is_full {
                break;
            }
        }
        Ok((rows, end))
    }

    /// Returns at most `max_rows` entries after a key, and the last key if there may be more.
    async fn query_history(
        &self,
        key: &str,
        query: &ListQuery,
        after: Option<String>,
        max_rows: usize,
    ) -> Result<(Vec<Row>, Option<String>), Error> {
        let request = self.client.query().table_name(self.table_name(HISTORY));
        let mut request = request
            .scan_index_forward(query.order == Order::Ascending)
            .limit(i32::try_from(max_rows).unwrap_or(i32::MAX))
            .key_condition_expression("#record = :record")
            .expression_attribute_names("#record", HISTORY_RECORD)
            .expression_attribute_values(":record", string(key))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if let Some(after) = after {
            request = request
                .exclusive_start_key(HISTORY_RECORD, string(key))
                .exclusive_start_key(HISTORY_SEQUENCE, string(after));
        }
        let output = request.send().await.map_err(to_error)?;
        record_capacity(output.consumed_capacity());
        let end = output.last_evaluated_key().and_then(sequence_of);
        Ok((output.items.unwrap_or_default(), end))
    }

    /// Returns the principal that deleted a record and the time of the deletion, if a deletion close to `near` is stored.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] or [`Error::Internal`].
    pub async fn deletion(
        &self,
        collection: &str,
        id: Uuid,
        near: &DateTime<Utc>,
    ) -> Result<Option<(String, DateTime<Utc>)>, Error> {
        let request = self.client.get_item().table_name(self.table_name(BOOKKEEPING));
        let request = request.key(BOOKKEEPING_KEY, string(deletion_key(collection, id))).consistent_read(true);
        let output = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.map_err(to_error)?;
        record_capacity(output.consumed_capacity());
        let Some(row) = output.item else { return Ok(None) };
        let text = |name: &str| row.get(name)?.as_s().ok();
        // The row may be of an earlier deletion: a restored record can be deleted again.
        let time = text(CREATED_AT).and_then(|time| time.parse().ok()).filter(|time| are_close(time, near));
        Ok(text(WRITTEN_BY).cloned().zip(time))
    }
}

fn sequence_of(row: &Row) -> Option<String> {
    row.get(HISTORY_SEQUENCE)?.as_s().ok().cloned()
}

/// Returns the expiry time of a row.
fn expiry(row: &Row) -> Option<i64> {
    row.get(EXPIRES_AT)?.as_n().ok()?.parse().ok()
}

fn record_key(collection: &str, id: Uuid) -> String {
    format!("{collection}#{id}")
}
