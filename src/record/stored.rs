//! A stored resource with its identity.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::time::{now, rfc3339};

/// A stored resource with its identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Record<R> {
    /// UUIDv7: ids sort by creation time (RFC 9562 §5.7).
    pub id: Uuid,
    /// 1 when created, one more on each write; the ETag.
    pub version: u64,
    /// When the record was created, RFC 3339, UTC.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: DateTime<Utc>,
    /// When the record was last written, RFC 3339, UTC.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: DateTime<Utc>,
    /// The resource. Its fields are flattened into the record.
    #[serde(flatten)]
    pub resource: R,
}

impl<R> Record<R> {
    /// Creates the first version of a record, with a new id.
    pub fn new(resource: R) -> Self {
        let now = now();
        Self { id: Uuid::now_v7(), version: 1, created_at: now, updated_at: now, resource }
    }
}
