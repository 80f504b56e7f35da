//! The types that all modules share: resources, records, edits and queries.

mod edit;
mod history;
mod list;
mod normalization;
mod view;

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned};
use uuid::Uuid;
use validator::Validate;

pub use edit::{Edit, Precondition, fields, merge_patch, to_object};
pub use history::{Action, Cause, Entry, are_close, sortable};
pub use list::{ListQuery, Order, Page};
pub use normalization::{Normalization, normalize_email};
pub use view::View;

use crate::access::{Access, FieldAccess, MAX_TENANT_BYTES, Owner};

/// A type of record that the API stores.
///
/// The fields and their `validate` attributes are the contract. The constants define the invariants that the store
/// maintains. Field names are the JSON names, in camelCase. A constraint applies to one field, because a patch is
/// validated without the stored record.
pub trait Resource:
    Clone + PartialEq + Serialize + DeserializeOwned + Validate + JsonSchema + Send + Sync + 'static
{
    /// The singular name, as in `item`.
    const NAME: &'static str;
    /// The plural name: the path segment and the table, as in `items`.
    const COLLECTION: &'static str;
    /// The fields whose values must be unique in the collection.
    const UNIQUE: &'static [Unique] = &[];
    /// The fields that hold the id of another resource's record.
    const REFERENCES: &'static [Reference] = &[];
    /// The query parameters of the list. Each has its own index.
    const FILTERS: &'static [Filter] = &[];
    /// The shards of the list without a filter. They limit the rate of creates.
    const LIST_SHARDS: Shards = Shards::new(4);
    /// The rules: who may do what.
    const ACCESS: Access = Access::ADMIN;
    /// The place of a record's owner.
    const OWNER: Owner = Owner::None;
    /// The fields that only some may read or change.
    const PROTECTED: &'static [FieldAccess] = &[];
    /// True if each record belongs to the tenant of its creator. Only principals of this tenant reach it, and lists and
    /// unique values are per tenant.
    const TENANT: bool = false;

    /// Returns a valid value with **every** field present and no empty lists.
    ///
    /// It is the example in the contract, and the base on which patches are validated.
    fn example() -> Self;
}

/// A field that is unique across its table.
#[derive(Clone, Copy, Debug)]
pub struct Unique {
    /// The field's JSON name.
    pub field: &'static str,
    /// The rule by which two values count as equal.
    pub normalization: Normalization,
}

/// A field that refers to a record of another table.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    /// The field's JSON name.
    pub field: &'static str,
    /// The collection that must contain the id.
    pub collection: &'static str,
}

/// A list filter: `?field=value`, served by the index named after the field.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// The field's JSON name, also the name of the query parameter and the index.
    pub field: &'static str,
    /// The normalization of values before comparison.
    pub normalization: Normalization,
    /// The shards of each value. More than one is useful if few values share many records.
    pub shards: Shards,
}

/// The numbers of shards that the records with the same index key are distributed over, by their ids.
///
/// A partition supports 1,000 write units per second, and DynamoDB does not split one whose sort key only rises (DynamoDB
/// developer guide, "Using write sharding to distribute workloads evenly"). So the write throughput grows with
/// `written`. Lists query `read` shards. To raise the number in a running service, release a larger `read` first and a
/// larger `written` next, so that lists miss no record. `read` never falls, since records stay in their shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shards {
    /// The number of shards that new records are written to.
    pub written: u8,
    /// The number of shards that lists read: the largest number that was ever written to.
    pub read: u8,
}

impl Shards {
    /// Creates the numbers of a new table, with as many shards read as written.
    pub const fn new(count: u8) -> Self {
        Self::raised(count, count)
    }

    /// Creates numbers with more shards read than written, for when the number is being raised or was lowered.
    ///
    /// # Panics
    /// Panics if `written` is 0 or larger than `read`. In a constant this fails the build.
    pub const fn raised(written: u8, read: u8) -> Self {
        assert!(
            0 < written && written <= read,
            "at least one shard must be written, and each written shard must be read"
        );
        Self { written, read }
    }
}

/// The maximum length of a partition key of a table or an index, in bytes (developer guide, "Quotas in Amazon DynamoDB").
pub const MAX_KEY_BYTES: usize = 2048;

impl Filter {
    /// Returns the maximum length of a normalized value, in bytes.
    pub fn max_bytes(&self, has_tenants: bool) -> usize {
        // A sharded key ends with the number of its shard, and one of a tenant starts with the tenant and its length.
        let suffix = if self.shards.read == 1 { 0 } else { "#".len() + (self.shards.read - 1).to_string().len() };
        let prefix = if has_tenants { "128:#".len() + MAX_TENANT_BYTES } else { 0 };
        MAX_KEY_BYTES - suffix - prefix
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

/// Returns the current time, truncated to the precision of records: milliseconds.
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}

/// Formats a time as in records and responses: RFC 3339, UTC, milliseconds.
pub fn format_time(time: &DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn rfc3339<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_time(time))
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
