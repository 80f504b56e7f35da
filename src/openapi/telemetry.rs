//! The description of telemetry: `x-telemetry` for the stack, the schema of the log, and the page for readers.

use serde_json::{Map, Value, json};

use super::file::File;
use crate::{
    authorizer,
    functions::Service,
    telemetry::{ANNOTATIONS, Annotation, DIMENSIONS, FIELDS, Field, METRICS, Metric, NAMESPACE},
};

const INTRODUCTION: &str = include_str!("telemetry.md");
/// The price of a custom metric for a month, in US cents (Amazon CloudWatch pricing, the first 10,000 metrics).
const CENTS_PER_METRIC: usize = 30;
/// The metrics that nearly every event has.
const USUAL: [&str; 4] = ["requests", "durationMs", "dynamoDbMs", "capacityUnits"];

/// Returns `x-telemetry`: what dashboards, alarms and queries can refer to.
pub fn telemetry(service: &Service) -> Value {
    let metric =
        |metric: &Metric| json!({ "name": metric.name, "unit": metric.unit, "description": metric.description });
    let field = |field: &Field| json!({ "name": field.name, "types": field.types, "lines": field.lines, "description": field.description });
    let annotation =
        |annotation: &Annotation| json!({ "name": annotation.name, "description": annotation.description });
    json!({
        "namespace": NAMESPACE,
        "dimensions": DIMENSIONS,
        "operations": operations(service),
        "metrics": METRICS.iter().map(metric).collect::<Value>(),
        "fields": FIELDS.iter().map(field).collect::<Value>(),
        "annotations": ANNOTATIONS.iter().map(annotation).collect::<Value>(),
    })
}

/// Returns the values of the dimension `operation`.
fn operations(service: &Service) -> Vec<String> {
    let operations = service.operations().into_iter().map(|operation| operation.name);
    let consumers = service.consumers().into_iter().map(|consumer| consumer.name.to_owned());
    let jobs = service.jobs().into_iter().map(|job| job.name.to_owned());
    operations.chain(consumers).chain(jobs).chain([authorizer::FUNCTION.to_owned()]).collect()
}

/// Returns the schema of the log lines, and the page.
pub fn files(service: &Service) -> [File; 2] {
    [
        File::pretty("schemas/log-line.json", &schema()),
        File { path: "docs/telemetry.md".into(), content: page(operations(service).len()) },
    ]
}

/// Returns the JSON schema of a log line. It allows no field that is not described.
fn schema() -> Value {
    let field = |field: &Field| {
        let schema = json!({ "type": field.types, "description": field.description });
        (field.name.to_owned(), schema)
    };
    let metric = |metric: &Metric| {
        let schema = json!({ "type": "number", "description": metric.description });
        (metric.name.to_owned(), schema)
    };
    let own_metrics = METRICS.iter().filter(|metric| !metric.is_field).map(metric);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:{NAMESPACE}:schema:log-line"),
        "title": "A line of the log",
        "type": "object",
        "anyOf": [{ "required": ["level"] }, { "required": ["_aws", "operation", "stage"] }],
        "properties": FIELDS.iter().map(field).chain(own_metrics).collect::<Map<String, Value>>(),
        "additionalProperties": false,
    })
}

fn page(operations: usize) -> String {
    let fields: String = FIELDS.iter().map(|field| row(&[field.name, field.lines, field.description])).collect();
    let metrics: String = METRICS.iter().map(|metric| row(&[metric.name, metric.unit, metric.description])).collect();
    let annotations: String =
        ANNOTATIONS.iter().map(|annotation| row(&[annotation.name, annotation.description])).collect();
    let price = |metrics: usize| format!("{metrics} metrics, {} USD a month", dollars(metrics * CENTS_PER_METRIC));
    let usual = USUAL.len();
    INTRODUCTION
        .replace("{operations}", &operations.to_string())
        .replace("{metrics}", &METRICS.len().to_string())
        .replace("{usual}", &price(usual * operations))
        .replace("{most}", &price(METRICS.len() * operations))
        .replace("{stage}", &price(METRICS.len()))
        .replace("{fieldRows}\n", &fields)
        .replace("{metricRows}\n", &metrics)
        .replace("{annotationRows}\n", &annotations)
}

fn dollars(cents: usize) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// Returns a row of a table whose first cell is code.
fn row(cells: &[&str]) -> String {
    format!("| `{}` | {} |\n", cells[0], cells[1..].join(" | "))
}
