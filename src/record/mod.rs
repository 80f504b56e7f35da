//! The types that all modules share: resources, records, edits and queries.

mod edit;
mod history;
mod list;
mod normalization;
pub mod prelude;
mod resource;
pub mod rules;
mod stored;
mod time;
mod view;

use serde::Deserialize;
use uuid::Uuid;

pub use edit::{Edit, Precondition, fields, merge_patch, to_object};
pub use history::{Action, Cause, Entry, are_close, sortable};
pub use list::{ListQuery, Order, Page};
pub use normalization::{Normalization, normalize_email};
pub use resource::{Filter, MAX_KEY_BYTES, Reference, Resource, Shards, Unique};
pub use stored::Record;
pub use time::{format_time, now};
pub use view::View;

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
