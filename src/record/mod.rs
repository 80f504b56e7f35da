//! The words every room shares: what a resource is, the record around it, and what a request asks of it.

mod edit;
mod history;
mod list;

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned};
use uuid::Uuid;
use validator::Validate;

pub use edit::{Edit, Precondition, fields, merge_patch, to_object};
pub use history::{Action, Cause, Entry, is_near, sortable};
pub use list::{ListQuery, Order, Page};

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
    /// Whether values that differ only in case are the same.
    pub ignore_case: bool,
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
    /// Whether values that differ only in case are the same.
    pub ignore_case: bool,
    /// Over how many partitions one value is spread: more than one where few values share many records.
    pub shards: u8,
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
