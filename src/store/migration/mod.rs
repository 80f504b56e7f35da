//! Access that only migrations need: scans and conditional writes of raw rows, the ledger and the lock.
//!
//! [`Store::scan_page`](super::Store::scan_page) and [`Store::write_row`](super::Store::write_row) read and write rows, and the `ledger_` methods store the progress.

mod backfill;
mod entry;
mod index_attributes;
mod ledger;
mod lock;
mod probe;
mod raw_expression;
mod rewrite;
mod row_schema;
mod stored_row;

pub use backfill::{PageRequest, ScannedPage, WriteOutcome};
pub use entry::{Entry, Segment, State};
pub use lock::LockRow;
pub use raw_expression::RawExpression;
pub use rewrite::RowUpdate;
pub use row_schema::RowSchema;
pub use stored_row::{StoredRow, WriteMarker};
