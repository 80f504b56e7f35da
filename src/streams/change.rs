//! A change of a record, decoded through the types the API answers with.

use aws_lambda_events::dynamodb::EventRecord;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{
    error::Error,
    record::{Action, Cause, Entry, Record, Resource, are_close, fields, sortable, to_object},
    store::{Row, WRITE_ID, WRITTEN_BY, decode},
};

/// Who deletes what has expired (DynamoDB developer guide, "DynamoDB Streams and Time to Live").
const EXPIRY_PRINCIPAL: &str = "dynamodb.amazonaws.com";

/// A change of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<R> {
    /// The stream's id of it, the same on every delivery.
    pub event_id: String,
    /// Its place in the stream: of two changes of a record, the later has the larger number.
    pub sequence: String,
    /// When it happened; of a deletion, to the second, as the stream has it.
    pub time: DateTime<Utc>,
    /// Why it happened.
    pub cause: Cause,
    /// Who wrote, where the write says so. A deletion cannot: [`crate::store::Store::deletion`] knows.
    pub changed_by: Option<String>,
    /// What happened.
    pub what: What<R>,
}

/// What happened to a record.
#[derive(Clone, Debug, PartialEq)]
pub enum What<R> {
    /// It is new.
    Created {
        /// The record.
        new: Record<R>,
    },
    /// It was written again.
    Updated {
        /// The record before.
        old: Record<R>,
        /// The record after.
        new: Record<R>,
        /// The resource's fields whose values differ; none where only the row around it was rewritten.
        changed: Vec<String>,
    },
    /// It is gone.
    Deleted {
        /// The record as it was last.
        old: Record<R>,
    },
}

impl<R: Resource> Change<R> {
    /// Decodes a record of a stream with new and old images.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when an image cannot be read as a record, [`Error::Internal`] for a kind of event that
    /// streams do not have.
    pub fn decode(record: &EventRecord) -> Result<Self, Error> {
        let (old, new) = (&record.change.old_image, &record.change.new_image);
        let image = |item: &serde_dynamo::Item| decode::<R>(Row::from(item.clone()));
        let what = match record.event_name.as_str() {
            "INSERT" => What::Created { new: image(new)? },
            "MODIFY" => {
                let (old, new) = (image(old)?, image(new)?);
                What::Updated { changed: differing(&old.resource, &new.resource), old, new }
            }
            "REMOVE" => What::Deleted { old: image(old)? },
            _ => return Err(Error::Internal("a stream record of an unknown kind".into())),
        };
        let written = written(record, &what);
        Ok(Self {
            event_id: record.event_id.clone(),
            sequence: record.change.sequence_number.clone().unwrap_or_default(),
            time: written.map_or(record.change.approximate_creation_date_time, |new| new.updated_at),
            cause: cause(record),
            changed_by: written.and_then(|_| text(new, WRITTEN_BY)),
            what,
        })
    }

    /// The record as the change leaves it; of a deletion, as it was last.
    pub fn record(&self) -> &Record<R> {
        match &self.what {
            What::Created { new } | What::Updated { new, .. } => new,
            What::Deleted { old } => old,
        }
    }

    /// The change as the history keeps it and an event carries it.
    pub fn into_entry(self) -> Entry {
        let json = |record: &Record<R>| serde_json::to_value(record).expect("a record is JSON");
        let names = |record: &Record<R>| to_object(&record.resource).into_iter().map(|(name, _)| name).collect();
        let record = self.record();
        let (id, version) = (record.id, record.version);
        let (action, changed, old, new) = match &self.what {
            What::Created { new } => (Action::Created, names(new), None, Some(json(new))),
            What::Updated { old, new, changed } => (Action::Updated, changed.clone(), Some(json(old)), Some(json(new))),
            What::Deleted { old } => (Action::Deleted, names(old), Some(json(old)), None),
        };
        let Self { event_id, sequence, time, cause, changed_by, .. } = self;
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
            changed,
            old,
            new,
            has_other_shape: false,
        }
    }
}

/// What the store wrote, where the write was one of its own: it signs the row anew, and creates the first version.
///
/// Others leave the signature that stands there, or put back a row with one of another time.
fn written<'a, R>(record: &EventRecord, what: &'a What<R>) -> Option<&'a Record<R>> {
    let new = match what {
        What::Created { new } if new.version == 1 => new,
        What::Updated { new, .. } => new,
        What::Created { .. } | What::Deleted { .. } => return None,
    };
    let signature = text(&record.change.new_image, WRITE_ID);
    let is_new = signature.is_some() && signature != text(&record.change.old_image, WRITE_ID);
    (is_new && are_close(&new.updated_at, &record.change.approximate_creation_date_time)).then_some(new)
}

/// Why a record changed.
pub(super) fn cause(record: &EventRecord) -> Cause {
    let expired = record.user_identity.as_ref().is_some_and(|who| who.principal_id == EXPIRY_PRINCIPAL);
    if expired { Cause::Expiry } else { Cause::Write }
}

pub(super) fn text(item: &serde_dynamo::Item, name: &str) -> Option<String> {
    match item.get(name) {
        Some(serde_dynamo::AttributeValue::S(text)) => Some(text.clone()),
        _ => None,
    }
}

fn differing<R: Resource>(old: &R, new: &R) -> Vec<String> {
    let (old, new) = (to_object(old), to_object(new));
    let value = |object: &serde_json::Map<String, Value>, name: &str| object.get(name).cloned().unwrap_or_default();
    fields::<R>().into_iter().filter(|name| value(&old, name) != value(&new, name)).collect()
}
