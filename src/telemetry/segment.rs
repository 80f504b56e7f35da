//! Segment documents of X-Ray (X-Ray developer guide, "AWS X-Ray segment documents").

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{Observation, Outcome, Summary, Target, TraceContext, scope::epoch, span::Span};

/// The largest document that is sent whole; the service accepts 64 kB.
const MAX_BYTES: usize = 60_000;

/// A segment, or a part of one.
#[derive(Serialize)]
pub struct Segment<'a> {
    pub name: String,
    pub id: String,
    pub start_time: f64,
    pub end_time: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aws: Option<Aws>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Http<'a>>,
    #[serde(skip_serializing_if = "is_false")]
    pub error: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub throttle: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub fault: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
    annotations: Vec<(&'static str, Value)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
    /// The requests that caused this one, in the form of the OpenTelemetry exporter for X-Ray: the page does not list them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subsegments: Vec<Segment<'a>>,
}

#[derive(Serialize)]
struct Aws {
    operation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    table_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    retries: u32,
}

#[derive(Serialize)]
struct Http<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<HttpRequest<'a>>,
    response: HttpResponse,
}

#[derive(Serialize)]
struct HttpRequest<'a> {
    method: &'a str,
}

#[derive(Serialize)]
struct HttpResponse {
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_length: Option<usize>,
}

#[derive(Serialize)]
struct Metadata {
    dynamodb: DynamoDb,
}

/// The details for which X-Ray has no member.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DynamoDb {
    attempts: u32,
    throttles: u32,
    #[serde(serialize_with = "as_map")]
    capacity_units: Vec<(String, f64)>,
    condition: Option<&'static str>,
}

fn as_map<S: Serializer>(pairs: &[(impl Serialize, impl Serialize)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Returns the id of a segment in its form: 16 hexadecimal digits.
fn id(id: u64) -> String {
    format!("{id:016x}")
}

/// Returns a time with the precision of microseconds.
fn time(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

impl<'a> Segment<'a> {
    fn new(name: &str, own_id: u64, start: f64, end: f64) -> Self {
        Self {
            name: name.to_owned(),
            id: id(own_id),
            start_time: time(start),
            end_time: time(end.max(start)),
            trace_id: None,
            parent_id: None,
            r#type: None,
            namespace: None,
            aws: None,
            http: None,
            error: false,
            throttle: false,
            fault: false,
            cause: None,
            annotations: Vec::new(),
            metadata: None,
            links: Vec::new(),
            subsegments: Vec::new(),
        }
    }

    /// Creates the segment of an event. In Lambda, it is a part of the segment that Lambda sends.
    pub fn of_event(observation: Observation, summary: &'a Summary, operation: &str) -> Option<Self> {
        let Observation { invocation, start_time, collected, .. } = observation;
        let end = epoch();
        let mut segment = Self::new(operation, collected.trace?.parent?, start_time, end);
        let trace = invocation.trace?;
        segment.parent_id = trace.parent.map(id);
        segment.trace_id = Some(trace.trace_id);
        segment.r#type = segment.parent_id.is_some().then_some("subsegment");
        segment.mark_event(summary);
        segment.annotations.push(("operation", operation.into()));
        segment.annotations.extend(summary.annotations());
        if let Some(cause) = collected.links.first() {
            segment.annotations.push(("causeTraceId", cause.trace_id.as_str().into()));
        }
        let link = |cause: &TraceContext| {
            let parent = json!({ "aws.xray.reserved.reference_type": "parent" });
            Some(json!({ "trace_id": cause.trace_id, "id": id(cause.parent?), "attributes": parent }))
        };
        segment.links = collected.links.iter().filter_map(link).collect();
        segment.subsegments = collected.spans.into_iter().map(|span| Self::of_call(span, end)).collect();
        Some(segment)
    }

    /// Marks errors of the client, throttling and faults of the service by the status of the event.
    fn mark_event(&mut self, summary: &'a Summary) {
        let status = summary.status.unwrap_or_default();
        self.throttle = status == 429;
        self.error = (400..500).contains(&status);
        self.fault = summary.is_failure();
        self.http = summary.status.map(|status| Http {
            request: Some(HttpRequest { method: summary.method() }),
            response: HttpResponse { status, content_length: Some(summary.bytes_out) },
        });
        self.cause = summary.cause.as_ref().map(|cause| {
            let exception = json!({ "id": self.id, "type": "Error", "message": cause });
            json!({ "working_directory": "", "paths": [], "exceptions": [exception] })
        });
    }

    /// Creates the part of a call. One without an end was cancelled with the event, or before it.
    fn of_call(span: Span, end_of_event: f64) -> Self {
        let Span { id, operation, target, start, end, outcome } = span;
        let (name, namespace) = match target {
            Target::DynamoDb { .. } => ("DynamoDB", "aws"),
            Target::SecretsManager => ("SecretsManager", "aws"),
            Target::EventBridge => ("EventBridge", "aws"),
            Target::Upstream => ("upstream", "remote"),
        };
        let mut segment = Self::new(name, id, start, end.unwrap_or(end_of_event));
        segment.namespace = Some(namespace);
        segment.mark_call(&outcome, end.is_none());
        let response = outcome.status.map(|status| HttpResponse { status, content_length: None });
        segment.http = response.map(|response| Http { request: None, response });
        let table = match target {
            Target::DynamoDb { has_condition, table } => {
                let condition = outcome.is_condition_met.or(has_condition.then_some(true)).filter(|_| !segment.fault);
                let dynamodb = DynamoDb {
                    attempts: outcome.attempts,
                    throttles: outcome.throttles,
                    capacity_units: outcome.units,
                    condition: condition.map(|is_met| if is_met { "met" } else { "failed" }),
                };
                segment.metadata = Some(Metadata { dynamodb });
                table
            }
            _ => None,
        };
        segment.aws = (namespace == "aws").then(|| Aws {
            operation,
            table_name: table,
            request_id: outcome.request_id,
            retries: outcome.attempts.saturating_sub(1),
        });
        segment
    }

    /// Marks throttling and faults of a call. A condition that is not met is no error.
    fn mark_call(&mut self, outcome: &Outcome, is_cancelled: bool) {
        let status = outcome.status.unwrap_or_default();
        let is_refused = (400..500).contains(&status) && outcome.is_condition_met.is_none();
        self.throttle = outcome.throttles > 0 || status == 429;
        self.fault = is_cancelled || outcome.is_failure && !is_refused;
        self.error = is_refused || self.throttle;
    }

    /// Returns the documents to send: one, unless it is too large. Then each call has its own.
    pub fn into_documents(mut self) -> Vec<String> {
        let whole = self.to_json();
        if whole.len() <= MAX_BYTES {
            return vec![whole];
        }
        let parts = std::mem::take(&mut self.subsegments).into_iter().map(|mut part| {
            (part.trace_id, part.parent_id) = (self.trace_id.clone(), Some(self.id.clone()));
            part.r#type = Some("subsegment");
            part
        });
        let parts: Vec<String> = parts.map(|part: Self| part.to_json()).collect();
        std::iter::once(self.to_json()).chain(parts).collect()
    }

    /// Returns the name with the operation and the table of a call.
    #[cfg(feature = "local")]
    pub fn label(&self) -> String {
        let aws = self.aws.iter().flat_map(|aws| [Some(aws.operation), aws.table_name.as_deref()]);
        std::iter::once(self.name.as_str()).chain(aws.flatten()).collect::<Vec<_>>().join(" ")
    }

    /// Returns the attempts, the capacity and the result of the condition of a call to DynamoDB.
    #[cfg(feature = "local")]
    pub fn detail(&self) -> String {
        let Some(Metadata { dynamodb }) = &self.metadata else { return String::new() };
        let attempts = (dynamodb.attempts > 1).then(|| format!("  {} attempts", dynamodb.attempts));
        let units: f64 = dynamodb.capacity_units.iter().map(|(_, units)| units).sum();
        let units = Some(format!("  {units} units"));
        let condition = dynamodb.condition.map(|condition| format!("  condition {condition}"));
        [attempts, units, condition].into_iter().flatten().collect()
    }

    fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a segment is JSON")
    }
}
