//! The history of a record: what changed, when, and who changed it.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::rfc3339;

/// One change of a record, as its history shows it and its event carries it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The stream's id of the change: the same in the history, in the event, and on every delivery.
    pub event_id: String,
    /// The place of the change in the stream: of two changes of a record, the later has the larger text.
    pub sequence: String,
    /// What happened.
    pub action: Action,
    /// The record's id.
    pub id: Uuid,
    /// The version the change made; of a deletion, the last one.
    pub version: u64,
    /// When it happened, RFC 3339, UTC; where no write of the service says so, to the second.
    #[serde(serialize_with = "rfc3339")]
    pub time: DateTime<Utc>,
    /// Why it happened.
    pub cause: Cause,
    /// Who did it: the id of the API key, the authorizer's principal, or a part of this service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<String>,
    /// The fields whose values differ, by name.
    pub changed: Vec<String>,
    /// The record before, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// The record after, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
    /// Whether a record in it is a row of another shape than the resource's, as migrations meet it.
    #[serde(skip)]
    pub has_other_shape: bool,
}

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Action {
    Created,
    Updated,
    Deleted,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Created, Self::Updated, Self::Deleted];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// Why a record changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// Someone, or something, wrote it.
    Write,
    /// Its time to live ran out.
    Expiry,
}

/// Fills a sequence number up with zeros, so that texts sort as the numbers do.
///
/// Sequence numbers have 21 to 40 digits (DynamoDB Streams API reference, `StreamRecord`).
pub fn sortable(sequence: &str) -> String {
    format!("{sequence:0>40}")
}

/// Whether what a write says of its time is of the change the stream saw then.
///
/// A row that is put back from a backup still says when, and by whom, it was once written.
pub fn are_close(said: &DateTime<Utc>, seen: &DateTime<Utc>) -> bool {
    (*said - *seen).abs() <= TimeDelta::minutes(5)
}
