//! Rows as they are stored, and the marker that a migration's writes leave in them.

use serde_json::{Map, Value};

use super::RowSchema;
use crate::store::row::{Row, VERSION, WRITE_ID, id, string};

/// The marker that a migration's writes leave in `writeId`: a prefix for all passes, and the value of this pass.
#[derive(Clone, Debug)]
pub struct WriteMarker {
    pub(super) run: String,
    pub(super) id: String,
}

impl WriteMarker {
    /// Creates the marker of a pass.
    pub fn new(run: &str, pass: u32) -> Self {
        Self { run: run.to_owned(), id: format!("{run}/{pass}") }
    }
}

/// A row as it was read.
#[derive(Clone, Debug)]
pub struct StoredRow(pub(super) Row);

impl StoredRow {
    /// Returns the id.
    pub fn id(&self) -> &str {
        id(&self.0)
    }

    /// Returns the stored version.
    pub fn version(&self) -> Option<&str> {
        self.0.get(VERSION).and_then(|version| version.as_n().ok()).map(String::as_str)
    }

    /// Returns true if the last write was one of this pass.
    pub fn has_marker(&self, marker: &WriteMarker) -> bool {
        self.0.get(WRITE_ID) == Some(&string(&marker.id))
    }

    /// Returns true if the last write was one of this or an earlier pass.
    pub fn is_written_by_run(&self, marker: &WriteMarker) -> bool {
        let write = self.0.get(WRITE_ID).and_then(|write| write.as_s().ok());
        write.is_some_and(|write| write.starts_with(&marker.run))
    }

    /// Returns the record as JSON, without the attributes that the store adds.
    pub fn fields(&self, schema: &RowSchema) -> Map<String, Value> {
        schema.fields_of(&self.0)
    }

    /// Returns all attributes as JSON.
    pub fn all_fields(&self) -> Map<String, Value> {
        serde_dynamo::from_item(self.0.clone()).unwrap_or_default()
    }
}
