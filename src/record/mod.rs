//! The words every room shares: what a resource is, the record around it, and what a request asks of it.

mod edit;
mod history;
mod list;
mod normalization;

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned};
use uuid::Uuid;
use validator::Validate;

pub use edit::{Edit, Precondition, fields, merge_patch, to_object};
pub use history::{Action, Cause, Entry, are_close, sortable};
pub use list::{ListQuery, Order, Page};
pub use normalization::{Normalization, normalize_email};

/// A kind of thing the API stores.
///
/// The type's fields and their `validate` attributes are the contract; the constants say what the
/// store keeps true about them. Field names are the JSON names, in camelCase. A constraint is about one field:
/// a patch is checked without the record it will meet.
pub trait Resource:
    Clone + PartialEq + Serialize + DeserializeOwned + Validate + JsonSchema + Send + Sync + 'static
{
    /// The singular name, as in `item`.
    const NAME: &'static str;
    /// The plural name: the path segment and the table, as in `items`.
    const COLLECTION: &'static str;
    /// Fields whose value no two records may share.
    const UNIQUE: &'static [Unique] = &[];
    /// Fields that hold the id of another resource's record.
    const REFERENCES: &'static [Reference] = &[];
    /// Query parameters of the list, each served by an index of its own.
    const FILTERS: &'static [Filter] = &[];
    /// The partitions that the list without a filter is spread over, which bound creates a second.
    const LIST_SHARDS: Shards = Shards::new(4);

    /// A valid value with **every** field present, lists not empty.
    ///
    /// It is the example in the contract, and the ground on which a patch is checked.
    fn example() -> Self;
}

/// A field that is unique across its table.
#[derive(Clone, Copy, Debug)]
pub struct Unique {
    /// The field's JSON name.
    pub field: &'static str,
    /// Which values are the same.
    pub normalization: Normalization,
}

/// A field that names a record of another table.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    /// The field's JSON name.
    pub field: &'static str,
    /// The collection the id must exist in.
    pub collection: &'static str,
}

/// A list filter: `?field=value`, served by the index named after the field.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// The field's JSON name, which is the query parameter and the index too.
    pub field: &'static str,
    /// The form that values are compared in.
    pub normalization: Normalization,
    /// The partitions that one value is spread over: more than one where few values share many records.
    pub shards: Shards,
}

/// The partitions of an index that records with the same key are spread over, by their id.
///
/// A partition takes 1,000 write units a second, and DynamoDB does not split one whose sort key only rises (DynamoDB
/// developer guide, "Using write sharding to distribute workloads evenly"): `written` of them take so many times as much.
/// Lists ask `read` of them. A running service raises `read` first, in a release of its own, and `written` in the next,
/// so that no list misses what is already written; `read` never falls, since records stay where they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shards {
    /// The number of shards that new records are written to.
    pub written: u8,
    /// The number of shards that lists read: at least `written`, and the most that were ever written to.
    pub read: u8,
}

impl Shards {
    /// Returns the shards of a new table: as many read as written.
    pub const fn new(count: u8) -> Self {
        Self::raised(count, count)
    }

    /// Returns shards of which fewer are written than read: their number is being raised, or was lowered.
    ///
    /// # Panics
    /// If none are written, or more than are read. In a constant this stops the build.
    pub const fn raised(written: u8, read: u8) -> Self {
        assert!(0 < written && written <= read, "at least one shard is written, and each that is written is read");
        Self { written, read }
    }
}

/// The longest partition key of a table or an index, in bytes (developer guide, "Quotas in Amazon DynamoDB").
pub const MAX_KEY_BYTES: usize = 2048;

impl Filter {
    /// Returns the most bytes a value may have in the form it is compared in.
    pub fn max_bytes(&self) -> usize {
        // A sharded key ends with the number of its shard.
        let suffix = if self.shards.read == 1 { 0 } else { "#".len() + (self.shards.read - 1).to_string().len() };
        MAX_KEY_BYTES - suffix
    }
}

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
    /// The resource itself; its fields stand beside the four above.
    #[serde(flatten)]
    pub resource: R,
}

impl<R> Record<R> {
    /// The first version of a record, under a new id.
    pub fn new(resource: R) -> Self {
        let now = now();
        Self { id: Uuid::now_v7(), version: 1, created_at: now, updated_at: now, resource }
    }
}

/// The current time in the precision records keep: milliseconds.
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}

/// Writes a time as records and responses show it: RFC 3339, UTC, milliseconds.
pub fn format_time(time: &DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn rfc3339<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_time(time))
}

/// Reads an id in its one accepted form: 36 characters, hyphenated, in any case (RFC 9562 §4).
pub fn parse_id(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()
}

/// For `serde(deserialize_with)` on an id: the accepted form of [`parse_id`].
pub fn required_id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    optional_id(deserializer)?.ok_or_else(|| serde::de::Error::custom("is not a UUID"))
}

/// For `serde(deserialize_with)` on an optional id: the accepted form of [`parse_id`], or null.
pub fn optional_id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Uuid>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| parse_id(&text).ok_or_else(|| serde::de::Error::custom("is not a UUID"))).transpose()
}

/// What `Idempotency-Key` asks for: run this create once, answer every repeat alike.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// The caller's key, made unique to the caller and collection.
    pub key: String,
    /// A digest of the request body: the same key with another digest is another request.
    pub fingerprint: String,
}
