//! Stream records in DynamoDB's format.

use serde_json::{Value, json};
use uuid::Uuid;

/// The ARN of the stream.
pub const STREAM: &str = "arn:aws:dynamodb:eu-central-1:000000000000:table/local-items/stream/2026-01-01T00:00:00.000";

/// Returns the sequence number of the change at an index.
pub fn sequence(index: usize) -> String {
    (100_000_000_000_000_000_000_u128 + index as u128).to_string()
}

/// Returns the id of the item with this number.
pub fn id(item: usize) -> Uuid {
    Uuid::from_u128(0x019a_7d3e_0c00_7000_8000_0000_0000_0000 + item as u128)
}

/// Returns a record of an item's update.
pub fn modified(index: usize, item: usize) -> Value {
    record("MODIFY", index, item, Some(image(item, 1, "Cup")), Some(image(item, 2, "Mug")))
}

/// Returns a record without images.
pub fn bare(index: usize, item: usize) -> Value {
    record("MODIFY", index, item, None, None)
}

/// Returns a record of any kind.
pub fn record(kind: &str, index: usize, item: usize, old: Option<Value>, new: Option<Value>) -> Value {
    let mut record = json!({
        "eventID": format!("event-{index}"),
        "eventName": kind,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1",
        "eventSourceARN": STREAM,
        "dynamodb": {
            "ApproximateCreationDateTime": 1_763_000_000,
            "Keys": { "id": { "S": id(item) } },
            "SequenceNumber": sequence(index),
            "SizeBytes": 100,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    });
    for (name, image) in [("OldImage", old), ("NewImage", new)] {
        if let Some(image) = image {
            record["dynamodb"][name] = image;
        }
    }
    record
}

/// Returns the row of an item, written at the time of the stream record.
pub fn image(item: usize, version: u64, name: &str) -> Value {
    json!({
        "id": { "S": id(item) },
        "version": { "N": version.to_string() },
        "createdAt": { "S": "2025-11-13T00:00:00.000Z" },
        "updatedAt": { "S": "2025-11-13T02:13:19.250Z" },
        "name": { "S": name },
        "priceCents": { "N": "1250" },
        "currency": { "S": "EUR" },
        "status": { "S": "draft" },
        "tags": { "L": [] },
        "listShard": { "S": "0" },
        "writeId": { "S": format!("write-{version}") },
        "writtenBy": { "S": "basic" },
    })
}

/// Returns the event of a batch.
pub fn batch(records: &[Value]) -> String {
    json!({ "Records": records }).to_string()
}
