//! The changes a consumer of streams gave up, kept whole, as Lambda keeps them in S3.

use std::{fs, io, path::Path};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::record::format_time;

const SHARD: &str = "shardId-00000000000000000000-00000000";

/// Keeps the record of a call in the folder, by Lambda's naming and in its form (Lambda developer guide, "Retain
/// discarded records for a DynamoDB event source").
///
/// # Errors
/// When the file cannot be written.
pub fn keep(folder: &Path, consumer: &str, table: &str, attempts: u32, record: &Value) -> io::Result<()> {
    let now = Utc::now();
    let folder = folder.join(format!("aws/lambda/{}/{SHARD}/{}", mapping_id(consumer, table), now.format("%Y/%m/%d")));
    fs::create_dir_all(&folder)?;
    let name = format!("{}-{}", now.format("%Y-%m-%dT%H.%M.%S"), Uuid::now_v7());
    // As a whole or not at all.
    let unfinished = folder.join(format!(".{name}"));
    fs::write(&unfinished, invocation(consumer, attempts, record, &now).to_string())?;
    fs::rename(unfinished, folder.join(name))
}

fn invocation(consumer: &str, attempts: u32, record: &Value, now: &DateTime<Utc>) -> Value {
    let seconds = record["dynamodb"]["ApproximateCreationDateTime"].as_f64().unwrap_or_default() as i64;
    let arrival = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    let arrival = arrival.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let sequence = &record["dynamodb"]["SequenceNumber"];
    json!({
        "requestContext": {
            "requestId": Uuid::now_v7(),
            "functionArn": format!("arn:aws:lambda:us-east-1:000000000000:function:local-{consumer}:live"),
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": attempts,
        },
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
        "version": "1.0",
        "timestamp": format_time(now),
        "DDBStreamBatchInfo": {
            "shardId": SHARD,
            "startSequenceNumber": sequence,
            "endSequenceNumber": sequence,
            "approximateArrivalOfFirstRecord": arrival,
            "approximateArrivalOfLastRecord": arrival,
            "batchSize": 1,
            "streamArn": record["eventSourceARN"],
        },
        "payload": json!({ "Records": [record] }).to_string(),
    })
}

/// The id of what stands in for an event source mapping: the same for the same consumer and table (RFC 9562 §5.8).
fn mapping_id(consumer: &str, table: &str) -> Uuid {
    let digest = Sha256::digest(format!("{consumer}#{table}"));
    let bytes: [u8; 16] = std::array::from_fn(|place| digest[place]);
    Builder::from_custom_bytes(bytes).into_uuid()
}
