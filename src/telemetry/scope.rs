//! The collection of what the work on an event does.

use std::{
    cell::RefCell,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value};

use super::{Invocation, Sink, TraceContext, span::Span, trace::new_id};

tokio::task_local! {
    static EVENT: RefCell<Collected>;
}

/// The record of an event in progress.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub operation: Option<String>,
    pub fields: Map<String, Value>,
    pub totals: Totals,
    /// The context of the segments of a sampled request: the parent is the segment of the event.
    pub trace: Option<TraceContext>,
    pub spans: Vec<Span>,
    /// The writes that caused the event.
    pub links: Vec<TraceContext>,
}

/// The totals of the requests to DynamoDB.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// The attempts after the first of each request.
    pub retries: u32,
    /// The attempts that DynamoDB refused because of throttling.
    pub throttles: u32,
    /// The capacity units by table.
    pub units: Vec<(String, f64)>,
    requests: u32,
    in_progress: u32,
    /// The time of the first request in progress.
    since: Option<Instant>,
    /// The time before `since` in which a request was in progress.
    time: Duration,
}

impl Totals {
    /// Returns true if a request was sent to DynamoDB.
    pub fn has_requests(&self) -> bool {
        self.requests > 0
    }

    /// Returns the number of requests.
    pub fn requests(&self) -> u32 {
        self.requests
    }

    /// Returns the capacity units of all tables.
    pub fn capacity_units(&self) -> f64 {
        self.units.iter().map(|(_, units)| units).sum()
    }

    /// Returns the time in which at least one request was in progress, in milliseconds.
    pub fn dynamodb_ms(&self) -> f64 {
        milliseconds(self.time + self.since.map_or(Duration::ZERO, |since| since.elapsed()))
    }

    pub(super) fn add_units(&mut self, table: &str, units: f64) {
        match self.units.iter_mut().find(|(known, _)| known == table) {
            Some((_, total)) => *total += units,
            None => self.units.push((table.to_owned(), units)),
        }
    }

    pub(super) fn start(&mut self) {
        self.requests += 1;
        self.in_progress += 1;
        self.since.get_or_insert_with(Instant::now);
    }

    pub(super) fn end(&mut self) {
        self.in_progress = self.in_progress.saturating_sub(1);
        if self.in_progress == 0
            && let Some(since) = self.since.take()
        {
            self.time += since.elapsed();
        }
    }

    fn absorb(&mut self, other: &Self) {
        self.retries += other.retries;
        self.throttles += other.throttles;
        self.requests += other.requests;
        self.time += other.time;
        for (table, units) in &other.units {
            self.add_units(table, *units);
        }
    }
}

/// Rounds a duration to microseconds.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// The record of a completed event, for its report.
#[derive(Debug)]
pub struct Observation {
    pub(super) invocation: Invocation,
    pub(super) start: Instant,
    /// The start in epoch seconds.
    pub(super) start_time: f64,
    pub(super) collected: Collected,
}

impl Observation {
    /// Returns the totals of the requests to DynamoDB.
    pub fn totals(&self) -> &Totals {
        &self.collected.totals
    }
}

/// Runs the work on an event, and returns its output with what was observed.
pub async fn observe<T>(work: impl Future<Output = T>) -> (T, Observation) {
    let (start, start_time) = (Instant::now(), epoch());
    let invocation = Invocation::current();
    let sampled = invocation.trace.as_ref().filter(|trace| trace.is_sampled && invocation.sink.is_some());
    let trace = sampled.map(|trace| TraceContext { parent: Some(new_id()), ..trace.clone() });
    let (output, collected) = collect(trace, work).await;
    (output, Observation { invocation, start, start_time, collected })
}

/// Runs a part of the work, and returns its output with its own totals. They count for the event too.
pub async fn nested<T>(work: impl Future<Output = T>) -> (T, Totals) {
    let trace = EVENT.try_with(|event| event.borrow().trace.clone()).ok().flatten();
    // Boxed: the future of a migration's work is large, and each scope around it would hold another copy.
    let (output, part) = collect(trace, Box::pin(work)).await;
    let totals = part.totals.clone();
    with(|event| {
        event.totals.absorb(&part.totals);
        event.fields.extend(part.fields);
        event.spans.extend(part.spans);
        event.links.extend(part.links);
    });
    (output, totals)
}

async fn collect<T>(trace: Option<TraceContext>, work: impl Future<Output = T>) -> (T, Collected) {
    let event = RefCell::new(Collected { trace, ..Collected::default() });
    let collected = async {
        let output = work.await;
        (output, EVENT.with(RefCell::take))
    };
    EVENT.scope(event, collected).await
}

/// Calls `change` with what was collected of the current event, if there is one.
pub(super) fn with<T>(change: impl FnOnce(&mut Collected) -> T) -> Option<T> {
    EVENT.try_with(|event| change(&mut event.borrow_mut())).ok()
}

/// Returns the current time in epoch seconds.
pub(super) fn epoch() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Adds a field to the log line of the current event, or replaces it. Outside of an event, it is dropped.
///
/// [`FIELDS`](super::FIELDS) describes every field, since the schema of the log allows no other.
pub fn add_field(name: &str, value: impl Into<Value>) {
    with(|event| event.fields.insert(name.to_owned(), value.into()));
}

/// Adds one to a number in the log line of the current event.
pub fn count_field(name: &str) {
    with(|event| {
        let count = event.fields.get(name).and_then(Value::as_u64).unwrap_or_default() + 1;
        event.fields.insert(name.to_owned(), count.into());
    });
}

/// Counts another attempt of a request to DynamoDB that is not one of the SDK.
pub fn count_retry() {
    with(|event| event.totals.retries += 1);
}

/// Sets the name of the operation of the current event.
pub fn set_operation(name: &str) {
    with(|event| event.operation = Some(name.to_owned()));
}

/// Returns true if the segments of the current event are kept.
pub fn is_traced() -> bool {
    with(|event| event.trace.is_some()).unwrap_or_default()
}

/// Returns the position of the current event in its trace, if its segments are kept: the `traceparent` of what it causes.
pub fn traceparent() -> Option<String> {
    with(|event| event.trace.as_ref().and_then(TraceContext::traceparent)).flatten()
}

/// Links the current event to the request that caused it, by the `traceparent` that travelled with the change.
pub fn link(traceparent: &str) {
    with(|event| {
        let context = event.trace.is_some().then(|| TraceContext::from_traceparent(traceparent)).flatten();
        event.links.extend(context.filter(|context| !event.links.contains(context)));
    });
}

impl Observation {
    /// Returns the receiver of the segments, if they are kept.
    pub(super) fn sink(&self) -> Option<&Sink> {
        self.invocation.sink.as_deref().filter(|_| self.collected.trace.is_some())
    }
}
