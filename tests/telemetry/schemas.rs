//! The formats of AWS and of this project, which lines and segments must have.

use serde_json::Value;

/// CloudWatch's format of a line with metrics, after "Specification: Embedded metric format".
const METRICS: &str = include_str!("emf.schema.json");
/// X-Ray's format of a segment, after "AWS X-Ray segment documents".
const SEGMENT: &str = include_str!("segment.schema.json");
/// The documented format of the log.
const LINE: &str = include_str!("../../schemas/log-line.json");

/// Checks a line with metrics: its form, and that each dimension and metric has a value in it.
pub fn check_metrics(line: &Value) {
    check(METRICS, line);
    for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
        for name in directive["Dimensions"].as_array().unwrap().iter().flat_map(|set| set.as_array().unwrap()) {
            assert!(line[name.as_str().unwrap()].as_str().is_some_and(|value| !value.is_empty()), "{name}: {line}");
        }
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric}: {line}");
        }
    }
}

/// Checks that a line has no field that the documentation lacks.
pub fn check_line(line: &Value) {
    check(LINE, line);
}

/// Checks a segment with its parts.
pub fn check_segment(segment: &Value) {
    check(SEGMENT, segment);
}

fn check(schema: &str, value: &Value) {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults: Vec<_> =
        validator.iter_errors(value).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
    assert!(faults.is_empty(), "{faults:?} in {value}");
}
