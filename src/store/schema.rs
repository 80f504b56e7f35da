//! The table definitions, which the local server and, through the contract, the stack create.

use serde::Serialize;

use super::row::{ID, LIST_INDEX, LIST_SHARD, filter_attribute};
use crate::record::{Resource, Shards};

/// The bookkeeping table: unique values, idempotency keys and the migration ledger.
pub const BOOKKEEPING: &str = "bookkeeping";
/// The partition key of the bookkeeping table.
pub const BOOKKEEPING_KEY: &str = "pk";
/// The table of the history of all records.
pub const HISTORY: &str = "history";
/// The partition key of the history table: the collection and the record's id.
pub const HISTORY_RECORD: &str = "record";
/// The sort key of the history table: the sequence number of the change in the stream.
pub const HISTORY_SEQUENCE: &str = "sequence";
/// The table of the upstream API's answers.
pub const ANSWERS: &str = "answers";
/// The partition key of the table of answers.
pub const ANSWERS_KEY: &str = "pk";
/// The TTL attribute of the bookkeeping, history and answers tables, in epoch seconds.
pub const EXPIRES_AT: &str = "expiresAt";

/// The definition of a DynamoDB table. Keys are strings, and indexes project all attributes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TableDefinition {
    /// The name without the deployment's prefix.
    pub name: &'static str,
    /// The partition key.
    pub partition_key: &'static str,
    /// The sort key, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_key: Option<&'static str>,
    /// The global secondary indexes.
    pub indexes: Vec<IndexDefinition>,
    /// The attribute that holds a row's expiry time, if rows expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_attribute: Option<&'static str>,
    /// True if the table has a stream of old and new images.
    pub stream: bool,
}

impl TableDefinition {
    /// Returns the same table without a stream.
    #[must_use]
    pub fn without_stream(self) -> Self {
        Self { stream: false, ..self }
    }
}

/// The definition of a global secondary index.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexDefinition {
    /// The name.
    pub name: String,
    /// The partition key.
    pub partition_key: String,
    /// The sort key.
    pub sort_key: &'static str,
    /// The shards that records with the same key are distributed over, or `None` if each key has one partition.
    #[serde(flatten)]
    pub shards: Option<ShardCounts>,
}

/// The numbers of shards of an index. They limit its write throughput.
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

/// Returns the table of a resource with the list index and an index for each filter.
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

/// Returns the bookkeeping table. No list, stream or export shows its rows.
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

/// Returns the table of the upstream API's answers.
pub fn answers_table() -> TableDefinition {
    TableDefinition { name: ANSWERS, partition_key: ANSWERS_KEY, ..bookkeeping_table() }
}

/// Returns the table of the history of all records.
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
