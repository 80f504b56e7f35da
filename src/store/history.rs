//! The history: an entry for each change of each record, written once and never changed.

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
    record::{Entry, ListQuery, Order, Page, is_near, now},
};

const EVENT_ID: &str = "eventId";
/// How often a page asks at most, where entries have expired.
const MAX_QUERIES: usize = 2;

impl Store {
    /// Adds an entry, or finds that it has been added before.
    ///
    /// The key is the change's place in the stream, so that a repeat meets its own entry. Where an entry is too
    /// large, the record before is left out of it, which the entry before has; then the record after, too.
    ///
    /// # Errors
    /// [`Error::Internal`] when another change holds the place.
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
                    Err(Error::Internal("another change holds the entry's place in the history".into()))
                }
                _ => Err(to_error(error)),
            },
        }
    }

    /// One page of a record's history, by the order of its changes.
    ///
    /// It is one request, for one entry more than the page holds; another one where some of them have expired. A page
    /// can be shorter than the limit, or empty, where entries are large or have expired, and still have a next one.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor that is not of this history; [`Error::Unavailable`].
    pub async fn history(&self, collection: &'static str, id: Uuid, query: &ListQuery) -> Result<Page<Entry>, Error> {
        let key = record_key(collection, id);
        let list = format!("{HISTORY} {key} {:?}", query.order);
        let after = match &query.cursor {
            Some(cursor) => Some(self.cursor_keys.open(&list, cursor).await?),
            None => None,
        };
        let after = after.map(|after| String::from_utf8(after).expect("it was sealed as text"));
        let (page, keys) = self.cursor_keys.beside(self.read_history(&key, query, after)).await;
        let (rows, end) = page?;
        let entries = rows.into_iter().map(|row| {
            // What serde says could hold a value of the record, which has no place in a log.
            let unreadable = |_| Error::Corrupt { collection, id: id.to_string(), cause: "its history".into() };
            serde_dynamo::from_item(row).map_err(unreadable)
        });
        let next = match end {
            Some(end) => Some(keys.await?.seal(&list, end.as_bytes())),
            None => None,
        };
        Ok(Page { data: entries.collect::<Result<_, _>>()?, next })
    }

    /// The entries of one page that have not expired, and where it ends if there may be more.
    async fn read_history(
        &self,
        key: &str,
        query: &ListQuery,
        mut end: Option<String>,
    ) -> Result<(Vec<Row>, Option<String>), Error> {
        let (limit, now) = (usize::from(query.limit), now().timestamp());
        let mut rows = Vec::new();
        for _ in 0..MAX_QUERIES {
            let (found, next) = self.query_history(key, query, end).await?;
            let is_whole = found.len() > limit;
            end = next;
            // DynamoDB deletes what has expired when it gets to it: an expired entry counts as gone.
            rows.extend(found.into_iter().filter(|row| expiry(row).is_none_or(|expiry| expiry > now)));
            if rows.len() > limit {
                rows.truncate(limit);
                end = rows.last().and_then(sequence_of);
                break;
            }
            // An answer that is cut for its size ends the page.
            if end.is_none() || !is_whole {
                break;
            }
        }
        Ok((rows, end))
    }

    /// Entries after a place, one more than the limit at most, and where they end if there may be more.
    async fn query_history(
        &self,
        key: &str,
        query: &ListQuery,
        after: Option<String>,
    ) -> Result<(Vec<Row>, Option<String>), Error> {
        let request = self.client.query().table_name(self.table_name(HISTORY));
        let mut request = request
            .scan_index_forward(query.order == Order::Ascending)
            .limit(i32::from(query.limit) + 1)
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

    /// Returns who deleted a record near that time, and when exactly, where the deletion was signed.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Internal`].
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
        // A record that is put back can be deleted again.
        let signed = text(CREATED_AT).and_then(|signed| signed.parse().ok()).filter(|signed| is_near(signed, near));
        Ok(text(WRITTEN_BY).cloned().zip(signed))
    }
}

fn sequence_of(row: &Row) -> Option<String> {
    row.get(HISTORY_SEQUENCE)?.as_s().ok().cloned()
}

/// When a row expires.
fn expiry(row: &Row) -> Option<i64> {
    row.get(EXPIRES_AT)?.as_n().ok()?.parse().ok()
}

fn record_key(collection: &str, id: Uuid) -> String {
    format!("{collection}#{id}")
}
