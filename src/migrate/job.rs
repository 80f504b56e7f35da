//! The Lambda `migrations_run`: as much as its time allows, and whether that was all.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};

use super::{Failure, Halt, Migration, Progress, RATES, SEGMENTS, Settings, compiled, up};
use crate::{app::App, error::Error};

/// What is kept of the function's time: for the writes under way, the checkpoint, and the answer.
const MARGIN: Duration = Duration::from_secs(12);
/// How much of a short time is kept at most.
const LARGEST_SHARE: u32 = 3;
/// For how long a run waits for another one that lives.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Event {
    to: Option<u32>,
    max_rcu: Option<f64>,
    max_wcu: Option<f64>,
    segments: Option<u16>,
    /// What the state machine keeps of the last call.
    #[serde(rename = "answer")]
    _answer: IgnoredAny,
}

impl Event {
    fn read(event: Value) -> Result<Self, String> {
        let event: Self =
            serde_json::from_value(event).map_err(|error| format!("the event cannot be read: {error}"))?;
        for (name, rate) in [("maxRcu", event.max_rcu), ("maxWcu", event.max_wcu)] {
            if rate.is_some_and(|rate| !RATES.contains(&rate)) {
                return Err(format!("`{name}` must be from {} to {} units a second", RATES.start(), RATES.end()));
            }
        }
        if event.segments.is_some_and(|segments| !SEGMENTS.contains(&segments)) {
            return Err(format!("`segments` must be from {} to {}", SEGMENTS.start(), SEGMENTS.end()));
        }
        Ok(event)
    }
}

/// Applies pending migrations for at most `remaining`.
///
/// The event may name the last one, `to`, the budget, `maxRcu` and `maxWcu`, and `segments`. The answer is
/// `{"done": true}` at the end, `{"done": false}` when it is to be called again, and has `failed` when that would not
/// help.
///
/// # Errors
/// [`Error::Unavailable`] and the like, after which a repeat may help.
pub async fn job(app: Arc<App>, event: Value, remaining: Duration) -> Result<Value, Error> {
    job_with(compiled, app, event, remaining).await
}

/// [`job`] with other migrations than those compiled in.
///
/// # Errors
/// As [`job`].
pub async fn job_with(
    migrations: impl FnOnce() -> Result<Vec<Migration>, Failure>,
    app: Arc<App>,
    event: Value,
    remaining: Duration,
) -> Result<Value, Error> {
    let event = match Event::read(event) {
        Ok(event) => event,
        Err(reason) => return Ok(failed(&reason)),
    };
    let margin = MARGIN.min(remaining / LARGEST_SHARE);
    let halt = Halt::at(Instant::now() + remaining.saturating_sub(margin));
    let mut settings = Settings::new("the state machine");
    settings.lock.patience = PATIENCE.min(remaining / LARGEST_SHARE);
    settings.to = event.to;
    settings.max_rcu = event.max_rcu;
    settings.max_wcu = event.max_wcu;
    settings.width.segments = event.segments.unwrap_or(settings.width.segments);
    let run = async { up(&app.store, migrations()?, &settings, &halt, &Progress::default()).await };
    // Boxed: inlined, the future is more than the stack of a thread holds.
    match Box::pin(run).await {
        Ok(report) => {
            let mut answer = serde_json::to_value(&report).map_err(|error| Error::Internal(error.into()))?;
            if let Some(refusals) = report.refusals() {
                answer["failed"] = refusals.into();
            }
            Ok(answer)
        }
        Err(Failure::Store(error)) => Err(error),
        Err(failure @ Failure::Refused(_)) => Ok(failed(&failure.to_string())),
        // Another run has it, or took it over: the next call waits again.
        Err(failure) => Err(Error::Unavailable(failure.to_string().into())),
    }
}

fn failed(reason: &str) -> Value {
    json!({ "done": false, "failed": reason })
}
