//! The metrics, in CloudWatch's Embedded Metric Format.

use super::{Line, Totals};

/// The namespace of the metrics: the project.
pub const NAMESPACE: &str = env!("CARGO_PKG_NAME");
/// The dimensions of each metric. A metric by customer or record would cost more than all others together.
pub const DIMENSIONS: [&str; 2] = ["stage", "operation"];

/// A metric of an event.
#[derive(Debug)]
pub struct Metric {
    /// The name of the metric and of its field in the line.
    pub name: &'static str,
    /// The unit (CloudWatch API reference, `MetricDatum`).
    pub unit: &'static str,
    /// The description.
    pub description: &'static str,
    /// True if every logged event has the field, also without the metric.
    pub is_field: bool,
    /// Returns the value, or `None` for an event that does not count. A metric costs nothing in hours without a value.
    pub(super) value: fn(&Measures) -> Option<f64>,
}

/// The measures of an event.
pub struct Measures<'a> {
    /// The status of the response, if the event is a request.
    pub status: Option<u16>,
    /// True if the event failed because of the service.
    pub is_failure: bool,
    /// The duration.
    pub duration_ms: f64,
    /// True for the first event of the process.
    pub is_cold_start: bool,
    /// The totals of the calls to DynamoDB.
    pub totals: &'a Totals,
}

const fn count(name: &'static str, description: &'static str, value: fn(&Measures) -> Option<f64>) -> Metric {
    Metric { name, unit: "Count", description, is_field: false, value }
}

const fn field(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    value: fn(&Measures) -> Option<f64>,
) -> Metric {
    Metric { name, unit, description, is_field: true, value }
}

/// All metrics.
pub static METRICS: [Metric; 11] = [
    count("requests", "Requests, batches and other events that were handled.", |_| Some(1.0)),
    count("clientErrors", "Responses with a status from 400 to 499, those of 409 and 412 included.", |of| {
        counted(of.status.is_some_and(|status| (400..500).contains(&status)))
    }),
    count("serverErrors", "Responses with a status of 500 or more; batches and jobs that failed.", |of| {
        counted(of.is_failure)
    }),
    count("preconditionFailed", "Responses with the status 412: the record has changed since it was read.", |of| {
        counted(of.status == Some(412))
    }),
    count("conflicts", "Responses with the status 409.", |of| counted(of.status == Some(409))),
    count("coldStarts", "First events of a new instance.", |of| counted(of.is_cold_start)),
    field("durationMs", "Milliseconds", "The time from the event to the response.", |of| Some(of.duration_ms)),
    field("dynamoDbMs", "Milliseconds", "The time in which at least one request to DynamoDB was in progress.", |of| {
        of.totals.has_requests().then(|| of.totals.dynamodb_ms())
    }),
    field(
        "capacityUnits",
        "Count",
        "The capacity units consumed in DynamoDB, reads and writes, indexes included.",
        |of| of.totals.has_requests().then(|| of.totals.capacity_units()),
    ),
    field("retries", "Count", "Attempts after the first of requests to DynamoDB.", |of| some(of.totals.retries)),
    field("throttles", "Count", "Attempts that DynamoDB refused because of throttling.", |of| {
        some(of.totals.throttles)
    }),
];

fn counted(is_counted: bool) -> Option<f64> {
    is_counted.then_some(1.0)
}

fn some(count: u32) -> Option<f64> {
    (count > 0).then(|| f64::from(count))
}

/// The setting `METRICS`: the dimensions of the metrics, which decide about their price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scope {
    /// By stage and operation.
    Operation,
    /// By stage alone.
    Stage,
    /// No metrics.
    None,
}

impl Scope {
    pub(super) fn parse(text: Option<&str>) -> Option<Self> {
        match text {
            None | Some("operation") => Some(Self::Operation),
            Some("stage") => Some(Self::Stage),
            Some("none") => Some(Self::None),
            Some(_) => None,
        }
    }

    fn dimensions(self) -> &'static [&'static str] {
        match self {
            Self::Operation => &DIMENSIONS,
            Self::Stage => &DIMENSIONS[..1],
            Self::None => &[],
        }
    }
}

/// Adds the metrics of an event to its line (CloudWatch user guide, "Specification: Embedded metric format"). `has_fields`
/// is true if the line has the fields that every logged event has.
pub(super) fn add(line: &mut Line, scope: Scope, measures: &Measures, has_fields: bool) {
    let dimensions = scope.dimensions();
    if dimensions.is_empty() {
        return;
    }
    let mut present = Vec::with_capacity(METRICS.len());
    for metric in &METRICS {
        let Some(value) = (metric.value)(measures) else { continue };
        present.push(metric);
        if !(metric.is_field && has_fields) {
            line.field(metric.name, number(value));
        }
    }
    let mut text = format!(
        r#","_aws":{{"Timestamp":{},"CloudWatchMetrics":[{{"Namespace":"{NAMESPACE}","Dimensions":[["#,
        chrono::Utc::now().timestamp_millis()
    );
    separated(&mut text, dimensions, |text, name| text.extend(["\"", name, "\""]));
    text.push_str("]],\"Metrics\":[");
    separated(&mut text, &present, |text, metric| {
        text.extend(["{\"Name\":\"", metric.name, "\",\"Unit\":\"", metric.unit, "\"}"]);
    });
    text.push_str("]}]}");
    line.raw(&text);
}

fn separated<T>(text: &mut String, items: &[T], add: impl Fn(&mut String, &T)) {
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        add(text, item);
    }
}

/// Returns a number in its shortest form.
pub(super) fn number(value: f64) -> serde_json::Number {
    let is_whole = value.fract() == 0.0 && (0.0..1e15).contains(&value);
    let whole = is_whole.then_some(value as u64).map(serde_json::Number::from);
    whole.or_else(|| serde_json::Number::from_f64(value)).unwrap_or_else(|| 0.into())
}
