//! What the command writes: text for people, one JSON object for pipelines.

use std::{
    io::{self, Write},
    sync::atomic::Ordering,
    time::Duration,
};

use serde_json::{Value, json};
use serverless_crud::{
    migrate::{Plan, Progress, Ran, Report, Standing},
    store::{Entry, LockRow, State},
};

use crate::options::Options;

/// Writes a value as JSON, or else a text.
pub fn value(options: &Options, value: &Value, text: &str) {
    let mut out = io::stdout();
    // One that nobody reads any more is no reason to fail.
    let _ = if options.json { writeln!(out, "{value}") } else { writeln!(out, "{text}") };
}

/// What went wrong.
pub fn failed(options: &Options, reason: &str) {
    if options.json {
        value(options, &json!({ "error": reason }), "");
    }
    notice(&format!("error: {reason}"));
}

/// Tells people something; one that nobody reads any more is no reason to fail.
pub fn notice(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// What has been applied, what is pending, and who holds the lock.
pub fn status(options: &Options, known: &[Standing], lock: Option<&LockRow>) {
    let rows = known.iter().map(|standing| {
        let migration = &standing.migration;
        let mut row = row(migration.number, &migration.name, standing.entry.as_ref());
        row["table"] = migration.shape.table.into();
        row["description"] = migration.description.clone().into();
        row
    });
    let lines = known.iter().map(|standing| {
        let facts = standing.entry.as_ref().map_or_else(|| standing.migration.description.clone(), facts);
        line(&standing.migration.title(), standing.entry.as_ref(), &facts)
    });
    let lines: Vec<_> = lines.chain(lock.map(|lock| format!("\n{}", holder(lock)))).collect();
    value(options, &json!({ "migrations": rows.collect::<Vec<_>>(), "lock": lock }), &lines.join("\n"));
}

/// The same where the files are not in order: what the ledger has, and what is wrong.
pub fn remembered(options: &Options, known: &[Entry], lock: Option<&LockRow>, fault: &str) {
    let rows: Vec<_> = known.iter().map(|entry| row(entry.number, &entry.name, Some(entry))).collect();
    let lines =
        known.iter().map(|entry| line(&format!("{:04}_{}", entry.number, entry.name), Some(entry), &facts(entry)));
    let lines: Vec<_> = lines.chain(lock.map(|lock| format!("\n{}", holder(lock)))).collect();
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
        "ran": entry.map(Ran::of),
    })
}

fn line(title: &str, entry: Option<&Entry>, facts: &str) -> String {
    format!("{title:<40} {:<10} {facts}", state(entry))
}

fn state(entry: Option<&Entry>) -> &'static str {
    match entry.map(|entry| entry.state) {
        None => "pending",
        Some(State::Running) => "running",
        Some(State::Incomplete) => "incomplete",
        Some(State::Applied) => "applied",
    }
}

fn facts(entry: &Entry) -> String {
    let ran = Ran::of(entry);
    let when = entry.finished_at.as_ref().unwrap_or(&entry.started_at);
    let refused = if ran.refused > 0 { format!(", {} refused", ran.refused) } else { String::new() };
    let seconds = Duration::from_millis(ran.duration_ms).as_secs_f64();
    format!("{} of {} written{refused}, {seconds:.1} s, {when}, {}", ran.written, ran.scanned, entry.who)
}

/// What migrations would do, or what applied ones left.
pub fn plans(options: &Options, plans: &[Plan], applied: bool) {
    let mut lines = Vec::new();
    for plan in plans {
        let would = if applied { "still match" } else { "would change" };
        lines.push(format!("{:04}_{}: {}", plan.number, plan.name, plan.description));
        lines.push(format!("  {} of {} records {would}, {} refuse", plan.would_change, plan.scanned, plan.refused));
        lines.extend(plan.refusals.iter().map(|(id, reason)| format!("  ! {id}: {reason}")));
        for example in &plan.examples {
            lines.push(format!("  {}", example.id));
            let part = |sign: &str, fields: &serde_json::Map<String, Value>, field: &String| {
                fields.get(field).filter(|value| !value.is_null()).map(|value| format!("    {sign} {field}: {value}"))
            };
            for field in example.after.keys() {
                lines.extend(part("-", &example.before, field));
                lines.extend(part("+", &example.after, field));
            }
        }
        lines.extend(plan.fault.as_ref().map(|fault| format!("  ! it cannot be applied: {fault}")));
    }
    if plans.is_empty() {
        lines.push(if applied { "Nothing has been applied yet." } else { "Nothing is pending." }.into());
    }
    value(options, &json!({ "migrations": plans }), &lines.join("\n"));
}

/// What a run came to.
pub fn report(options: &Options, report: &Report, progress: &Progress, took: Duration) {
    let mut lines = Vec::new();
    for ran in &report.migrations {
        let state = match ran.state {
            State::Applied => "applied",
            State::Incomplete => "incomplete",
            State::Running => "stopped",
        };
        lines.push(format!(
            "{:04}_{:<35} {state}: {} of {} records written, {} needed none, {} refused, {:.1} s",
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
        (false, true) => "Stopped: `migrate up` goes on there.".into(),
        (false, false) => "Some records refused: mend them, or the transform, and run `migrate up` again.".into(),
    });
    let units = |units: u64| Duration::from_millis(units).as_secs_f64();
    let mut all = serde_json::to_value(report).unwrap_or_default();
    all["seconds"] = took.as_secs_f64().into();
    all["readUnits"] = units(progress.read_units.load(Ordering::Relaxed)).into();
    all["writeUnits"] = units(progress.write_units.load(Ordering::Relaxed)).into();
    value(options, &all, &lines.join("\n"));
}

/// Whose the lock is.
pub fn lock(options: &Options, lock: &LockRow) {
    if !options.json {
        value(options, &Value::Null, &holder(lock));
    }
}

fn holder(lock: &LockRow) -> String {
    let (who, since) = (lock.who.as_deref().unwrap_or("someone"), lock.since.as_deref().unwrap_or("?"));
    let lease = Duration::from_millis(lock.lease_ms).as_secs_f64();
    format!("The lock is held by {who} since {since}, sign of life {}, lease {lease} s.", lock.beat)
}
