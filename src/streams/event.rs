//! The batch event of a stream, parsed record by record, so that one invalid record does not fail the others.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::EventRecord;

/// The event of a batch (Lambda developer guide, "Using AWS Lambda with Amazon DynamoDB").
#[derive(Deserialize)]
pub struct Event<'a> {
    #[serde(rename = "Records", borrow)]
    pub records: Vec<&'a RawValue>,
}

/// A record of the batch, parsed as far as possible.
pub struct Record {
    /// The ARN of the stream.
    pub source: String,
    /// The sequence number; empty if it is missing.
    pub sequence: String,
    /// The key of the item that changed.
    pub key: String,
    /// The whole record, if it can be parsed.
    pub content: Option<EventRecord>,
}

impl Record {
    /// Parses a record.
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

/// The fields that locate a record. They are parsed even if the whole record cannot be.
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
