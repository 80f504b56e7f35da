//! Rows as a migration meets them, and the marker its own writes leave in them.

use serde_json::{Map, Value};

use super::{
    row::{Row, VERSION, WRITE_ID, id, string},
    row_schema::RowSchema,
};

/// What the writes of a migration leave in a row, to be known by: those of all its passes, and of this one.
#[derive(Clone, Debug)]
pub struct WriteMarker {
    pub(super) run: String,
    pub(super) id: String,
}

impl WriteMarker {
    /// That of a pass.
    pub fn new(run: &str, pass: u32) -> Self {
        Self { run: run.to_owned(), id: format!("{run}/{pass}") }
    }
}

/// A row as it was met.
#[derive(Clone, Debug)]
pub struct StoredRow(pub(super) Row);

impl StoredRow {
    /// Its id.
    pub fn id(&self) -> &str {
        id(&self.0)
    }

    /// Its version as it is stored.
    pub fn version(&self) -> Option<&str> {
        self.0.get(VERSION).and_then(|version| version.as_n().ok()).map(String::as_str)
    }

    /// Whether a write of this pass made it what it is.
    pub fn has_marker(&self, marker: &WriteMarker) -> bool {
        self.0.get(WRITE_ID) == Some(&string(&marker.id))
    }

    /// Whether a write of this or an earlier pass made it what it is.
    pub fn is_written_by_run(&self, marker: &WriteMarker) -> bool {
        let write = self.0.get(WRITE_ID).and_then(|write| write.as_s().ok());
        write.is_some_and(|write| write.starts_with(&marker.run))
    }

    /// The record as JSON, without what the store adds to it.
    pub fn fields(&self, shape: &RowSchema) -> Map<String, Value> {
        shape.fields_of(&self.0)
    }

    /// Everything in it as JSON.
    pub fn all_fields(&self) -> Map<String, Value> {
        serde_dynamo::from_item(self.0.clone()).unwrap_or_default()
    }
}
