//! A batch: every record in the order of its key, up to the first failure, from which Lambda goes on.

use std::{
    collections::HashSet,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use tokio::time::timeout_at;

use super::{
    Consumer, EventRecord, WAVE,
    event::{Event, Record},
};
use crate::{
    app::{App, LogLevel, metered},
    error::{Crash, Error},
    runtime::{cause_of, log},
};

/// What Lambda is answered (Lambda developer guide, "Reporting batch item failures with DynamoDB").
///
/// It goes on with the lowest sequence number named, and takes an empty one for the failure of the whole batch.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// The first failure of each shard, or none.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// A record that failed.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// Its sequence number.
    pub item_identifier: String,
}

/// Why Lambda is to halve a batch; of what changed it tells nothing.
const FIRST_FAILED: &str = "the first record of the batch failed: the log says why";

/// Answers Lambda: as [`respond`], but where the first record of several is the one that failed, the call fails.
///
/// An answer that names a record has Lambda retry it with all that follows, as one batch: named until the retries are
/// used up, the first takes the others into the dead letters with it. A batch whose call failed Lambda halves instead,
/// which takes no retry, until the record is alone; there it is named (Lambda developer guide, "Configuring partial
/// batch response with DynamoDB and Lambda").
///
/// # Errors
/// What Lambda is told then.
pub async fn answer(
    app: &Arc<App>,
    function: &str,
    consumer: &dyn Consumer,
    event: &str,
    limit: Duration,
) -> Result<BatchResponse, &'static str> {
    let start = Instant::now();
    let outcome = handle(app, consumer, event, start + limit).await;
    let fails = outcome.has_failed_at_the_first_of_several;
    outcome.log(app, function, start, fails);
    if fails { Err(FIRST_FAILED) } else { Ok(outcome.into_response()) }
}

/// Gives the changes of a batch to a consumer, within `limit`.
///
/// What comes before the first failure of a shard is done; it and all that follows in the shard is reported as not
/// done, though changes of other records beside it may have been. It logs one line under the function's name, without
/// what changed.
pub async fn respond(
    app: &Arc<App>,
    function: &str,
    consumer: &dyn Consumer,
    event: &str,
    limit: Duration,
) -> BatchResponse {
    let start = Instant::now();
    let outcome = handle(app, consumer, event, start + limit).await;
    outcome.log(app, function, start, false);
    outcome.into_response()
}

/// What became of a batch.
struct Outcome {
    records: usize,
    failures: Vec<Failure>,
    capacity_units: f64,
    has_failed_at_the_first_of_several: bool,
}

async fn handle(app: &Arc<App>, consumer: &dyn Consumer, event: &str, deadline: Instant) -> Outcome {
    let Ok(Event { records }) = serde_json::from_str::<Event>(event) else {
        let failure = (String::new(), Error::Internal("the event is no batch of a stream".into()));
        return Outcome {
            records: 0,
            failures: vec![failure],
            capacity_units: 0.0,
            has_failed_at_the_first_of_several: false,
        };
    };
    let (failures, capacity_units) = metered(failures(app, consumer, &records, deadline)).await;
    // A failure without a name is, to Lambda, the whole batch, and so the first too.
    let is_of_first = |first: &RawValue, failed: &str| failed.is_empty() || Record::read(first).sequence == failed;
    let has_failed_at_the_first_of_several = match (&records[..], failures.first()) {
        ([first, _, ..], Some((failed, _))) => is_of_first(first, failed),
        _ => false,
    };
    Outcome { records: records.len(), failures, capacity_units, has_failed_at_the_first_of_several }
}

impl Outcome {
    /// Writes the line of the batch.
    ///
    /// `crashed` is a panic or a lack of time, whatever Lambda is answered; `callFailed` says that this call counts in
    /// Lambda's metric `Errors`. Errors that no line explains are those of a process that died.
    fn log(&self, app: &App, function: &str, start: Instant, call_failed: bool) {
        let level = if self.failures.is_empty() { LogLevel::Info } else { LogLevel::Error };
        log(app.config.log_level, level, start, || {
            let failed = |(sequence, error): &Failure| json!({ "sequenceNumber": sequence, "cause": cause_of(error) });
            json!({
                "function": function,
                "records": self.records,
                "failures": self.failures.iter().map(failed).collect::<Value>(),
                "crashed": self.failures.iter().any(|(_, error)| error.is_crash()),
                "callFailed": call_failed,
                "capacityUnits": self.capacity_units,
            })
        });
    }

    fn into_response(self) -> BatchResponse {
        let failure = |(item_identifier, _)| BatchItemFailure { item_identifier };
        BatchResponse { batch_item_failures: self.failures.into_iter().map(failure).collect() }
    }
}

/// The first failure of each shard.
async fn failures(app: &Arc<App>, consumer: &dyn Consumer, records: &[&RawValue], deadline: Instant) -> Vec<Failure> {
    let records: Vec<Record> = records.iter().map(|text| Record::read(text)).collect();
    let mut shards: Vec<(&str, Vec<&Record>)> = Vec::new();
    for record in &records {
        match shards.iter_mut().find(|(source, _)| *source == record.source) {
            Some((_, shard)) => shard.push(record),
            None => shards.push((&record.source, vec![record])),
        }
    }
    let mut failures = Vec::new();
    for (_, shard) in &shards {
        failures.extend(first_failure(app, consumer, shard, deadline).await.err());
    }
    failures
}

/// A sequence number, and what went wrong there.
type Failure = (String, Error);

async fn first_failure(
    app: &Arc<App>,
    consumer: &dyn Consumer,
    shard: &[&Record],
    deadline: Instant,
) -> Result<(), Failure> {
    let mut done = 0;
    while let Some(rest) = shard.get(done..).filter(|rest| !rest.is_empty()) {
        let wave = wave(rest);
        if wave.is_empty() {
            return Err((rest[0].sequence.clone(), Error::Internal("a stream record cannot be read".into())));
        }
        let outcomes = match consume(app, consumer, &wave, share(wave.len(), deadline)).await {
            // Which of them it was shows when each is alone.
            Err(_) if wave.len() > 1 => one_by_one(app, consumer, &wave, deadline).await,
            Err(error) => vec![Err(error)],
            Ok(outcomes) => outcomes,
        };
        for (record, outcome) in rest.iter().zip(outcomes) {
            outcome.map_err(|error| (record.sequence.clone(), error))?;
        }
        done += wave.len();
    }
    Ok(())
}

/// The next records that can be done side by side: of different keys, up to one that cannot be read.
fn wave<'a>(rest: &[&'a Record]) -> Vec<&'a EventRecord> {
    let mut keys = HashSet::new();
    let readable = rest.iter().map_while(|record| Some((&record.key, record.content.as_ref()?)));
    readable.take(WAVE).take_while(|(key, _)| keys.insert(*key)).map(|(_, content)| content).collect()
}

/// When a wave must be done: several leave half of the time to try each alone, should one of them hang.
fn share(wave: usize, deadline: Instant) -> Instant {
    let left = deadline.saturating_duration_since(Instant::now());
    if wave > 1 { deadline - left / 2 } else { deadline }
}

/// What became of each of a wave; an error where it panicked, answered for another number of records, or ran out of time.
async fn consume(
    app: &Arc<App>,
    consumer: &dyn Consumer,
    wave: &[&EventRecord],
    deadline: Instant,
) -> Result<Vec<Result<(), Error>>, Error> {
    let no_time = || Error::Unavailable(Crash("the function's time ran out").into());
    if Instant::now() >= deadline {
        return Err(no_time());
    }
    let work = AssertUnwindSafe(async { consumer.consume(app, wave).await }).catch_unwind();
    let outcomes = timeout_at(deadline.into(), work).await.map_err(|_elapsed| no_time())?;
    let outcomes = outcomes.ok().filter(|outcomes| outcomes.len() == wave.len());
    outcomes.ok_or_else(|| Error::Internal(Crash("the consumer panicked").into()))
}

/// Does the records of a wave up to the first that fails.
async fn one_by_one(
    app: &Arc<App>,
    consumer: &dyn Consumer,
    wave: &[&EventRecord],
    deadline: Instant,
) -> Vec<Result<(), Error>> {
    let mut outcomes = Vec::new();
    for record in wave {
        let outcome = consume(app, consumer, &[record], deadline).await;
        let outcome = outcome.and_then(|outcomes| outcomes.into_iter().collect());
        let failed = outcome.is_err();
        outcomes.push(outcome);
        if failed {
            break;
        }
    }
    outcomes
}
