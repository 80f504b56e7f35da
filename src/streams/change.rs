//! A change of a record, decoded into the resource types of the API.

use aws_lambda_events::dynamodb::EventRecord;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{
    error::Error,
    record::{Action, Cause, Entry, Record, Resource, are_close, fields, sortable, to_object},
    store::{Row, TENANT, WRITE_ID, WRITTEN_BY, decode, traceparent_of},
};

/// The principal of deletions by time to live (DynamoDB developer guide, "DynamoDB Streams and Time to Live").
const EXPIRY_PRINCIPAL: &str = "dynamodb.amazonaws.com";

/// A change of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<R> {
    /// The `eventID` of the stream record, the same on every delivery.
    pub event_id: String,
    /// The sequence number: of two changes of a record, the later one has the larger number.
    pub sequence: String,
    /// The time of the change; of a deletion, the time of the stream record, which has a resolution of one second.
    pub time: DateTime<Utc>,
    /// The cause of the change.
    pub cause: Cause,
    /// The principal that made the change, if the row names it. A deleted row cannot: see
    /// [`crate::store::Store::deletion`].
    pub changed_by: Option<String>,
    /// The tenant of the record, if its resource has tenants.
    pub tenant_id: Option<String>,
    /// The trace context of the request that made the change, if it was sampled. Of a deletion, the row cannot have it.
    pub traceparent: Option<String>,
    /// The kind of change, with the record before and after it.
    pub kind: ChangeKind<R>,
}

/// A kind of change, with the record before and after it.
#[derive(Clone, Debug, PartialEq)]
pub enum ChangeKind<R> {
    /// The record was created.
    Created {
        /// The record.
        new: Record<R>,
    },
    /// The record was updated.
    Updated {
        /// The record before.
        old: Record<R>,
        /// The record after.
        new: Record<R>,
        /// The resource's fields whose values differ; empty if only other attributes of the row changed.
        changed: Vec<String>,
    },
    /// The record was deleted.
    Deleted {
        /// The last state of the record.
        old: Record<R>,
    },
}

impl<R: Resource> Change<R> {
    /// Decodes a stream record that has the new and the old image.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when an image cannot be decoded as a record, [`Error::Internal`] for an unknown event name.
    pub fn decode(record: &EventRecord) -> Result<Self, Error> {
        let (old, new) = (&record.change.old_image, &record.change.new_image);
        let image = |item: &serde_dynamo::Item| decode::<R>(Row::from(item.clone()));
        let kind = match record.event_name.as_str() {
            "INSERT" => ChangeKind::Created { new: image(new)? },
            "MODIFY" => {
                let (old, new) = (image(old)?, image(new)?);
                ChangeKind::Updated { changed: changed_fields(&old.resource, &new.resource), old, new }
            }
            "REMOVE" => ChangeKind::Deleted { old: image(old)? },
            _ => return Err(Error::Internal("a stream record of an unknown kind".into())),
        };
        let written = record_of_store(record, &kind);
        Ok(Self {
            event_id: record.event_id.clone(),
            sequence: record.change.sequence_number.clone().unwrap_or_default(),
            time: written.map_or(record.change.approximate_creation_date_time, |new| new.updated_at),
            cause: cause(record),
            changed_by: written.and_then(|_| text(new, WRITTEN_BY)),
            tenant_id: text(new, TENANT).or_else(|| text(old, TENANT)),
            traceparent: written
                .and_then(|_| text(new, WRITE_ID))
                .and_then(|write_id| traceparent_of(&write_id).map(str::to_owned)),
            kind,
        })
    }

    /// Returns the record after the change; of a deletion, its last state.
    pub fn record(&self) -> &Record<R> {
        match &self.kind {
            ChangeKind::Created { new } | ChangeKind::Updated { new, .. } => new,
            ChangeKind::Deleted { old } => old,
        }
    }

    /// Converts the change into the form that the history and events have.
    pub fn into_entry(self) -> Entry {
        let json = |record: &Record<R>| serde_json::to_value(record).expect("a record is JSON");
        let names = |record: &Record<R>| to_object(&record.resource).into_iter().map(|(name, _)| name).collect();
        let record = self.record();
        let (id, version) = (record.id, record.version);
        let (action, changed, old, new) = match &self.kind {
            ChangeKind::Created { new } => (Action::Created, names(new), None, Some(json(new))),
            ChangeKind::Updated { old, new, changed } => {
                (Action::Updated, changed.clone(), Some(json(old)), Some(json(new)))
            }
            ChangeKind::Deleted { old } => (Action::Deleted, names(old), Some(json(old)), None),
        };
        let Self { event_id, sequence, time, cause, changed_by, tenant_id, traceparent, .. } = self;
        let sequence = sortable(&sequence);
        Entry {
            event_id,
            sequence,
            action,
            id,
            version,
            time,
            cause,
            changed_by,
            tenant_id,
            changed,
            old,
            new,
            traceparent,
            has_other_shape: false,
        }
    }
}

/// Returns the new record if the store of this crate wrote it.
///
/// The store writes a new write id with every write, and creates records with version 1. Other writers leave the write
/// id unchanged, or restore a row with an old one.
fn record_of_store<'a, R>(record: &EventRecord, kind: &'a ChangeKind<R>) -> Option<&'a Record<R>> {
    let new = match kind {
        ChangeKind::Created { new } if new.version == 1 => new,
        ChangeKind::Updated { new, .. } => new,
        ChangeKind::Created { .. } | ChangeKind::Deleted { .. } => return None,
    };
    let write_id = text(&record.change.new_image, WRITE_ID);
    let is_new = write_id.is_some() && write_id != text(&record.change.old_image, WRITE_ID);
    (is_new && are_close(&new.updated_at, &record.change.approximate_creation_date_time)).then_some(new)
}

/// Returns the cause of a change.
pub(super) fn cause(record: &EventRecord) -> Cause {
    let is_expired = record.user_identity.as_ref().is_some_and(|identity| identity.principal_id == EXPIRY_PRINCIPAL);
    if is_expired { Cause::Expiry } else { Cause::Write }
}

pub(super) fn text(item: &serde_dynamo::Item, name: &str) -> Option<String> {
    match item.get(name) {
        Some(serde_dynamo::AttributeValue::S(text)) => Some(text.clone()),
        _ => None,
    }
}

fn changed_fields<R: Resource>(old: &R, new: &R) -> Vec<String> {
    let (old, new) = (to_object(old), to_object(new));
    let value = |object: &serde_json::Map<String, Value>, name: &str| object.get(name).cloned().unwrap_or_default();
    fields::<R>().into_iter().filter(|name| value(&old, name) != value(&new, name)).collect()
}
