//! An event source mapping: reads a table's stream and gives batches to a consumer, as Lambda does.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::{StreamSpecification, StreamViewType};
use serde_json::{Value, json};
use serverless_crud::{
    app::{App, Config},
    routes::{StreamConsumer, consumers},
    streams,
};

use crate::{
    support::{self, TestServer, config},
    wire::Wire,
};

const LIMIT: Duration = Duration::from_secs(20);
/// More than any fault of the wire lasts.
const ATTEMPTS: usize = 200;

/// A server whose streams only the tests read, and the consumers' way to it and to the bus.
pub struct Rig {
    pub server: TestServer,
    pub dynamodb: Wire,
    pub bus: Wire,
    app: Arc<App>,
    random: fastrand::Rng,
}

impl Rig {
    /// Starts one; the seed says which requests fail.
    pub async fn start(seed: u64) -> Self {
        let server = TestServer::start().await;
        let client = support::dynamodb(&server.dynamodb_url);
        for table in ["local-items", "local-users"] {
            let stream = StreamSpecification::builder();
            let stream = stream.stream_enabled(true).stream_view_type(StreamViewType::NewAndOldImages).build().unwrap();
            client.update_table().table_name(table).stream_specification(stream).send().await.unwrap();
        }
        let (dynamodb, bus) = (Wire::to(&server.dynamodb_url, seed).await, Wire::to_bus(seed + 1).await);
        let config = Config { events_endpoint_url: Some(bus.url.clone()), ..config() };
        let app = App::new(config, support::dynamodb(&dynamodb.url));
        Self { server, dynamodb, bus, app, random: fastrand::Rng::with_seed(seed + 2) }
    }

    /// Gives all changes to a consumer, in batches of any size, until none is left.
    pub async fn drain(&mut self, name: &str) {
        let StreamConsumer { tables, events, consumer, .. } =
            consumers().into_iter().find(|consumer| consumer.name == name).unwrap();
        for table in tables {
            let (arn, records) = self.records(&format!("local-{table}")).await;
            let wanted = records.into_iter().filter(|record| events.contains(&record["eventName"].as_str().unwrap()));
            let records: Vec<Value> = wanted.map(|record| with_source(record, &arn)).collect();
            let (mut start, mut attempts) = (0, 0);
            while start < records.len() {
                attempts += 1;
                assert!(attempts < ATTEMPTS + records.len(), "{name} comes to an end");
                let end = records.len().min(start + self.random.usize(1..=100));
                let event = json!({ "Records": records[start..end] }).to_string();
                let response = streams::respond(&self.app, name, consumer.as_ref(), &event, LIMIT).await;
                let failed = response.batch_item_failures.first().map(|failure| &failure.item_identifier);
                start = match failed {
                    Some(failed) => records.iter().position(|record| sequence(record) == failed).unwrap(),
                    None => end,
                };
            }
        }
    }

    /// A table's stream, from its beginning.
    pub async fn records(&self, table: &str) -> (String, Vec<Value>) {
        let streams = self.call("ListStreams", json!({ "TableName": table })).await;
        let arn = streams["Streams"][0]["StreamArn"].as_str().unwrap().to_owned();
        let stream = self.call("DescribeStream", json!({ "StreamArn": arn })).await;
        let shard = &stream["StreamDescription"]["Shards"][0]["ShardId"];
        let from = json!({ "StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
        let mut iterator = self.call("GetShardIterator", from).await["ShardIterator"].clone();
        let mut records = Vec::new();
        loop {
            let page = self.call("GetRecords", json!({ "ShardIterator": iterator })).await;
            let page_records = page["Records"].as_array().unwrap();
            if page_records.is_empty() {
                return (arn, records);
            }
            records.extend(page_records.clone());
            iterator = page["NextShardIterator"].clone();
        }
    }

    async fn call(&self, operation: &str, request: Value) -> Value {
        let authorization =
            "AWS4-HMAC-SHA256 Credential=a/20260101/local/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
        let request = self
            .server
            .client
            .post(&self.server.dynamodb_url)
            .header("x-amz-target", format!("DynamoDBStreams_20120810.{operation}"))
            .header("x-amz-date", "20260101T000000Z")
            .header("content-type", "application/x-amz-json-1.0")
            .header("authorization", authorization)
            .body(request.to_string());
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{operation}: {:?}", answer.text().await);
        answer.json().await.unwrap()
    }

    /// The tables a consumer asked DynamoDB about, each with the operation.
    pub fn take_operations(&self) -> BTreeSet<(String, String)> {
        std::mem::take(&mut self.dynamodb.operations.lock().unwrap())
    }
}

fn with_source(mut record: Value, arn: &str) -> Value {
    record["eventSourceARN"] = arn.into();
    record
}

/// A record's sequence number.
pub fn sequence(record: &Value) -> &str {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap()
}
