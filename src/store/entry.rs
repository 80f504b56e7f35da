//! What is remembered of a migration: its state, its mark, and how far each segment was read.

use serde::{Deserialize, Serialize};

use super::WriteMarker;

/// How far a migration has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It has begun, and goes on from its checkpoints.
    Running,
    /// It went through the table, but some records refused.
    Incomplete,
    /// It is done.
    Applied,
}

/// What the ledger knows of a migration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its number.
    pub number: u32,
    /// Its name, as in the file's.
    pub name: String,
    /// The SHA-256 of its file.
    pub checksum: String,
    /// How far it has come.
    pub state: State,
    /// Who ran it last.
    pub who: String,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// When it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// For how long it ran, in milliseconds, breaks left out.
    pub duration_ms: u64,
    /// What its writes leave in `writeId`, with the pass: it tells them from every other write.
    pub mark: String,
    /// How often all records were gone through before, because some refused.
    #[serde(default)]
    pub pass: u32,
    /// The fencing token of the run that may write here.
    pub fence: u64,
    /// Whether the file may not change any more: set before the first write of a record.
    #[serde(default = "yes")]
    pub pinned: bool,
    /// The record of the last write that went alone, to be looked at before there are more.
    #[serde(default)]
    pub probe: Option<String>,
    /// Whether such a record no longer matched.
    #[serde(default)]
    pub proven: bool,
    /// The segments of the table, each with its checkpoint.
    pub segments: Vec<Segment>,
}

impl Entry {
    /// What the writes of this pass leave in `writeId`.
    pub fn marker(&self) -> WriteMarker {
        WriteMarker::new(&self.mark, self.pass)
    }

    /// The same for another pass over the table: what was written stays counted.
    pub fn next_pass(self) -> Self {
        let counted =
            |segment: Segment| Segment { written: segment.written, skipped: segment.skipped, ..Segment::default() };
        let segments = self.segments.into_iter().map(counted).collect();
        Self { state: State::Running, finished_at: None, pass: self.pass + 1, segments, ..self }
    }

    /// Whether nothing has been written by it, so that its file may change or go.
    pub fn has_no_writes(&self) -> bool {
        self.state != State::Applied && !self.pinned
    }
}

fn yes() -> bool {
    true
}

/// The checkpoint of a segment: how far it was read, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Segment {
    /// The id the last page ended at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Whether there is no further page.
    pub done: bool,
    /// How many rows were looked at.
    pub scanned: u64,
    /// How many were written.
    pub written: u64,
    /// How many matched when they were read, and needed no write when it came to it.
    pub skipped: u64,
    /// How many refused.
    pub refused: u64,
    /// The first of those, by id, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<(String, String)>,
}
