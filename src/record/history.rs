//! The entries of a record's history.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::time::rfc3339;

/// One change of a record, as in its history and its event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The stream's id of the change, identical in the history, in the event and on every delivery.
    pub event_id: String,
    /// The sequence number of the change in the stream. Later changes of a record have larger values as text.
    pub sequence: String,
    /// The action.
    pub action: Action,
    /// The record's id.
    pub id: Uuid,
    /// The version after the change. For a deletion, the last version.
    pub version: u64,
    /// The time of the change, RFC 3339, UTC. It has a precision of one second if it is not from a write of the service.
    #[serde(serialize_with = "rfc3339")]
    pub time: DateTime<Utc>,
    /// The cause.
    pub cause: Cause,
    /// The id of the principal: a user, an API key, the ARN of an AWS role, or a part of this service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<String>,
    /// The tenant of the record, if its resource has tenants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// The names of the changed fields.
    pub changed: Vec<String>,
    /// The record before the change, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// The record after the change, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
    /// The trace context of the request that made the change, if it was sampled (W3C Trace Context, `traceparent`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// True if `old` or `new` is a row of another schema version, as during a migration.
    #[serde(skip)]
    pub has_other_shape: bool,
}

/// The action on a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum Action {
    Created,
    Updated,
    Deleted,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 3] = [Self::Created, Self::Updated, Self::Deleted];

    /// Returns the serialized name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// The cause of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// A write.
    Write,
    /// The record's time to live expired.
    Expiry,
}

/// Pads a sequence number with zeros, so that it sorts as text in numeric order.
///
/// Sequence numbers have 21 to 40 digits (DynamoDB Streams API reference, `StreamRecord`).
pub fn sortable(sequence: &str) -> String {
    format!("{sequence:0>40}")
}

/// Returns true if the time stored in a row and the time of a stream record can be of the same write.
///
/// A row restored from a backup still holds the time and writer of an older write.
pub fn are_close(stored: &DateTime<Utc>, observed: &DateTime<Utc>) -> bool {
    (*stored - *observed).abs() <= TimeDelta::minutes(5)
}
