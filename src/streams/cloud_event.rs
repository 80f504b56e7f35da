//! A change as an event for others: CloudEvents 1.0.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Decoder;
use crate::record::{Entry, format_time};

/// The version of the events' data: another one where a reader of this one could no longer read it.
pub const SCHEMA_VERSION: u32 = 1;

/// An event (CloudEvents 1.0, JSON format).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub struct CloudEvent {
    /// `1.0`.
    pub specversion: String,
    /// The stream's id of the change, the same on every delivery: what to deduplicate by.
    pub id: String,
    /// The table the change is of.
    pub source: String,
    /// What happened, as in `item.created`.
    pub r#type: String,
    /// The record's id.
    pub subject: String,
    /// When it happened, RFC 3339.
    pub time: String,
    /// The place of the change in the stream: of two changes of a record, the later has the larger text (CloudEvents
    /// extension "Sequence").
    #[serde(default)]
    pub sequence: String,
    /// `application/json`.
    pub datacontenttype: String,
    /// Which schema the data has, see [`schema_id`].
    pub dataschema: String,
    /// Where the records are that the event has no room for: the path of the record's history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataref: Option<String>,
    /// The change: version, cause, who, the names of the changed fields, the record before and after.
    pub data: Map<String, Value>,
}

impl CloudEvent {
    /// The event of a change in the table of that name.
    pub fn new(decoder: Decoder, table: &str, entry: &Entry) -> Self {
        let kind = format!("{}.{}", decoder.singular, entry.action.name());
        let mut data = match serde_json::to_value(entry) {
            Ok(Value::Object(data)) => data,
            _ => unreachable!("an entry is a struct of JSON values"),
        };
        // The event itself says these.
        for name in ["eventId", "action", "time", "sequence"] {
            data.remove(name);
        }
        Self {
            specversion: "1.0".into(),
            id: entry.event_id.clone(),
            source: format!("urn:{}:{table}", env!("CARGO_PKG_NAME")),
            dataschema: schema_id(&kind),
            r#type: kind,
            subject: entry.id.to_string(),
            time: format_time(&entry.time),
            sequence: entry.sequence.clone(),
            datacontenttype: "application/json".into(),
            dataref: None,
            data,
        }
    }

    /// The event without the records, which are in the history under the same id.
    pub fn without_records(mut self, decoder: Decoder) -> Self {
        self.dataref = Some(format!("/v1/{}/{}/history", decoder.collection, self.subject));
        self.data.retain(|name, _| name != "old" && name != "new");
        self
    }
}

/// The id of the schema of an event's data, which is in `schemas/`.
pub fn schema_id(kind: &str) -> String {
    format!("urn:{}:schema:{kind}:v{SCHEMA_VERSION}", env!("CARGO_PKG_NAME"))
}
