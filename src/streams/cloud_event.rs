//! The event of a change, in the format of CloudEvents 1.0.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Decoder;
use crate::record::{Entry, format_time};

/// The version of the events' data schema. A change that breaks existing readers needs a new version.
pub const SCHEMA_VERSION: u32 = 1;

/// An event (CloudEvents 1.0, JSON format).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub struct CloudEvent {
    /// `1.0`.
    pub specversion: String,
    /// The `eventID` of the stream record, the same on every delivery. Consumers deduplicate by it.
    pub id: String,
    /// The table of the record.
    pub source: String,
    /// The type of the event, such as `item.created`.
    pub r#type: String,
    /// The record's id.
    pub subject: String,
    /// The time of the change (RFC 3339).
    pub time: String,
    /// The sequence number: of two changes of a record, the later one has the larger string (CloudEvents extension
    /// "Sequence").
    #[serde(default)]
    pub sequence: String,
    /// `application/json`.
    pub datacontenttype: String,
    /// The id of the data's schema, see [`schema_id`].
    pub dataschema: String,
    /// The path of the record's history, which has the records that are too large for the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataref: Option<String>,
    /// The trace context of the request that made the change, if it was sampled (CloudEvents extension "Distributed
    /// Tracing").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The change: version, cause, principal, the names of the changed fields, the record before and after.
    pub data: Map<String, Value>,
}

impl CloudEvent {
    /// Returns the event of a change in the table of this name.
    pub fn new(decoder: Decoder, table: &str, entry: &Entry) -> Self {
        let kind = format!("{}.{}", decoder.singular, entry.action.name());
        let mut data = match serde_json::to_value(entry) {
            Ok(Value::Object(data)) => data,
            _ => unreachable!("an entry is a struct of JSON values"),
        };
        // These are attributes of the event itself.
        for name in ["eventId", "action", "time", "sequence", "traceparent"] {
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
            traceparent: entry.traceparent.clone(),
            data,
        }
    }

    /// Returns the event without the records, and with a reference to the history, which has them under the same id.
    pub fn without_records(mut self, decoder: Decoder) -> Self {
        self.dataref = Some(format!("/v1/{}/{}/history", decoder.collection, self.subject));
        self.data.retain(|name, _| name != "old" && name != "new");
        self
    }
}

/// Returns the id of the schema of an event's data. The schemas are in `schemas/`.
pub fn schema_id(kind: &str) -> String {
    format!("urn:{}:schema:{kind}:v{SCHEMA_VERSION}", env!("CARGO_PKG_NAME"))
}
