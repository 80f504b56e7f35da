//! The job of the Lambda `migrations_run`: applies pending migrations within the function's remaining time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};

use super::{Failure, Halt, Migration, Progress, RATES, SEGMENTS, Settings, up};
use crate::{app::App, error::Error};

/// The part of the function's time reserved for writes in progress, the checkpoint and the response.
const MARGIN: Duration = Duration::from_secs(12);
/// The margin is at most the remaining time divided by this.
const MARGIN_DIVISOR: u32 = 3;
/// The maximum time to wait for another live run.
const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Event {
    to: Option<u32>,
    max_rcu: Option<f64>,
    max_wcu: Option<f64>,
    segments: Option<u16>,
    /// The answer of the previous call, which the state machine passes along.
    #[serde(rename = "answer")]
    _answer: IgnoredAny,
}

impl Event {
    fn read(event: Value) -> Result<Self, String> {
        let event: Self =
            serde_json::from_value(event).map_err(|error| format!("the event cannot be parsed: {error}"))?;
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

/// Applies the pending ones of `migrations` for at most `remaining`.
///
/// The event may contain `to`, the last migration to apply, the budget `maxRcu` and `maxWcu`, and `segments`. The answer
/// is `{"done": true}` when nothing is left and `{"done": false}` when the job must be called again. It has `failed` if
/// another call would not help.
///
/// # Errors
/// Returns a retryable error such as [`Error::Unavailable`].
pub async fn run_job(
    migrations: impl FnOnce() -> Result<Vec<Migration>, Failure>,
    app: Arc<App>,
    event: Value,
    remaining: Duration,
) -> Result<Value, Error> {
    let event = match Event::read(event) {
        Ok(event) => event,
        Err(reason) => return Ok(failure_answer(&reason)),
    };
    let margin = MARGIN.min(remaining / MARGIN_DIVISOR);
    let halt = Halt::at(Instant::now() + remaining.saturating_sub(margin));
    let mut settings = Settings::new("the state machine");
    settings.lock.wait_timeout = WAIT_TIMEOUT.min(remaining / MARGIN_DIVISOR);
    settings.to = event.to;
    settings.max_rcu = event.max_rcu;
    settings.max_wcu = event.max_wcu;
    settings.parallelism.segments = event.segments.unwrap_or(settings.parallelism.segments);
    let run = async { up(&app.store, migrations()?, &settings, &halt, &Progress::default()).await };
    // Boxed: inlined, the future would overflow a thread's stack.
    match Box::pin(run).await {
        Ok(report) => {
            let mut answer = serde_json::to_value(&report).map_err(|error| Error::Internal(error.into()))?;
            if let Some(refusals) = report.refusals() {
                answer["failed"] = refusals.into();
            }
            Ok(answer)
        }
        Err(Failure::Store(error)) => Err(error),
        Err(failure @ Failure::Refused(_)) => Ok(failure_answer(&failure.to_string())),
        // Another run holds or took the lock: the next call waits again.
        Err(failure) => Err(Error::Unavailable(failure.to_string().into())),
    }
}

fn failure_answer(reason: &str) -> Value {
    json!({ "done": false, "failed": reason })
}
