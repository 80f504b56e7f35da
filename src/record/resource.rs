//! The trait of a resource and the invariants that it declares.

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use validator::Validate;

use super::Normalization;
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

impl Unique {
    /// Returns a field whose values are compared as they are.
    pub const fn exact(field: &'static str) -> Self {
        Self { field, normalization: Normalization::None }
    }

    /// Returns a field with an e-mail address.
    pub const fn email(field: &'static str) -> Self {
        Self { field, normalization: Normalization::EmailAddress }
    }
}

/// A field that refers to a record of another table.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    /// The field's JSON name.
    pub field: &'static str,
    /// The collection that must contain the id.
    pub collection: &'static str,
}

impl Reference {
    /// Returns a field that holds the id of a record of the collection.
    pub const fn new(field: &'static str, collection: &'static str) -> Self {
        Self { field, collection }
    }
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
    /// Returns a filter that compares values as they are.
    pub const fn exact(field: &'static str) -> Self {
        Self { field, normalization: Normalization::None, shards: Shards::new(1) }
    }

    /// Returns a filter that ignores the case of values.
    pub const fn ignoring_case(field: &'static str) -> Self {
        Self { normalization: Normalization::Lowercase, ..Self::exact(field) }
    }

    /// Returns a filter by the id of another record.
    pub const fn id(field: &'static str) -> Self {
        Self::ignoring_case(field)
    }

    /// Returns a filter by an e-mail address.
    pub const fn email(field: &'static str) -> Self {
        Self { normalization: Normalization::EmailAddress, ..Self::exact(field) }
    }

    /// Sets the shards of each value. Few values that share many records need several.
    #[must_use]
    pub const fn sharded(self, shards: Shards) -> Self {
        Self { shards, ..self }
    }

    /// Returns the maximum length of a normalized value, in bytes.
    pub fn max_bytes(&self, has_tenants: bool) -> usize {
        // A sharded key ends with the number of its shard, and one of a tenant starts with the tenant and its length.
        let suffix = if self.shards.read == 1 { 0 } else { "#".len() + (self.shards.read - 1).to_string().len() };
        let prefix = if has_tenants { "128:#".len() + MAX_TENANT_BYTES } else { 0 };
        MAX_KEY_BYTES - suffix - prefix
    }
}
