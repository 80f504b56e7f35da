//! The types that all modules share: resources, records, edits and queries.

mod edit;
mod history;
mod list;
mod normalization;
mod resource;
pub mod rules;
mod time;
mod view;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use edit::{Edit, Precondition, fields, merge_patch, to_object};
pub use history::{Action, Cause, Entry, are_close, sortable};
pub use list::{ListQuery, Order, Page};
pub use normalization::{Normalization, normalize_email};
pub use resource::{Filter, MAX_KEY_BYTES, Reference, Resource, Shards, Unique};
use time::rfc3339;
pub use time::{format_time, now};
pub use view::View;

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

/// Parses an id in the only accepted form: 36 characters, hyphenated, in any case (RFC 9562 §4).
pub fn parse_id(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()
}

/// Deserializes an id in the form that [`parse_id`] accepts, for `serde(deserialize_with)`.
pub fn required_id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    optional_id(deserializer)?.ok_or_else(|| serde::de::Error::custom("is not a UUID"))
}

/// Deserializes an id in the form that [`parse_id`] accepts, or null, for `serde(deserialize_with)`.
pub fn optional_id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Uuid>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| parse_id(&text).ok_or_else(|| serde::de::Error::custom("is not a UUID"))).transpose()
}

/// The idempotency key of a create: the create runs once, and each repeat gets the same response.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// The key, with the principal as a prefix.
    pub key: String,
    /// A digest of the request body, which detects another request with the same key.
    pub fingerprint: String,
}
