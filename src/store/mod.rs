//! Typed tables over DynamoDB. Each write carries its condition.
//!
//! [`Table`] has a method for each operation on records, and applies the access rules of the resource for its principal.
//! Reads and plain writes are one request each. A write that changes a unique field or a reference is one transaction.
//!
//! Migrations work on raw rows: `migration` has the methods for them, and for the ledger of their progress.

mod access;
mod admin;
mod answers;
mod engine;
mod expression;
mod guards;
mod health;
mod history;
mod history_page;
mod index_query;
mod indexes;
mod list;
mod migration;
mod prime;
mod request;
mod row;
mod schema;
mod table;
mod tables;
mod transaction;
mod transition;
mod update;

pub use admin::create_missing_tables;
pub use answers::Answers;
pub use index_query::unindexed_reads;
pub use indexes::{TableKeys, add_index, remove_index, table_keys};
pub use migration::{
    Entry, LockRow, PageRequest, RawExpression, RowSchema, RowUpdate, ScannedPage, Segment, State, StoredRow,
    WriteMarker, WriteOutcome,
};
pub use request::metered;
pub use row::{MIGRATION, Row, TENANT, WRITE_ID, WRITTEN_BY, decode, encode, filter_key, without_own_attributes};
pub use schema::{
    ANSWERS, BOOKKEEPING, BOOKKEEPING_KEY, HISTORY, IndexDefinition, TableDefinition, answers_table, bookkeeping_table,
    history_table, resource_table,
};
pub use tables::{Store, Table};
