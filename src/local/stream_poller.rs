//! Polls the embedded streams for the stream consumers, as Lambda's event source mapping does.

use std::{io, panic::AssertUnwindSafe, path::PathBuf, sync::Arc, time::Duration};

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use dynoxide::{
    Database,
    actions::{
        get_records::{GetRecordsRequest, Record},
        get_shard_iterator::GetShardIteratorRequest,
        list_streams::ListStreamsRequest,
    },
    streams::shard_id,
};
use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle, time};

use super::failed;
use crate::{
    app::App,
    functions::{ConsumerDefinition, Source, Start},
    store::{BOOKKEEPING, BOOKKEEPING_KEY},
    streams::{self, Consumer},
};

/// The maximum number of records per batch.
const BATCH: usize = 100;
/// The time between two polls of a stream without new records.
const PAUSE: Duration = Duration::from_millis(100);
/// The maximum duration of a batch.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// The maximum number of attempts for a record before it is discarded.
const ATTEMPTS: u32 = 5;
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
const POSITION: &str = "sequence";
/// The position before the first change.
const BEGINNING: &str = "";

/// The running consumers.
pub struct StreamPoller {
    stop: watch::Sender<bool>,
    readers: Vec<JoinHandle<()>>,
}

/// The state that all readers share.
struct Shared {
    app: Arc<App>,
    client: Client,
    database: Database,
    /// The folder for discarded records.
    failed: Option<PathBuf>,
}

impl StreamPoller {
    /// Starts every stream consumer at its last position.
    pub fn start(
        consumers: Vec<ConsumerDefinition>,
        app: &Arc<App>,
        client: &Client,
        database: &Database,
        failed: Option<PathBuf>,
    ) -> Self {
        let shared = Arc::new(Shared { app: app.clone(), client: client.clone(), database: database.clone(), failed });
        let (stop, stopped) = watch::channel(false);
        let mut readers = Vec::new();
        for definition in consumers {
            let Source::Streams { tables, changes, start, consumer, .. } = definition.source else { continue };
            for table in tables {
                let (shared, consumer, changes) = (shared.clone(), consumer.clone(), changes.clone());
                let reader = Reader { shared, name: definition.name, table, changes, start, consumer };
                readers.push(tokio::spawn(reader.keep_running(stopped.clone())));
            }
        }
        Self { stop, readers }
    }

    /// Waits for the running batches and stops.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for reader in self.readers {
            // The reader does not panic: its panics are caught.
            let _ = reader.await;
        }
    }
}

/// The reader of one table's stream for one consumer.
struct Reader {
    shared: Arc<Shared>,
    name: &'static str,
    table: &'static str,
    changes: Vec<&'static str>,
    start: Start,
    consumer: Arc<dyn Consumer>,
}

impl Reader {
    /// Runs until it is stopped. After a panic, it logs a message and restarts at the last position.
    async fn keep_running(self, stopped: watch::Receiver<bool>) {
        while let Err(_panic) = AssertUnwindSafe(self.run(stopped.clone())).catch_unwind().await {
            eprintln!("the reader of the stream of {} for {} panicked: it restarts", self.table, self.name);
            time::sleep(PAUSE * 10).await;
        }
    }

    async fn run(&self, mut stopped: watch::Receiver<bool>) {
        let mut failures = 0;
        let mut position = None;
        while !*stopped.borrow() {
            let pause = match self.step(&mut position, &mut failures).await {
                Ok(Step::Advanced) => continue,
                Ok(Step::Idle) => PAUSE,
                Ok(Step::Failed) => FIRST_BACKOFF * 2_u32.pow(failures),
                Err(error) => {
                    eprintln!("the stream of {} cannot be read for {}: {error}", self.table, self.name);
                    PAUSE * 10
                }
            };
            tokio::select! {
                () = time::sleep(pause) => {}
                _ = stopped.changed() => {}
            }
        }
    }

    /// Passes the next batch to the consumer, and saves the new position.
    async fn step(&self, position: &mut Option<String>, failures: &mut u32) -> Result<Step, Failure> {
        if position.is_none() {
            *position = self.load_position().await?;
        }
        if position.is_none() && self.start == Start::Latest {
            self.skip(position).await?;
        }
        let (arn, records) = self.read(position.clone()).await?;
        let Some(last) = records.last().map(sequence) else { return Ok(Step::Idle) };
        let first_failure = self.consume(&arn, &records).await;
        let index_of = |failed| records.iter().position(|record| sequence(record) == failed);
        // A failure without a known sequence number is a failure of the whole batch.
        let failed = first_failure.map(|failed| index_of(failed).unwrap_or(0));
        let Some(failed) = failed else {
            *failures = 0;
            self.save_position(position, last).await?;
            return Ok(Step::Advanced);
        };
        *failures = if failed == 0 { *failures + 1 } else { 1 };
        if *failures >= ATTEMPTS {
            self.discard(&arn, &records[failed])?;
            *failures = 0;
            self.save_position(position, sequence(&records[failed])).await?;
            return Ok(Step::Advanced);
        }
        if let Some(before) = failed.checked_sub(1) {
            self.save_position(position, sequence(&records[before])).await?;
        }
        Ok(Step::Failed)
    }

    /// Moves the position of a new consumer to the end of the stream.
    async fn skip(&self, position: &mut Option<String>) -> Result<(), Failure> {
        let mut end = BEGINNING.to_owned();
        while let Some(last) = self.read(Some(end.clone())).await?.1.last().map(sequence) {
            end = last;
        }
        self.save_position(position, end).await
    }

    /// Passes the records to the consumer, and returns the sequence number of the first one that failed.
    async fn consume(&self, arn: &str, records: &[Record]) -> Option<String> {
        let selected = records.iter().filter(|record| self.changes.contains(&record.event_name.as_str()));
        let selected: Vec<Value> = selected.map(|record| event_record(arn, record)).collect();
        if selected.is_empty() {
            return None;
        }
        let event = json!({ "Records": selected }).to_string();
        let response = streams::respond(&self.shared.app, self.name, self.consumer.as_ref(), &event, TIME_LIMIT).await;
        response.batch_item_failures.into_iter().next().map(|failure| failure.item_identifier)
    }

    /// Returns the ARN of the stream, and the records after the position.
    async fn read(&self, position: Option<String>) -> Result<(String, Vec<Record>), Failure> {
        let (database, table) = (self.shared.database.clone(), self.table_name(self.table));
        let position = position.filter(|position| position != BEGINNING);
        let read = move || {
            let streams = database
                .list_streams(ListStreamsRequest { table_name: Some(table.clone()), ..Default::default() })?
                .streams;
            let Some(stream) = streams.into_iter().next() else { return Ok((String::new(), Vec::new())) };
            let iterator = database.get_shard_iterator(GetShardIteratorRequest {
                stream_arn: stream.stream_arn.clone(),
                shard_id: shard_id(&table),
                shard_iterator_type: if position.is_some() { "AFTER_SEQUENCE_NUMBER" } else { "TRIM_HORIZON" }.into(),
                sequence_number: position,
            })?;
            let shard_iterator = iterator.shard_iterator.unwrap_or_default();
            let records = database.get_records(GetRecordsRequest { shard_iterator, limit: Some(BATCH) })?.records;
            Ok::<_, dynoxide::DynoxideError>((stream.stream_arn, records))
        };
        Ok(tokio::task::spawn_blocking(read).await??)
    }

    async fn load_position(&self) -> Result<Option<String>, Failure> {
        let request = self.shared.client.get_item().table_name(self.table_name(BOOKKEEPING));
        let output = request.key(BOOKKEEPING_KEY, self.key()).consistent_read(true).send().await?;
        Ok(output.item.and_then(|mut row| row.remove(POSITION)?.as_s().ok().cloned()))
    }

    async fn save_position(&self, position: &mut Option<String>, sequence: String) -> Result<(), Failure> {
        let request = self.shared.client.put_item().table_name(self.table_name(BOOKKEEPING));
        let request = request.item(BOOKKEEPING_KEY, self.key()).item(POSITION, AttributeValue::S(sequence.clone()));
        request.send().await?;
        *position = Some(sequence);
        Ok(())
    }

    fn key(&self) -> AttributeValue {
        AttributeValue::S(format!("position#{}#{}", self.name, self.table))
    }

    fn table_name(&self, table: &str) -> String {
        format!("{}{table}", self.shared.app.config.table_prefix)
    }

    /// Stores a record that keeps failing in the folder for discarded records, so that later records are handled.
    fn discard(&self, arn: &str, record: &Record) -> io::Result<()> {
        let sequence = sequence(record);
        eprintln!(
            "{} failed {ATTEMPTS} times on the change {sequence} of {}: the change is discarded",
            self.name, self.table
        );
        let Some(folder) = &self.shared.failed else { return Ok(()) };
        failed::write(folder, self.name, self.table, ATTEMPTS, &event_record(arn, record))
    }
}

/// The outcome of one step of a reader.
enum Step {
    /// The batch is done.
    Advanced,
    /// There are no new records.
    Idle,
    /// Some records of the batch failed.
    Failed,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn sequence(record: &Record) -> String {
    record.dynamodb.sequence_number.clone()
}

/// Converts a record to the format of a Lambda event.
fn event_record(arn: &str, record: &Record) -> Value {
    let mut event = serde_json::to_value(record).expect("a stream record is JSON");
    event["eventSourceARN"] = arn.into();
    event
}
