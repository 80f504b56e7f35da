//! Pages of a history. Each entry is judged by the record that it shows.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use serde_json::Value;
use uuid::Uuid;

use super::{
    Table,
    access::satisfies,
    history::record_key,
    request::to_error,
    row::{Row, string},
    schema::{EXPIRES_AT, HISTORY, HISTORY_RECORD, HISTORY_SEQUENCE},
};
use crate::{
    access::{Condition, TENANT},
    error::Error,
    record::{Entry, ListQuery, Order, Page, Resource, fields, now},
};

/// The number of rows that the second query for a page reads, which is also its last.
const EXTRA_ROWS: usize = 200;

impl<R: Resource> Table<'_, R> {
    /// Returns one page of a record's history, in the order of its changes. A new record without an entry has an empty one.
    ///
    /// An entry is visible if the rule of histories holds for the record after the change, or of a deletion for the last
    /// record. The record before the change is left out if the rule does not hold for it.
    ///
    /// It takes one request, for one entry more than the page holds, and a second one if entries are expired or invisible,
    /// or if there is none. A page can be shorter than the limit or empty and still have a next page.
    ///
    /// # Errors
    /// Returns [`Error::NotFound`] if the principal may see nothing of the record, as if it did not exist,
    /// [`Error::Invalid`] for a cursor of another list, and [`Error::Unavailable`].
    pub async fn history(&self, id: Uuid, query: &ListQuery) -> Result<Page<Entry>, Error> {
        let allowed = self.require(&R::ACCESS.history)?;
        let (keys, key) = (&self.store.cursor_keys, record_key(R::COLLECTION, id));
        let list = format!("{} {HISTORY} {key} {:?}", self.principal.identity(), query.order);
        let after = match &query.cursor {
            Some(cursor) => Some(keys.open(&list, cursor).await?),
            None => None,
        };
        let after = after.map(|after| String::from_utf8(after).expect("history cursors hold text"));
        let (page, keys) = keys.fetch_during(self.read_history(id, query, &allowed, after)).await;
        let (data, end) = page?;
        // An empty page with a next one would reveal a record that the principal may not see.
        let reveals_nothing = end.is_some() && allowed == Condition::Always;
        if data.is_empty() && query.cursor.is_none() && !reveals_nothing {
            self.read(id).await?.filter(|row| satisfies(row, &allowed)).ok_or(Error::NotFound)?;
        }
        let next = match end {
            Some(end) => Some(keys.await?.seal(&list, end.as_bytes())),
            None => None,
        };
        Ok(Page { data, next })
    }

    /// Returns the parts of an entry that the principal may see, or `None` if it may not see the entry.
    fn visible(&self, mut entry: Entry, allowed: &Condition) -> Option<Entry> {
        let tenant = entry.tenant_id.clone();
        let is_visible = |record: Option<&Value>| {
            allowed.holds(|name| match name {
                TENANT => tenant.as_deref(),
                name => record?.get(name)?.as_str(),
            })
        };
        // Of a deletion, the last record is the old one. A large entry has neither.
        if !is_visible(entry.new.as_ref().or(entry.old.as_ref())) {
            return None;
        }
        // It is for the operator, who can read the trace.
        entry.traceparent = None;
        if !is_visible(entry.old.as_ref()) {
            entry.old = None;
        }
        for record in [&mut entry.old, &mut entry.new].into_iter().flatten() {
            self.hide_fields(record);
        }
        Some(entry)
    }

    /// Removes the fields that the principal may not read from a record of any time. If there are any, fields that the
    /// resource does not have today go too: one of them can be the old name of a hidden field.
    fn hide_fields(&self, record: &mut Value) {
        let Value::Object(members) = record else { return };
        let hidden = self.hidden_fields(|name| members.get(name).and_then(Value::as_str));
        if !hidden.is_empty() {
            let mut known = fields::<R>();
            known.extend(["id", "version", "createdAt", "updatedAt"].map(str::to_owned));
            members.retain(|name, _| known.contains(name) && !hidden.contains(&name.as_str()));
        }
    }

    /// Returns the unexpired and visible entries of one page, and the last key if there may be more.
    async fn read_history(
        &self,
        id: Uuid,
        query: &ListQuery,
        allowed: &Condition<'_>,
        mut end: Option<String>,
    ) -> Result<(Vec<Entry>, Option<String>), Error> {
        let (limit, now) = (usize::from(query.limit), now().timestamp());
        let mut entries: Vec<Entry> = Vec::new();
        // Only expired and invisible entries make a second query necessary: it reads further, so that few pages are short.
        for max_rows in [limit + 1, EXTRA_ROWS] {
            let (found, next) = self.query_history(id, query, end, max_rows).await?;
            let is_full = found.len() == max_rows;
            end = next;
            // DynamoDB deletes expired rows with a delay. An expired entry counts as absent.
            for row in found.into_iter().filter(|row| expiry(row).is_none_or(|expiry| expiry > now)) {
                // The message of serde may contain a value of the record, which must not be logged.
                let entry: Entry = serde_dynamo::from_item(row).map_err(|_| unreadable::<R>(id))?;
                entries.extend(self.visible(entry, allowed));
            }
            if entries.len() > limit {
                entries.truncate(limit);
                end = entries.last().map(|entry| entry.sequence.clone());
                break;
            }
            // A response that DynamoDB truncated for its size ends the page.
            if end.is_none() || !is_full {
                break;
            }
        }
        Ok((entries, end))
    }

    /// Returns at most `max_rows` entries after a key, and the last key if there may be more.
    async fn query_history(
        &self,
        id: Uuid,
        query: &ListQuery,
        after: Option<String>,
        max_rows: usize,
    ) -> Result<(Vec<Row>, Option<String>), Error> {
        let key = record_key(R::COLLECTION, id);
        let request = self.store.client.query().table_name(self.store.table_name(HISTORY));
        let mut request = request
            .scan_index_forward(query.order == Order::Ascending)
            .limit(i32::try_from(max_rows).unwrap_or(i32::MAX))
            .key_condition_expression("#record = :record")
            .expression_attribute_names("#record", HISTORY_RECORD)
            .expression_attribute_values(":record", string(&key))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if let Some(after) = after {
            request = request
                .exclusive_start_key(HISTORY_RECORD, string(&key))
                .exclusive_start_key(HISTORY_SEQUENCE, string(after));
        }
        let output = request.send().await.map_err(to_error)?;
        let end = output.last_evaluated_key().and_then(sequence_of);
        Ok((output.items.unwrap_or_default(), end))
    }
}

fn unreadable<R: Resource>(id: Uuid) -> Error {
    Error::Corrupt { collection: R::COLLECTION, id: id.to_string(), cause: "its history".into() }
}

fn sequence_of(row: &Row) -> Option<String> {
    row.get(HISTORY_SEQUENCE)?.as_s().ok().cloned()
}

/// Returns the expiry time of a row.
fn expiry(row: &Row) -> Option<i64> {
    row.get(EXPIRES_AT)?.as_n().ok()?.parse().ok()
}
