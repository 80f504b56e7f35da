//! The report of an event: its log line, its metrics and its segments.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value};

use super::{
    Level, Line, Observation, Summary,
    environment::{Environment, end_init, init_time},
    metrics::{self, Measures, Scope, number},
    scope::milliseconds,
    segment::Segment,
};
use crate::record::{format_time, now};

/// Set once this process has handled an event.
static IS_WARM: AtomicBool = AtomicBool::new(false);

/// Ends the initialization: the process waits for its first event.
pub fn started() {
    end_init();
}

impl Observation {
    /// Writes the line of the event, and sends its segments if it is sampled.
    ///
    /// The line has the fields of `fields` and those of every event, if its level is at least `min_level`. The metrics are
    /// in the same line. They count events without a log line too: then the line has only them.
    pub fn report(self, min_level: Level, summary: &Summary, fields: impl FnOnce(&mut Line)) {
        // Set even when no line is written: the next event is not a cold start.
        let is_cold_start = !IS_WARM.swap(true, Ordering::Relaxed);
        let environment = Environment::get();
        let is_in_sample = || environment.sample_reads >= 1.0 || fastrand::f64() < environment.sample_reads;
        let is_logged =
            summary.level() >= min_level && (!summary.is_successful_read() || is_cold_start || is_in_sample());
        let collected = &self.collected;
        let names = [collected.operation.as_deref().unwrap_or_default(), &environment.handler, summary.function];
        let operation = names.into_iter().find(|name| !name.is_empty()).unwrap_or("unknown").to_owned();
        let measures = Measures {
            status: summary.status,
            is_failure: summary.is_failure(),
            duration_ms: milliseconds(self.start.elapsed()),
            is_cold_start,
            totals: &collected.totals,
        };
        let stage = environment.stage.as_deref();
        let has_metrics = stage.is_some() && environment.metrics != Scope::None;
        if is_logged || has_metrics {
            let mut line = Line::new();
            if is_logged {
                line.field("level", summary.level().name()).field("time", format_time(&now()));
                line.field("operation", &operation);
                fields(&mut line);
                self.add_fields(&mut line, &measures);
                line.optional("cause", summary.cause.as_deref());
                // In Lambda, the environment names the function.
                line.optional("function", Some(summary.function).filter(|name| stage.is_none() && !name.is_empty()));
                line.origin();
            } else {
                line.field("operation", &operation);
            }
            if let Some(stage) = stage {
                line.field("stage", stage);
                metrics::add(&mut line, environment.metrics, &measures, is_logged);
            }
            line.write();
        }
        self.send_segments(summary, &operation);
    }

    /// Adds the fields that every logged event has.
    fn add_fields(&self, line: &mut Line, measures: &Measures) {
        let (totals, invocation) = (measures.totals, &self.invocation);
        line.optional("traceId", invocation.trace.as_ref().map(|trace| &trace.trace_id));
        line.optional("invocationId", invocation.request_id.as_ref());
        line.field("durationMs", measures.duration_ms);
        line.field("dynamoDbMs", totals.dynamodb_ms()).field("dynamoDbRequests", totals.requests());
        line.field("retries", totals.retries).field("throttles", totals.throttles);
        line.field("capacityUnits", number(totals.capacity_units()));
        if totals.has_requests() {
            let units = totals.units.iter().map(|(table, units)| (table.clone(), number(*units).into()));
            line.field("capacityByTable", units.collect::<Map<String, Value>>());
        }
        line.field("coldStart", measures.is_cold_start);
        line.optional("initMs", init_time().filter(|_| measures.is_cold_start).map(milliseconds));
        line.members(&self.collected.fields);
    }

    fn send_segments(self, summary: &Summary, operation: &str) {
        let Some(sink) = self.sink().is_some().then(|| self.invocation.sink.clone()).flatten() else { return };
        if let Some(segment) = Segment::of_event(self, summary, operation) {
            sink.send(segment);
        }
    }
}
