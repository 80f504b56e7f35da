//! The Lambda `migrations_run`: as much as its time allows, and whether that was all.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Failure, Halt, Progress, Settings, compiled, up};
use crate::{app::App, error::Error};

/// What is kept of the function's time: for the writes under way, the checkpoint, and the answer.
const MARGIN: Duration = Duration::from_secs(12);
/// How much of a short time is kept at most.
const LARGEST_SHARE: u32 = 3;
/// For how long a run waits for another one that lives.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Event {
    to: Option<u32>,
    max_rcu: Option<f64>,
    max_wcu: Option<f64>,
    segments: Option<u16>,
}

/// Applies pending migrations for at most `remaining`.
///
/// The event may name the last one, `to`, and the budget, `maxRcu` and `maxWcu`. The answer is `{"done": true}`
/// at the end, `{"done": false}` when it is to be called again, and has `failed` when that would not help.
///
/// # Errors
/// [`Error::Unavailable`] and the like, after which a repeat may help.
pub async fn job(app: Arc<App>, event: Value, remaining: Duration) -> Result<Value, Error> {
    let event: Event = match serde_json::from_value(event) {
        Ok(event) => event,
        Err(error) => return Ok(failed(&format!("the event cannot be read: {error}"))),
    };
    let halt = Halt::at(Instant::now() + remaining.saturating_sub(MARGIN.min(remaining / LARGEST_SHARE)));
    let mut settings = Settings::new("the state machine");
    settings.lock.patience = PATIENCE.min(remaining / LARGEST_SHARE);
    settings.to = event.to;
    settings.max_rcu = event.max_rcu;
    settings.max_wcu = event.max_wcu;
    settings.width.segments = event.segments.unwrap_or(settings.width.segments).clamp(1, 256);
    let run = async { up(&app.store, compiled()?, &settings, &halt, &Progress::default()).await };
    match run.await {
        Ok(report) => {
            let refused = report
                .migrations
                .last()
                .filter(|ran| ran.refused > 0)
                .map(|ran| format!("{} records refused {:04}_{}: see refusals", ran.refused, ran.number, ran.name));
            let mut answer = serde_json::to_value(&report).map_err(|error| Error::Internal(error.into()))?;
            if let Some(refused) = refused.filter(|_| !report.done && !report.stopped) {
                answer["failed"] = refused.into();
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
