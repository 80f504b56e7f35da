//! The fields of the log lines, and the annotations of the segments.

/// A field of a log line.
#[derive(Debug)]
pub struct Field {
    /// The name.
    pub name: &'static str,
    /// The types in JSON.
    pub types: &'static [&'static str],
    /// The lines that have it.
    pub lines: &'static str,
    /// The description.
    pub description: &'static str,
}

/// An annotation of the segment of an event, by which X-Ray can search.
#[derive(Debug)]
pub struct Annotation {
    /// The name.
    pub name: &'static str,
    /// The description.
    pub description: &'static str,
}

const TEXT: &[&str] = &["string"];
const NUMBER: &[&str] = &["number"];
const COUNT: &[&str] = &["integer"];
const FLAG: &[&str] = &["boolean"];
const OBJECT: &[&str] = &["object"];

const EVENTS: &str = "all events";
const REQUESTS: &str = "requests";
const BATCHES: &str = "batches";
const UPSTREAM: &str = "calls of the upstream API";
const AUTHORIZER: &str = "the authorizer";
const OTHER: &str = "lines of no event";

const fn of(
    lines: &'static str,
    name: &'static str,
    types: &'static [&'static str],
    description: &'static str,
) -> Field {
    Field { name, types, lines, description }
}

/// All fields, except those of the metrics that are no field of every event: see [`METRICS`](super::METRICS).
pub static FIELDS: &[Field] = &[
    of(EVENTS, "level", TEXT, "`INFO`, or `ERROR` if the service failed; `FATAL` if a function cannot start."),
    of(EVENTS, "time", TEXT, "The time of the line, RFC 3339, UTC."),
    of(EVENTS, "operation", TEXT, "The operation, consumer or job: the name in the contract. A dimension."),
    of(EVENTS, "stage", TEXT, "The stage, in Lambda. A dimension."),
    of(EVENTS, "function", TEXT, "The Lambda function, in Lambda; locally the consumer."),
    of(EVENTS, "version", TEXT, "The version of the function, in Lambda."),
    of(EVENTS, "commit", TEXT, "The last commit that changed the code, in Lambda; `unknown` without a git repository."),
    of(EVENTS, "traceId", TEXT, "The id of the X-Ray trace."),
    of(EVENTS, "invocationId", TEXT, "Lambda's request id of the invocation."),
    of(EVENTS, "durationMs", NUMBER, "The time from the event to the response, in milliseconds."),
    of(EVENTS, "dynamoDbMs", NUMBER, "The time in which a request to DynamoDB was in progress, in milliseconds."),
    of(EVENTS, "dynamoDbRequests", COUNT, "The number of requests to DynamoDB, without retries of the SDK."),
    of(EVENTS, "retries", COUNT, "The attempts after the first of requests to DynamoDB."),
    of(EVENTS, "throttles", COUNT, "The attempts that DynamoDB refused because of throttling."),
    of(EVENTS, "capacityUnits", NUMBER, "The consumed capacity units of DynamoDB."),
    of(EVENTS, "capacityByTable", OBJECT, "The consumed capacity units by table."),
    of(EVENTS, "coldStart", FLAG, "True for the first event of an instance."),
    of(EVENTS, "initMs", NUMBER, "The time of the initialization of the instance, in milliseconds, with `coldStart`."),
    of(EVENTS, "cause", &["string", "null"], "The cause of a failure, in one line, without the content of a record."),
    of(REQUESTS, "requestId", &["string", "null"], "The request id of API Gateway, which problem details show too."),
    of(REQUESTS, "route", TEXT, "The method and path template."),
    of(REQUESTS, "status", COUNT, "The status of the response."),
    of(REQUESTS, "problem", TEXT, "The title of the problem details of a response from 400 on."),
    of(REQUESTS, "principalKind", TEXT, "The kind of the principal."),
    of(REQUESTS, "principalId", &["string", "null"], "The id of the principal: of a user, an API key or an AWS role."),
    of(REQUESTS, "bytesIn", COUNT, "The size of the body of the request."),
    of(REQUESTS, "bytesOut", COUNT, "The size of the body of the response."),
    of(REQUESTS, "deadlineLeftMs", COUNT, "The time that was left to the function for a response, in milliseconds."),
    of(BATCHES, "records", COUNT, "The stream records in the batch."),
    of(BATCHES, "messages", COUNT, "The messages of a queue in the batch."),
    of(BATCHES, "repeated", COUNT, "The messages that stay in the queue to be handled again."),
    of(BATCHES, "failures", &["array", "integer"], "The records or messages that failed, each with its cause."),
    of(BATCHES, "crashed", FLAG, "True after a panic or a timeout."),
    of(
        BATCHES,
        "callFailed",
        FLAG,
        "True if the invocation counts in Lambda's metric `Errors`; of the authorizer too.",
    ),
    of(UPSTREAM, "upstreamMs", COUNT, "The time of the call, in milliseconds."),
    of(UPSTREAM, "upstreamAttempts", COUNT, "The attempts."),
    of(UPSTREAM, "upstreamStatus", &["integer", "null"], "The status of the last response."),
    of(UPSTREAM, "circuit", TEXT, "The state of the circuit breaker: `closed`, `open` or `halfOpen`."),
    of(UPSTREAM, "upstreamFailed", FLAG, "True if there was no answer; absent otherwise."),
    of(UPSTREAM, "cacheHit", FLAG, "True if the answer was in the cache."),
    of(AUTHORIZER, "decision", TEXT, "`allow`, `deny`, `unauthorized` or `unavailable`."),
    of(AUTHORIZER, "reason", &["string", "null"], "The reason of a refusal."),
    of(OTHER, "location", &["string", "null"], "The place of a panic in the code."),
    of(OTHER, "advice", TEXT, "The remedy, on a developer's machine."),
    of(OTHER, "table", TEXT, "The table whose index the local server created."),
    of(OTHER, "indexCreated", TEXT, "The index that the local server created."),
    of(OTHER, "rowsKeyed", COUNT, "The rows that got a key of the index."),
    of(OTHER, "upstreamCircuit", TEXT, "The new state of the circuit breaker."),
    of(OTHER, "pauseSeconds", COUNT, "The time for which the circuit is open."),
    of(EVENTS, "_aws", OBJECT, "The metrics in the line (CloudWatch Embedded Metric Format)."),
];

/// All annotations.
pub static ANNOTATIONS: [Annotation; 5] = [
    Annotation { name: "operation", description: "The operation, consumer or job." },
    Annotation { name: "status", description: "The status of the response to a request." },
    Annotation { name: "principalKind", description: "The kind of the principal of a request." },
    Annotation { name: "resource", description: "The collection or action in the path of a request." },
    Annotation {
        name: "causeTraceId",
        description: "Of a batch: the trace of the request whose change is the first of the batch. `links` has all.",
    },
];
