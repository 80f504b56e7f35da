//! The event Lambda sends, read so that one record that is not as it should be is no fault of the others.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::EventRecord;

/// The event of a batch.
#[derive(Deserialize)]
pub struct Event<'a> {
    #[serde(rename = "Records", borrow)]
    pub records: Vec<&'a RawValue>,
}

/// A record of the batch, read as far as it can be.
pub struct Record {
    /// Its stream.
    pub source: String,
    /// Its sequence number; empty where it has none.
    pub sequence: String,
    /// The key of the item that changed.
    pub key: String,
    /// The record itself, where it can be read.
    pub content: Option<EventRecord>,
}

impl Record {
    /// Reads one.
    pub fn read(text: &RawValue) -> Self {
        let outline: Outline = serde_json::from_str(text.get()).unwrap_or_default();
        let sequence = outline.dynamodb.sequence_number.unwrap_or_default();
        Self {
            source: outline.source.unwrap_or_default(),
            key: outline.dynamodb.keys.map(|keys| keys.get().to_owned()).unwrap_or_default(),
            content: serde_json::from_str(text.get()).ok().filter(|_| !sequence.is_empty()),
            sequence,
        }
    }
}

/// The place of a record, which is read even where the record as a whole cannot be.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Outline<'a> {
    #[serde(rename = "eventSourceARN")]
    source: Option<String>,
    #[serde(borrow)]
    dynamodb: OutlineOfChange<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct OutlineOfChange<'a> {
    sequence_number: Option<String>,
    #[serde(borrow)]
    keys: Option<&'a RawValue>,
}
