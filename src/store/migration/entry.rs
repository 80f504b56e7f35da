//! The ledger entry of a migration: its state, its marker and the checkpoint of each segment.

use serde::{Deserialize, Serialize};

use super::WriteMarker;

/// The state of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The migration has started. It continues from its checkpoints.
    Running,
    /// The migration scanned the whole table, but some records were refused.
    Incomplete,
    /// The migration is complete.
    Applied,
}

/// The ledger entry of a migration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The number of the migration.
    pub number: u32,
    /// The name, as in the file name.
    pub name: String,
    /// The SHA-256 digest of the file.
    pub checksum: String,
    /// The state.
    pub state: State,
    /// The operator of the last run.
    pub who: String,
    /// The start time, RFC 3339.
    pub started_at: String,
    /// The completion time, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// The total run time in milliseconds, without interruptions.
    pub duration_ms: u64,
    /// The prefix of `writeId` in the migration's writes, which distinguishes them from all others.
    pub mark: String,
    /// The number of earlier passes over the table. A new pass follows one that refused records.
    #[serde(default)]
    pub pass: u32,
    /// The fencing token of the run that may change this entry.
    pub fence: u64,
    /// True if the file may no longer change. Set before the first write of a record.
    #[serde(default = "yes")]
    pub pinned: bool,
    /// The record of the last single write, which is checked before further writes.
    #[serde(default)]
    pub probe: Option<String>,
    /// True if such a record no longer matched the filter after its write.
    #[serde(default)]
    pub proven: bool,
    /// The checkpoints of the segments of the table.
    pub segments: Vec<Segment>,
}

impl Entry {
    /// Returns the marker of the writes of this pass.
    pub fn marker(&self) -> WriteMarker {
        WriteMarker::new(&self.mark, self.pass)
    }

    /// Returns the entry for another pass over the table. Written and skipped records stay counted.
    pub fn next_pass(self) -> Self {
        let counted =
            |segment: Segment| Segment { written: segment.written, skipped: segment.skipped, ..Segment::default() };
        let segments = self.segments.into_iter().map(counted).collect();
        Self { state: State::Running, finished_at: None, pass: self.pass + 1, segments, ..self }
    }

    /// Returns true if the migration has written no records, so that its file may change or be removed.
    pub fn has_no_writes(&self) -> bool {
        self.state != State::Applied && !self.pinned
    }
}

fn yes() -> bool {
    true
}

/// The checkpoint of a segment: its position and the counts of outcomes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Segment {
    /// The last id of the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// True if there is no further page.
    pub done: bool,
    /// The number of rows scanned.
    pub scanned: u64,
    /// The number of rows written.
    pub written: u64,
    /// The number of rows that matched when read but needed no write by the time of the write.
    pub skipped: u64,
    /// The number of rows refused.
    pub refused: u64,
    /// The first refused rows, by id, with the reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<(String, String)>,
}
