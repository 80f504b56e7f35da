//! Handles a batch of an event consumer's queue: each message on its own.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use futures_util::{FutureExt, future::join_all};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout_at;

use super::{
    CloudEvent, EventConsumer,
    batch::{BatchItemFailure, BatchResponse},
};
use crate::{
    app::App,
    error::Error,
    runtime::cause_of,
    telemetry::{self, Summary, observe},
};

/// The suffix of the name of the queue that repeats events.
pub const REPEAT_QUEUE_SUFFIX: &str = "-later";

/// The event of a batch of a queue (Lambda developer guide, "Using Lambda with Amazon SQS").
#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    messages: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    message_id: String,
    body: String,
    #[serde(rename = "eventSourceARN")]
    queue: String,
}

/// The envelope EventBridge puts around an event (EventBridge user guide, "Event structure").
#[derive(Deserialize)]
struct Envelope {
    detail: CloudEvent,
}

/// The outcome of a message.
enum Outcome {
    Done,
    /// It is handled, and due to be handled again.
    Repeated,
    Failed(Error),
}

/// Passes the events of a batch to a consumer, within `limit`, and returns the messages that stay in the queue.
///
/// A message stays if it failed, or if it is in the queue with [`REPEAT_QUEUE_SUFFIX`] and the event is not yet older
/// than the end of the consumer's schedule. SQS delivers it again after its visibility timeout (Lambda developer guide,
/// "Implementing partial batch responses"). No message needs to be sent again, which could lose or duplicate it. It
/// writes one log line, without the content of the changes.
///
/// # Errors
/// A message for Lambda if the event is not a batch of a queue. All messages stay in the queue.
pub async fn respond_to_messages(
    app: &Arc<App>,
    function: &str,
    consumer: &dyn EventConsumer,
    event: &str,
    limit: Duration,
) -> Result<BatchResponse, &'static str> {
    let deadline = Instant::now() + limit;
    let batch: Batch = serde_json::from_str(event).map_err(|_| "the event is no batch of a queue")?;
    let outcomes = join_all(batch.messages.iter().map(|message| handle(app, consumer, message, deadline)));
    let (outcomes, observation) = observe(outcomes).await;
    let outcomes: Vec<_> = batch.messages.iter().map(|message| &message.message_id).zip(outcomes).collect();
    let failures: Vec<Value> = outcomes
        .iter()
        .filter_map(|(id, outcome)| match outcome {
            Outcome::Failed(error) => Some(json!({ "messageId": id, "cause": cause_of(error) })),
            Outcome::Done | Outcome::Repeated => None,
        })
        .collect();
    let summary = Summary { function, has_failed: !failures.is_empty(), ..Summary::default() };
    observation.report(app.config.log_level, &summary, |line| {
        let repeated = outcomes.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Repeated)).count();
        line.field("messages", outcomes.len()).field("repeated", repeated).field("failures", &failures);
    });
    let remaining = outcomes.into_iter().filter(|(_, outcome)| !matches!(outcome, Outcome::Done));
    let batch_item_failures = remaining.map(|(id, _)| BatchItemFailure { item_identifier: id.clone() }).collect();
    Ok(BatchResponse { batch_item_failures })
}

async fn handle(app: &Arc<App>, consumer: &dyn EventConsumer, message: &Message, deadline: Instant) -> Outcome {
    let Ok(Envelope { detail: event }) = serde_json::from_str(&message.body) else {
        return Outcome::Failed(Error::Internal("the message is no event of the bus".into()));
    };
    if let Some(traceparent) = &event.traceparent {
        telemetry::link(traceparent);
    }
    let time = event.time.parse::<DateTime<Utc>>().ok();
    let work = AssertUnwindSafe(async { consumer.consume(app, event).await }).catch_unwind();
    let outcome = match timeout_at(deadline.into(), work).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_panic)) => Err(Error::Internal("the consumer panicked".into())),
        Err(_elapsed) => Err(Error::Unavailable("the function's time ran out".into())),
    };
    let repeat = consumer.repeat().filter(|_| message.queue.ends_with(REPEAT_QUEUE_SUFFIX));
    let is_due = |until: Duration| time.is_some_and(|time| (Utc::now() - time).to_std().unwrap_or_default() < until);
    match outcome {
        Err(error) => Outcome::Failed(error),
        Ok(()) if repeat.is_some_and(|repeat| is_due(repeat.until())) => Outcome::Repeated,
        Ok(()) => Outcome::Done,
    }
}
