//! The executable with all functions: the handler setting selects a function, and every function of the contract exists.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;
use serverless_crud::{authorizer, service};

/// Starts the executable as Lambda does, but without configuration, so that a known function fails on a missing variable.
fn start(handler: Option<&str>) -> (bool, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_functions"));
    command.env_clear().envs(handler.map(|handler| ("_HANDLER", handler)));
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    (output.status.success(), serde_json::from_str(&text).unwrap())
}

fn names() -> BTreeSet<String> {
    let service = service();
    let operations = service.operations().into_iter().map(|operation| operation.function);
    let consumers = service.consumers().into_iter().map(|consumer| consumer.name.to_owned());
    let jobs = service.jobs().into_iter().map(|job| job.name.to_owned());
    operations.chain(consumers).chain(jobs).chain([authorizer::FUNCTION.to_owned()]).collect()
}

#[test]
fn every_function_starts_by_its_name() {
    for name in names() {
        let (is_success, line) = start(Some(&name));
        assert!(!is_success);
        let cause = line["cause"].as_str().unwrap();
        assert!(cause.contains("is not set"), "{name}: {cause}");
    }
}

#[test]
fn unknown_name_logs_one_fatal_line_and_fails() {
    for (handler, named) in [(Some("items_fetch"), "`items_fetch`"), (None, "``")] {
        let (is_success, line) = start(handler);
        assert!(!is_success);
        assert_eq!(line["level"], "FATAL");
        assert!(line["cause"].as_str().unwrap().contains(named), "{line}");
    }
}

#[test]
fn malformed_settings_of_telemetry_are_named() {
    for (variable, value) in [("METRICS", "all"), ("LOG_SAMPLE_READS", "2"), ("LOG_SAMPLE_READS", "some")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_functions"));
        let output = command.env_clear().env("_HANDLER", "items_get").env(variable, value).output().unwrap();
        let line: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(!output.status.success() && line["level"] == "FATAL", "{line}");
        assert!(line["cause"].as_str().unwrap().contains(variable), "{line}");
    }
}

#[test]
fn function_names_are_unique() {
    let service = service();
    let all = service.operations().into_iter().map(|operation| operation.function).collect::<BTreeSet<_>>().len();
    assert_eq!(names().len(), all + service.consumers().len() + service.jobs().len() + 1);
}
