//! An event source mapping: reads a table's stream and delivers batches to a consumer, by Lambda's rules.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::{StreamSpecification, StreamViewType};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use serverless_crud::{
    app::{App, Config},
    functions::{ConsumerDefinition, Source},
    streams::{self, Consumer, EventConsumer},
};

use crate::{
    faulty_proxy::FaultyProxy,
    support::{self, TestServer, config, proxy::Proxy, service},
};

const LIMIT: Duration = Duration::from_secs(20);
/// The number of retries, as in `cdk/lib/stream-consumer.ts`.
const RETRIES: u32 = 50;
/// The maximum number of receives. It is higher than that of a queue, because a tenth of all requests fails here.
const RECEIVES: u32 = 50;

/// Delivers a batch of a shard to a consumer until no record is left, and returns the discarded records.
///
/// The rules (Lambda developer guide, "Configuring partial batch response with DynamoDB and Lambda"): if the response
/// names a record, the earlier ones are done, and the rest is retried, which counts as a retry. If the invocation fails,
/// the batch is split in two, which does not count as a retry, and the first half is finished before the second starts.
/// A single record is retried, which counts as a retry. Without retries left, the rest of the batch is discarded.
pub async fn deliver<'a>(app: &Arc<App>, name: &str, consumer: &dyn Consumer, records: &'a [Value]) -> Vec<&'a Value> {
    let (mut discarded, mut pending) = (Vec::new(), vec![(records, RETRIES)]);
    while let Some((batch, retries)) = pending.pop() {
        let event = json!({ "Records": batch }).to_string();
        let failed = match streams::respond_or_fail(app, name, consumer, &event, LIMIT).await {
            Ok(response) => match response.batch_item_failures.first() {
                None => continue,
                // An unknown sequence number is a failure of the whole batch.
                Some(failed) => batch.iter().position(|record| sequence(record) == failed.item_identifier).unwrap_or(0),
            },
            Err(_) if batch.len() > 1 => {
                let (first, second) = batch.split_at(batch.len() / 2);
                pending.extend([(second, retries), (first, retries)]);
                continue;
            }
            Err(_) => 0,
        };
        match retries.checked_sub(1) {
            Some(retries) => pending.push((&batch[failed..], retries)),
            None => discarded.extend(&batch[failed..]),
        }
    }
    discarded
}

/// A server whose streams are read only by the tests, with faulty proxies between the consumers, DynamoDB and the bus.
///
/// Behind the faults, a second proxy enforces the grants of each consumer.
pub struct Rig {
    pub server: TestServer,
    pub dynamodb: FaultyProxy,
    pub bus: FaultyProxy,
    /// The age of the changes in seconds, as the consumers see it.
    pub age: i64,
    config: Config,
    grants: Proxy,
    random: fastrand::Rng,
}

impl Rig {
    /// Starts a rig. The seed determines which requests fail.
    pub async fn start(seed: u64) -> Self {
        let server = TestServer::start().await;
        let client = support::dynamodb(&server.dynamodb_url);
        for table in service().tables().into_iter().filter(|table| table.stream) {
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
        let grants = Proxy::start(&server.dynamodb_url).await;
        let (dynamodb, bus) = (FaultyProxy::to(&grants.url, seed).await, FaultyProxy::to_bus(seed + 1).await);
        let config = Config { events_endpoint_url: Some(bus.url.clone()), ..config() };
        Self { server, dynamodb, bus, age: 60, config, grants, random: fastrand::Rng::with_seed(seed + 2) }
    }

    /// Returns the app of a consumer, whose requests name the consumer.
    fn app_of(&self, name: &str) -> Arc<App> {
        App::new(self.config.clone(), support::dynamodb_as(&self.dynamodb.url, name))
    }

    fn assert_nothing_was_denied(&self) {
        assert_eq!(self.grants.denied(), [], "the consumer needs a right that it lacks");
    }

    /// Delivers all changes to a consumer, in batches of random size, until none is left.
    pub async fn drain(&mut self, name: &str) {
        let Source::Streams { tables, changes, consumer, .. } = definition(name).source else {
            return self.drain_events(name).await;
        };
        let app = self.app_of(name);
        for table in tables {
            let (arn, records) = self.records(&format!("local-{table}")).await;
            let wanted = records.into_iter().filter(|record| changes.contains(&record["eventName"].as_str().unwrap()));
            let records: Vec<Value> = wanted.map(|record| self.as_event(record, &arn)).collect();
            let mut rest = &records[..];
            while !rest.is_empty() {
                let (batch, others) = rest.split_at(self.random.usize(1..=rest.len().min(100)));
                let discarded = deliver(&app, name, consumer.as_ref(), batch).await;
                self.assert_nothing_was_denied();
                assert_eq!(discarded.len(), 0, "{name} discards nothing");
                rest = others;
            }
        }
    }

    /// Publishes all changes, and delivers their events to an event consumer until none is left.
    async fn drain_events(&mut self, name: &str) {
        let mut events = self.published(name).await;
        let mut receives = 0;
        while !events.is_empty() {
            receives += 1;
            assert!(receives <= RECEIVES, "{name} discards nothing");
            events = self.pass(name, "", TimeDelta::zero(), events).await;
        }
    }

    /// Publishes all changes, and returns the events that an event consumer subscribes to.
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

    /// Delivers events of this age to an event consumer from its queue with this suffix, and returns those that stay in
    /// the queue.
    pub async fn pass(&self, name: &str, queue: &str, age: TimeDelta, events: Vec<Value>) -> Vec<Value> {
        let Source::Events { consumer, .. } = definition(name).source else { panic!("{name} reads streams") };
        let message = |(index, event): (usize, &Value)| {
            let mut event = event.clone();
            event["time"] = (Utc::now() - age).to_rfc3339().into();
            json!({
                "messageId": index.to_string(),
                "receiptHandle": "handle",
                "body": json!({ "detail-type": event["type"], "detail": event }).to_string(),
                "eventSourceARN": format!("arn:aws:sqs:eu-central-1:000000000000:crud-{name}{queue}"),
            })
        };
        let batch = json!({ "Records": events.iter().enumerate().map(message).collect::<Value>() }).to_string();
        let consumer: &dyn EventConsumer = consumer.as_ref();
        let response = streams::respond_to_messages(&self.app_of(name), name, consumer, &batch, LIMIT).await.unwrap();
        self.assert_nothing_was_denied();
        let remaining = response.batch_item_failures.iter().map(|failure| failure.item_identifier.parse::<usize>());
        remaining.map(|index| events[index.unwrap()].clone()).collect()
    }

    /// Delivers records unchanged to a consumer, which must handle all of them.
    pub async fn deliver(&self, name: &str, records: &[Value]) {
        let Source::Streams { consumer, .. } = definition(name).source else { panic!("{name} reads no stream") };
        let discarded = deliver(&self.app_of(name), name, consumer.as_ref(), records).await;
        self.assert_nothing_was_denied();
        assert_eq!(discarded.len(), 0, "{name} discards nothing");
    }

    fn as_event(&self, mut record: Value, arn: &str) -> Value {
        record["eventSourceARN"] = arn.into();
        let time = &mut record["dynamodb"]["ApproximateCreationDateTime"];
        *time = (time.as_f64().unwrap() as i64 - self.age).into();
        record
    }

    /// Returns the ARN and all records of a table's stream.
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

    /// Takes the recorded DynamoDB operations, each with its table.
    pub fn take_operations(&self) -> BTreeSet<(String, String)> {
        std::mem::take(&mut self.dynamodb.operations.lock().unwrap())
    }
}

fn definition(name: &str) -> ConsumerDefinition {
    service().consumers().into_iter().find(|consumer| consumer.name == name).unwrap()
}

/// Returns the sequence number of a record, or an empty string.
pub fn sequence(record: &Value) -> &str {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default()
}
