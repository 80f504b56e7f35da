//! Lines for the terminal of a developer: readable log lines, and the tree of a request's segments.

use std::{
    io::{self, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use serde_json::Value;

use super::segment::Segment;

static IS_READABLE: AtomicBool = AtomicBool::new(false);

/// Writes readable lines instead of JSON from now on.
pub fn print_readable() {
    IS_READABLE.store(true, Ordering::Relaxed);
}

/// Returns the readable form of a line, unless lines are written as JSON.
pub(super) fn readable(line: &[u8]) -> Option<Vec<u8>> {
    if !IS_READABLE.load(Ordering::Relaxed) {
        return None;
    }
    let line: Value = serde_json::from_slice(line).ok()?;
    if line["operation"].is_null() && line["cause"].is_null() {
        return None;
    }
    Some(format!("{}\n", text(&line)).into_bytes())
}

/// Returns the time, the event, its outcome, its durations, its capacity and its principal in one line.
fn text(line: &Value) -> String {
    let part = |name: &str| line[name].as_str().unwrap_or_default();
    // Of `2026-01-02T03:04:05.678Z`, the time of day.
    let time = part("time").get(11..23).unwrap_or_default();
    let mut parts = vec![time.to_owned()];
    let (method, path) = part("route").split_once(' ').unwrap_or_default();
    match line["status"].as_u64() {
        Some(status) => parts.push(format!("{method:<6} {path:<28} {status}")),
        None => parts.extend([part("level").to_owned(), part("operation").to_owned()]),
    }
    if let Some(duration) = line["durationMs"].as_f64() {
        let database = line["dynamoDbMs"].as_f64().unwrap_or_default();
        parts.push(format!("{duration:>8.1} ms  DynamoDB {database:.1} ms  {} units", line["capacityUnits"]));
    }
    parts.extend(line["upstreamMs"].as_u64().map(|duration| format!("upstream {duration} ms")));
    for name in ["records", "messages"] {
        parts.extend(line[name].as_u64().map(|count| format!("{count} {name}")));
    }
    if !part("principalKind").is_empty() {
        parts.push(format!("{} {}", part("principalKind"), part("principalId")));
    }
    for (name, label) in [("retries", "retries"), ("throttles", "throttled")] {
        parts.extend(line[name].as_u64().filter(|count| *count > 0).map(|count| format!("{count} {label}")));
    }
    parts.extend(
        ["problem", "cause", "advice"].map(part).iter().filter(|text| !text.is_empty()).map(|text| (*text).to_owned()),
    );
    for failure in line["failures"].as_array().into_iter().flatten() {
        parts.extend(failure["cause"].as_str().map(str::to_owned));
    }
    parts.retain(|part| !part.is_empty());
    parts.join("  ").trim_end().to_owned()
}

/// Prints the tree of a segment.
pub(super) fn print_tree(segment: &Segment) {
    let mut text = String::new();
    branch(&mut text, segment, segment.start_time, 0);
    let _ = io::stdout().write_all(text.as_bytes());
}

fn branch(text: &mut String, segment: &Segment, start: f64, depth: usize) {
    let milliseconds = |seconds: f64| format!("{:.1}", seconds * 1000.0);
    let marks = [(segment.fault, "  FAULT"), (segment.throttle, "  THROTTLED"), (segment.error, "  ERROR")];
    let marks: String = marks.iter().filter(|(is_set, _)| *is_set).map(|(_, mark)| *mark).collect();
    let (from, took) = (milliseconds(segment.start_time - start), milliseconds(segment.end_time - segment.start_time));
    let label = "  ".repeat(depth + 1) + &segment.label();
    text.push_str(&format!("{label:<52} +{from} ms  {took} ms{}{marks}\n", segment.detail()));
    for part in &segment.subsegments {
        branch(text, part, start, depth + 1);
    }
}
