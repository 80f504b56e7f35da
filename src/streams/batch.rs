//! Handles a batch of a stream: records of the same key in order, up to the first failure, where Lambda retries.

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
    Consumer, EventRecord, MAX_GROUP_SIZE,
    event::{Event, Record},
};
use crate::{
    app::App,
    error::{Crash, Error},
    runtime::cause_of,
    telemetry::{Observation, Summary, observe},
};

/// The response to Lambda (Lambda developer guide, "Reporting batch item failures with DynamoDB").
///
/// Lambda retries from the lowest sequence number in it. An empty sequence number means that the whole batch failed.
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
    /// The sequence number of the record.
    pub item_identifier: String,
}

/// The error of an invocation whose batch Lambda must split. It contains nothing of the records.
const FIRST_FAILED: &str = "the first record of the batch failed: the log says why";

/// Passes the changes of a batch to a consumer as [`respond`] does, but fails the invocation if the first of several
/// records failed.
///
/// When a response names a record, Lambda retries that record and all later ones as one batch. If the first record
/// keeps failing, Lambda finally discards the later ones along with it. When the invocation fails instead, Lambda
/// splits the batch in two, which does not count as a retry, until the record is alone. Then the response names it
/// (Lambda developer guide, "Configuring partial batch response with DynamoDB and Lambda").
///
/// # Errors
/// The error message for Lambda if it must split the batch.
pub async fn respond_or_fail(
    app: &Arc<App>,
    function: &str,
    consumer: &dyn Consumer,
    event: &str,
    limit: Duration,
) -> Result<BatchResponse, &'static str> {
    let (outcome, observation) = observe(handle(app, consumer, event, Instant::now() + limit)).await;
    let should_split = outcome.should_split;
    outcome.report(observation, app, function, should_split);
    if should_split { Err(FIRST_FAILED) } else { Ok(outcome.into_response()) }
}

/// Passes the changes of a batch to a consumer, within `limit`, and returns the first failure of each shard.
///
/// The changes before the first failure of a shard are done. The failed one and all later ones are reported as not
/// done, although concurrent changes of other records may be. It writes one log line under the function's name, without
/// the content of the changes.
pub async fn respond(
    app: &Arc<App>,
    function: &str,
    consumer: &dyn Consumer,
    event: &str,
    limit: Duration,
) -> BatchResponse {
    let (outcome, observation) = observe(handle(app, consumer, event, Instant::now() + limit)).await;
    outcome.report(observation, app, function, false);
    outcome.into_response()
}

/// The outcome of a batch.
struct Outcome {
    records: usize,
    failures: Vec<Failure>,
    should_split: bool,
}

async fn handle(app: &Arc<App>, consumer: &dyn Consumer, event: &str, deadline: Instant) -> Outcome {
    let Ok(Event { records }) = serde_json::from_str::<Event>(event) else {
        let failure = (String::new(), Error::Internal("the event is no batch of a stream".into()));
        return Outcome { records: 0, failures: vec![failure], should_split: false };
    };
    let failures = failures(app, consumer, &records, deadline).await;
    // Lambda reads a failure without a sequence number as a failure of the whole batch, which includes the first record.
    let is_first = |first: &RawValue, failed: &str| failed.is_empty() || Record::read(first).sequence == failed;
    let should_split = match (&records[..], failures.first()) {
        ([first, _, ..], Some((failed, _))) => is_first(first, failed),
        _ => false,
    };
    Outcome { records: records.len(), failures, should_split }
}

impl Outcome {
    /// Reports the batch.
    ///
    /// `crashed` is true after a panic or a timeout, whatever the response is. `callFailed` is true if the invocation
    /// counts in Lambda's metric `Errors`. Errors of the metric without such a line come from processes that died.
    fn report(&self, observation: Observation, app: &App, function: &str, call_failed: bool) {
        let summary = Summary { function, has_failed: !self.failures.is_empty(), ..Summary::default() };
        observation.report(app.config.log_level, &summary, |line| {
            let failed = |(sequence, error): &Failure| json!({ "sequenceNumber": sequence, "cause": cause_of(error) });
            line.field("records", self.records);
            line.field("failures", self.failures.iter().map(failed).collect::<Value>());
            line.field("crashed", self.failures.iter().any(|(_, error)| error.is_crash()));
            line.field("callFailed", call_failed);
        });
    }

    fn into_response(self) -> BatchResponse {
        let failure = |(item_identifier, _)| BatchItemFailure { item_identifier };
        BatchResponse { batch_item_failures: self.failures.into_iter().map(failure).collect() }
    }
}

/// Handles the records and returns the first failure of each shard.
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

/// A sequence number, and the error of its record.
type Failure = (String, Error);

async fn first_failure(
    app: &Arc<App>,
    consumer: &dyn Consumer,
    shard: &[&Record],
    deadline: Instant,
) -> Result<(), Failure> {
    let mut done = 0;
    while let Some(rest) = shard.get(done..).filter(|rest| !rest.is_empty()) {
        let group = next_group(rest);
        if group.is_empty() {
            return Err((rest[0].sequence.clone(), Error::Internal("a stream record cannot be read".into())));
        }
        let outcomes = match consume(app, consumer, &group, group_deadline(group.len(), deadline)).await {
            // The record that failed is found by passing each one alone.
            Err(_) if group.len() > 1 => consume_one_by_one(app, consumer, &group, deadline).await,
            Err(error) => vec![Err(error)],
            Ok(outcomes) => outcomes,
        };
        for (record, outcome) in rest.iter().zip(outcomes) {
            outcome.map_err(|error| (record.sequence.clone(), error))?;
        }
        done += group.len();
    }
    Ok(())
}

/// Returns the next records that can be handled concurrently: of different keys, up to one that cannot be parsed.
fn next_group<'a>(rest: &[&'a Record]) -> Vec<&'a EventRecord> {
    let mut keys = HashSet::new();
    let readable = rest.iter().map_while(|record| Some((&record.key, record.content.as_ref()?)));
    readable.take(MAX_GROUP_SIZE).take_while(|(key, _)| keys.insert(*key)).map(|(_, content)| content).collect()
}

/// Returns the deadline of a group. A group of several records leaves half of the time to retry each one alone.
fn group_deadline(records: usize, deadline: Instant) -> Instant {
    let left = deadline.saturating_duration_since(Instant::now());
    if records > 1 { deadline - left / 2 } else { deadline }
}

/// Returns the outcome of each record of a group.
///
/// # Errors
/// When the consumer panics, returns another number of outcomes, or runs out of time.
async fn consume(
    app: &Arc<App>,
    consumer: &dyn Consumer,
    records: &[&EventRecord],
    deadline: Instant,
) -> Result<Vec<Result<(), Error>>, Error> {
    let timed_out = || Error::Unavailable(Crash("the function's time ran out").into());
    if Instant::now() >= deadline {
        return Err(timed_out());
    }
    let work = AssertUnwindSafe(async { consumer.consume(app, records).await }).catch_unwind();
    let outcomes = timeout_at(deadline.into(), work).await.map_err(|_elapsed| timed_out())?;
    let outcomes = outcomes.ok().filter(|outcomes| outcomes.len() == records.len());
    outcomes.ok_or_else(|| Error::Internal(Crash("the consumer panicked").into()))
}

/// Handles the records of a group one by one, up to the first that fails.
async fn consume_one_by_one(
    app: &Arc<App>,
    consumer: &dyn Consumer,
    records: &[&EventRecord],
    deadline: Instant,
) -> Vec<Result<(), Error>> {
    let mut outcomes = Vec::new();
    for record in records {
        let outcome = consume(app, consumer, &[record], deadline).await;
        let outcome = outcome.and_then(|outcomes| outcomes.into_iter().collect());
        let has_failed = outcome.is_err();
        outcomes.push(outcome);
        if has_failed {
            break;
        }
    }
    outcomes
}
