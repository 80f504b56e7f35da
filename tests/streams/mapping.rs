//! An event source mapping: reads a table's stream and gives batches to a consumer, by Lambda's rules.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::{StreamSpecification, StreamViewType};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use serverless_crud::{
    app::{App, Config},
    functions::{ConsumerDefinition, Source, consumers},
    operations::tables,
    streams::{self, Consumer, EventConsumer},
};

use crate::{
    support::{self, TestServer, config},
    wire::Wire,
};

const LIMIT: Duration = Duration::from_secs(20);
/// As in `cdk/lib/consumers.ts`.
const RETRIES: u32 = 50;
/// More than a queue allows: a tenth of all requests fails here.
const RECEIVES: u32 = 50;

/// Gives a batch of a shard to a consumer until nothing of it is left, and returns what was given up.
///
/// The rules (Lambda developer guide, "Configuring partial batch response with DynamoDB and Lambda"): where a record is
/// named, what comes before it is done, and the rest is tried again as it is, which takes a retry. Where the call
/// fails, the batch is halved, which takes none, and the first half comes to its end before the second begins; one
/// record is tried again, which takes a retry. Where there is none left, all that is left of the batch is given up.
pub async fn deliver<'a>(app: &Arc<App>, name: &str, consumer: &dyn Consumer, records: &'a [Value]) -> Vec<&'a Value> {
    let (mut given_up, mut open) = (Vec::new(), vec![(records, RETRIES)]);
    while let Some((batch, retries)) = open.pop() {
        let event = json!({ "Records": batch }).to_string();
        let failed = match streams::respond_or_fail(app, name, consumer, &event, LIMIT).await {
            Ok(response) => match response.batch_item_failures.first() {
                None => continue,
                // A name it does not know is that of the whole batch.
                Some(failed) => batch.iter().position(|record| sequence(record) == failed.item_identifier).unwrap_or(0),
            },
            Err(_) if batch.len() > 1 => {
                let (first, second) = batch.split_at(batch.len() / 2);
                open.extend([(second, retries), (first, retries)]);
                continue;
            }
            Err(_) => 0,
        };
        match retries.checked_sub(1) {
            Some(retries) => open.push((&batch[failed..], retries)),
            None => given_up.extend(&batch[failed..]),
        }
    }
    given_up
}

/// A server whose streams only the tests read, and the consumers' way to it and to the bus.
pub struct Rig {
    pub server: TestServer,
    pub dynamodb: Wire,
    pub bus: Wire,
    /// How many seconds ago the changes happened, as the consumers see it.
    pub age: i64,
    app: Arc<App>,
    random: fastrand::Rng,
}

impl Rig {
    /// Starts one; the seed says which requests fail.
    pub async fn start(seed: u64) -> Self {
        let server = TestServer::start().await;
        let client = support::dynamodb(&server.dynamodb_url);
        for table in tables().into_iter().filter(|table| table.stream) {
            let stream = StreamSpecification::builder();
            let stream = stream.stream_enabled(true).stream_view_type(StreamViewType::NewAndOldImages).build().unwrap();
            client
                .update_table()
                .table_name(format!("local-{}", table.name))
                .stream_specification(stream)
                .send()
                .await
                .unwrap();
        }
        let (dynamodb, bus) = (Wire::to(&server.dynamodb_url, seed).await, Wire::to_bus(seed + 1).await);
        let config = Config { events_endpoint_url: Some(bus.url.clone()), ..config() };
        let app = App::new(config, support::dynamodb(&dynamodb.url));
        Self { server, dynamodb, bus, age: 60, app, random: fastrand::Rng::with_seed(seed + 2) }
    }

    /// Gives all changes to a consumer, in batches of any size, until none is left.
    pub async fn drain(&mut self, name: &str) {
        let Source::Streams { tables, changes, consumer, .. } = definition(name).source else {
            return self.drain_events(name).await;
        };
        for table in tables {
            let (arn, records) = self.records(&format!("local-{table}")).await;
            let wanted = records.into_iter().filter(|record| changes.contains(&record["eventName"].as_str().unwrap()));
            let records: Vec<Value> = wanted.map(|record| self.as_event(record, &arn)).collect();
            let mut rest = &records[..];
            while !rest.is_empty() {
                let (batch, others) = rest.split_at(self.random.usize(1..=rest.len().min(100)));
                let given_up = deliver(&self.app, name, consumer.as_ref(), batch).await;
                assert_eq!(given_up.len(), 0, "{name} gives nothing up");
                rest = others;
            }
        }
    }

    /// Publishes all changes, and gives their events to a consumer of the bus until none is left.
    async fn drain_events(&mut self, name: &str) {
        let mut events = self.published(name).await;
        let mut receives = 0;
        while !events.is_empty() {
            receives += 1;
            assert!(receives <= RECEIVES, "{name} gives nothing up");
            events = self.pass(name, "", TimeDelta::zero(), events).await;
        }
    }

    /// The events of all changes that a consumer of the bus takes.
    pub async fn published(&mut self, name: &str) -> Vec<Value> {
        let Source::Events { types, .. } = definition(name).source else { panic!("{name} reads streams") };
        let faults = self.dynamodb.faults();
        self.dynamodb.set_faults(0);
        Box::pin(self.drain("events_publish")).await;
        self.dynamodb.set_faults(faults);
        let mut events = self.bus.events.lock().unwrap().clone();
        events.retain(|event| types.iter().any(|kind| event["type"] == **kind));
        events
    }

    /// Gives events to a consumer of the bus as if their changes were this old, from its queue with this ending, and
    /// returns those that stay in the queue.
    pub async fn pass(&self, name: &str, queue: &str, age: TimeDelta, events: Vec<Value>) -> Vec<Value> {
        let Source::Events { consumer, .. } = definition(name).source else { panic!("{name} reads streams") };
        let message = |(place, event): (usize, &Value)| {
            let mut event = event.clone();
            event["time"] = (Utc::now() - age).to_rfc3339().into();
            json!({
                "messageId": place.to_string(),
                "receiptHandle": "handle",
                "body": json!({ "detail-type": event["type"], "detail": event }).to_string(),
                "eventSourceARN": format!("arn:aws:sqs:eu-central-1:000000000000:crud-{name}{queue}"),
            })
        };
        let batch = json!({ "Records": events.iter().enumerate().map(message).collect::<Value>() }).to_string();
        let consumer: &dyn EventConsumer = consumer.as_ref();
        let response = streams::respond_to_messages(&self.app, name, consumer, &batch, LIMIT).await.unwrap();
        let staying = response.batch_item_failures.iter().map(|failure| failure.item_identifier.parse::<usize>());
        staying.map(|place| events[place.unwrap()].clone()).collect()
    }

    /// Gives changes as they are to a consumer, which does them all.
    pub async fn give(&self, name: &str, records: &[Value]) {
        let Source::Streams { consumer, .. } = definition(name).source else { panic!("{name} reads no stream") };
        let given_up = deliver(&self.app, name, consumer.as_ref(), records).await;
        assert_eq!(given_up.len(), 0, "{name} gives nothing up");
    }

    fn as_event(&self, mut record: Value, arn: &str) -> Value {
        record["eventSourceARN"] = arn.into();
        let time = &mut record["dynamodb"]["ApproximateCreationDateTime"];
        *time = (time.as_f64().unwrap() as i64 - self.age).into();
        record
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

fn definition(name: &str) -> ConsumerDefinition {
    consumers().into_iter().find(|consumer| consumer.name == name).unwrap()
}

/// A record's sequence number; nothing where it has none.
pub fn sequence(record: &Value) -> &str {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default()
}
