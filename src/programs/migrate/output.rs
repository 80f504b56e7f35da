//! The output of the command: text, or one JSON object for scripts.

use std::{
    io::{self, Write},
    sync::atomic::Ordering,
    time::Duration,
};

use crate::{
    migrate::{MigrationReport, MigrationStatus, Plan, Progress, Report},
    store::{Entry, LockRow, State},
};
use serde_json::{Value, json};

use super::options::Options;

/// Writes a value as JSON, or as the given text.
pub fn value(options: &Options, value: &Value, text: &str) {
    let mut out = io::stdout();
    // A closed pipe is not an error.
    let _ = if options.json { writeln!(out, "{value}") } else { writeln!(out, "{text}") };
}

/// Reports an error.
pub fn error(options: &Options, reason: &str) {
    if options.json {
        value(options, &json!({ "error": reason }), "");
    }
    notice(&format!("error: {reason}"));
}

/// Writes a message to standard error. A closed pipe is not an error.
pub fn notice(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Writes the state of all migrations and the holder of the lock.
pub fn statuses(options: &Options, statuses: &[MigrationStatus], lock: Option<&LockRow>) {
    let rows = statuses.iter().map(|status| {
        let migration = &status.migration;
        let mut row = row(migration.number, &migration.name, status.entry.as_ref());
        row["table"] = migration.schema.table.into();
        row["description"] = migration.description.clone().into();
        row
    });
    let lines = statuses.iter().map(|status| {
        let summary = status.entry.as_ref().map_or_else(|| status.migration.description.clone(), summary);
        line(&status.migration.title(), status.entry.as_ref(), &summary)
    });
    let lines: Vec<_> = lines.chain(lock.map(|lock| format!("\n{}", describe_holder(lock)))).collect();
    value(options, &json!({ "migrations": rows.collect::<Vec<_>>(), "lock": lock }), &lines.join("\n"));
}

/// Writes the ledger, the lock and the fault when the files are invalid.
pub fn ledger(options: &Options, entries: &[Entry], lock: Option<&LockRow>, fault: &str) {
    let rows: Vec<_> = entries.iter().map(|entry| row(entry.number, &entry.name, Some(entry))).collect();
    let lines =
        entries.iter().map(|entry| line(&format!("{:04}_{}", entry.number, entry.name), Some(entry), &summary(entry)));
    let lines: Vec<_> = lines.chain(lock.map(|lock| format!("\n{}", describe_holder(lock)))).collect();
    value(options, &json!({ "migrations": rows, "lock": lock, "error": fault }), &lines.join("\n"));
    notice(&format!("error: {fault}"));
}

fn row(number: u32, name: &str, entry: Option<&Entry>) -> Value {
    json!({
        "number": number,
        "name": name,
        "state": state(entry),
        "who": entry.map(|entry| &entry.who),
        "startedAt": entry.map(|entry| &entry.started_at),
        "finishedAt": entry.and_then(|entry| entry.finished_at.as_ref()),
        "ran": entry.map(MigrationReport::of),
    })
}

fn line(title: &str, entry: Option<&Entry>, summary: &str) -> String {
    format!("{title:<40} {:<10} {summary}", state(entry))
}

fn state(entry: Option<&Entry>) -> &'static str {
    match entry.map(|entry| entry.state) {
        None => "pending",
        Some(State::Running) => "running",
        Some(State::Incomplete) => "incomplete",
        Some(State::Applied) => "applied",
    }
}

fn summary(entry: &Entry) -> String {
    let ran = MigrationReport::of(entry);
    let when = entry.finished_at.as_ref().unwrap_or(&entry.started_at);
    let refused = if ran.refused > 0 { format!(", {} refused", ran.refused) } else { String::new() };
    let seconds = Duration::from_millis(ran.duration_ms).as_secs_f64();
    format!("{} of {} written{refused}, {seconds:.1} s, {when}, {}", ran.written, ran.scanned, entry.who)
}

/// Writes the result of `plan` or `verify`.
pub fn plans(options: &Options, plans: &[Plan], applied: bool) {
    let mut lines = Vec::new();
    for plan in plans {
        let effect = if applied { "still match" } else { "would change" };
        lines.push(format!("{:04}_{}: {}", plan.number, plan.name, plan.description));
        lines.push(format!("  {} of {} records {effect}, {} refused", plan.would_change, plan.scanned, plan.refused));
        lines.extend(plan.refusals.iter().map(|(id, reason)| format!("  ! {id}: {reason}")));
        for example in &plan.examples {
            lines.push(format!("  {}", example.id));
            let line = |sign: &str, fields: &serde_json::Map<String, Value>, field: &String| {
                fields.get(field).filter(|value| !value.is_null()).map(|value| format!("    {sign} {field}: {value}"))
            };
            for field in example.after.keys() {
                lines.extend(line("-", &example.before, field));
                lines.extend(line("+", &example.after, field));
            }
        }
        lines.extend(plan.fault.as_ref().map(|fault| format!("  ! cannot be applied: {fault}")));
    }
    if plans.is_empty() {
        lines.push(if applied { "Nothing has been applied yet." } else { "Nothing is pending." }.into());
    }
    value(options, &json!({ "migrations": plans }), &lines.join("\n"));
}

/// Writes the result of a run.
pub fn report(options: &Options, report: &Report, progress: &Progress, took: Duration) {
    let mut lines = Vec::new();
    for ran in &report.migrations {
        let state = match ran.state {
            State::Applied => "applied",
            State::Incomplete => "incomplete",
            State::Running => "stopped",
        };
        lines.push(format!(
            "{:04}_{:<35} {state}: {} of {} records written, {} skipped, {} refused, {:.1} s",
            ran.number,
            ran.name,
            ran.written,
            ran.scanned,
            ran.skipped,
            ran.refused,
            Duration::from_millis(ran.duration_ms).as_secs_f64()
        ));
        lines.extend(ran.refusals.iter().map(|(id, reason)| format!("  ! {id}: {reason}")));
    }
    lines.push(match (report.done, report.stopped) {
        (true, _) if report.migrations.is_empty() => "Nothing is pending.".into(),
        (true, _) => "Done.".into(),
        (false, true) => "Stopped: `migrate up` continues from there.".into(),
        (false, false) => "Some records were refused: fix them, or the transform, and run `migrate up` again.".into(),
    });
    let units = |units: u64| Duration::from_millis(units).as_secs_f64();
    let mut all = serde_json::to_value(report).unwrap_or_default();
    all["seconds"] = took.as_secs_f64().into();
    all["readUnits"] = units(progress.read_units.load(Ordering::Relaxed)).into();
    all["writeUnits"] = units(progress.write_units.load(Ordering::Relaxed)).into();
    value(options, &all, &lines.join("\n"));
}

/// Writes the holder of the lock, unless the output is JSON.
pub fn lock(options: &Options, lock: &LockRow) {
    if !options.json {
        value(options, &Value::Null, &describe_holder(lock));
    }
}

fn describe_holder(lock: &LockRow) -> String {
    let (who, since) = (lock.who.as_deref().unwrap_or("someone"), lock.since.as_deref().unwrap_or("?"));
    let lease = Duration::from_millis(lock.lease_ms).as_secs_f64();
    format!("The lock is held by {who} since {since}, heartbeat {}, lease {lease} s.", lock.beat)
}
