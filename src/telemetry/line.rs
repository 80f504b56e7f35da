//! Lines of the log: one JSON object each, written at once.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use super::environment::Environment;

/// The usual size of a line, which is allocated at once.
const USUAL_BYTES: usize = 2048;

/// A line of the log in the making.
pub struct Line(Vec<u8>);

impl Line {
    /// Creates a line without fields.
    pub fn new() -> Self {
        let mut text = Vec::with_capacity(USUAL_BYTES);
        text.push(b'{');
        Self(text)
    }

    /// Adds a field. The name needs no escape in JSON.
    pub fn field(&mut self, name: &str, value: impl Serialize) -> &mut Self {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
        serde_json::to_writer(&mut self.0, &value).expect("fields are JSON, and memory does not fail");
        self
    }

    /// Adds a field if there is a value.
    pub fn optional(&mut self, name: &str, value: Option<impl Serialize>) -> &mut Self {
        if let Some(value) = value {
            self.field(name, value);
        }
        self
    }

    /// Adds the members of an object.
    pub fn members(&mut self, members: &serde_json::Map<String, Value>) -> &mut Self {
        for (name, value) in members {
            self.field(name, value);
        }
        self
    }

    /// Adds members in the form of JSON, each after a comma.
    pub(super) fn raw(&mut self, members: &str) {
        let members = if self.0.len() > 1 { members } else { members.trim_start_matches(',') };
        self.0.extend_from_slice(members.as_bytes());
    }

    /// Adds the fields that identify the function.
    pub(super) fn origin(&mut self) {
        self.raw(&Environment::get().origin);
    }

    /// Writes the line to the log. A failed write is ignored.
    pub(super) fn write(mut self) {
        self.0.extend_from_slice(b"}\n");
        #[cfg(feature = "local")]
        if let Some(text) = super::readable::readable(&self.0) {
            self.0 = text;
        }
        // One write, so that lines from two threads do not interleave, and only one system call is needed.
        let _ = io::stdout().write_all(&self.0);
    }
}

impl Default for Line {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes one line that belongs to no event.
pub fn write_line(fields: &Value) {
    let mut line = Line::new();
    if let Some(fields) = fields.as_object() {
        line.members(fields);
    }
    line.origin();
    line.write();
}
