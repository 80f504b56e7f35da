//! The tables: one definition, which the local server creates and the contract hands to the stack.

use serde::Serialize;

use super::row::{ID, LIST_INDEX, LIST_SHARD, filter_attribute};
use crate::record::{Resource, Shards};

/// The bookkeeping table: unique values, idempotency keys and the migration ledger.
pub const BOOKKEEPING: &str = "bookkeeping";
/// Its partition key.
pub const BOOKKEEPING_KEY: &str = "pk";
/// The table of what happened to all records.
pub const HISTORY: &str = "history";
/// Its partition key: the collection and the record's id.
pub const HISTORY_RECORD: &str = "record";
/// Its sort key: the change's sequence number in the stream.
pub const HISTORY_SEQUENCE: &str = "sequence";
/// The attribute the TTL of bookkeeping and history reads, in epoch seconds.
pub const EXPIRES_AT: &str = "expiresAt";

/// A DynamoDB table. Keys are strings, indexes project all attributes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TableDefinition {
    /// The name without the deployment's prefix.
    pub name: &'static str,
    /// The partition key.
    pub partition_key: &'static str,
    /// The sort key, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_key: Option<&'static str>,
    /// The global secondary indexes.
    pub indexes: Vec<IndexDefinition>,
    /// The attribute that holds a row's expiry, where rows expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_attribute: Option<&'static str>,
    /// Whether the table has a stream, with old and new images.
    pub stream: bool,
}

/// A global secondary index.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexDefinition {
    /// Its name.
    pub name: String,
    /// Its partition key.
    pub partition_key: String,
    /// Its sort key.
    pub sort_key: &'static str,
    /// The partitions that records with the same key are spread over; none where each key has one of its own.
    #[serde(flatten)]
    pub shards: Option<ShardCounts>,
}

/// The partitions of an index, which bound how many records a second it takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShardCounts {
    /// The number of shards that new records are written to.
    pub write_shards: u8,
    /// The number of shards that lists read.
    pub read_shards: u8,
}

impl From<Shards> for ShardCounts {
    fn from(Shards { written, read }: Shards) -> Self {
        Self { write_shards: written, read_shards: read }
    }
}

/// The table of a resource: its records, the list index, and an index for each filter.
pub fn resource_table<R: Resource>() -> TableDefinition {
    let list = IndexDefinition {
        name: LIST_INDEX.into(),
        partition_key: LIST_SHARD.into(),
        sort_key: ID,
        shards: Some(R::LIST_SHARDS.into()),
    };
    let filters = R::FILTERS.iter().map(|filter| IndexDefinition {
        name: filter.field.into(),
        partition_key: filter_attribute(filter),
        sort_key: ID,
        shards: (filter.shards.read > 1).then(|| filter.shards.into()),
    });
    TableDefinition {
        name: R::COLLECTION,
        partition_key: ID,
        sort_key: None,
        indexes: std::iter::once(list).chain(filters).collect(),
        ttl_attribute: None,
        stream: true,
    }
}

/// The table beside the resources, whose rows no list, stream or export shows.
pub fn bookkeeping_table() -> TableDefinition {
    TableDefinition {
        name: BOOKKEEPING,
        partition_key: BOOKKEEPING_KEY,
        sort_key: None,
        indexes: Vec::new(),
        ttl_attribute: Some(EXPIRES_AT),
        stream: false,
    }
}

/// The table of what happened to all records.
pub fn history_table() -> TableDefinition {
    TableDefinition {
        name: HISTORY,
        partition_key: HISTORY_RECORD,
        sort_key: Some(HISTORY_SEQUENCE),
        indexes: Vec::new(),
        ttl_attribute: Some(EXPIRES_AT),
        stream: false,
    }
}
