//! Stores the records that a stream consumer failed to handle, in the format of Lambda's failure destination in S3.

use std::{fs, io, path::Path};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::record::format_time;

const SHARD: &str = "shardId-00000000000000000000-00000000";

/// Writes a discarded record to the folder, in Lambda's naming scheme and format (Lambda developer guide, "Retain
/// discarded records for a DynamoDB event source").
///
/// # Errors
/// When the file cannot be written.
pub fn write(folder: &Path, consumer: &str, table: &str, attempts: u32, record: &Value) -> io::Result<()> {
    let now = Utc::now();
    let folder = folder.join(format!("aws/lambda/{}/{SHARD}/{}", mapping_id(consumer, table), now.format("%Y/%m/%d")));
    fs::create_dir_all(&folder)?;
    let name = format!("{}-{}", now.format("%Y-%m-%dT%H.%M.%S"), Uuid::now_v7());
    // A rename is atomic, so that no reader sees a partial file.
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

/// Returns the id of the simulated event source mapping, derived from the consumer and the table (RFC 9562 §5.8).
fn mapping_id(consumer: &str, table: &str) -> Uuid {
    let digest = Sha256::digest(format!("{consumer}#{table}"));
    let bytes: [u8; 16] = std::array::from_fn(|place| digest[place]);
    Builder::from_custom_bytes(bytes).into_uuid()
}
