//! The definition of a consumer: of the tables' streams, or of the event bus.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    operations::Grant,
    record::Action,
    store::{BOOKKEEPING, HISTORY},
    streams::{self, Consumer, Decoder, EventConsumer, Repeat},
};

/// A consumer: a function that handles changes, and its permissions.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerDefinition {
    /// The function: Lambda's handler setting.
    pub name: &'static str,
    /// The source of its changes.
    #[serde(flatten)]
    pub source: Source,
    /// The DynamoDB actions it needs, and no others.
    pub grants: Vec<Grant>,
    /// True if it publishes events to the bus.
    pub publishes: bool,
}

/// The source of a consumer's changes.
#[derive(Serialize)]
#[serde(tag = "source", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Source {
    /// The streams of tables. At most two consumers may read a stream (DynamoDB Streams API reference, `GetRecords`,
    /// `LimitExceededException`): a further one is of [`Source::Events`].
    Streams {
        /// The tables whose streams it reads.
        tables: Vec<&'static str>,
        /// The kinds of changes it reads, as streams name them.
        changes: Vec<&'static str>,
        /// The batching window in seconds.
        batching_window: u8,
        /// The starting position of a new consumer.
        start: Start,
        /// The code.
        #[serde(skip)]
        consumer: Arc<dyn Consumer>,
    },
    /// The bus, through a queue of its own.
    Events {
        /// The types of events it subscribes to, such as `user.deleted`.
        types: Vec<String>,
        /// The delay in seconds before an event is delivered.
        delay_seconds: u16,
        /// The schedule by which each event is handled again, if there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        repeats: Option<Repeat>,
        /// The code.
        #[serde(skip)]
        consumer: Arc<dyn EventConsumer>,
    },
}

/// The starting position of a new consumer in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Start {
    /// The oldest change in the stream, which is up to 24 hours old.
    TrimHorizon,
    /// The next change: for a consumer with external effects, such as sending mail.
    Latest,
}

impl ConsumerDefinition {
    /// Returns the definition of a consumer of events of these resources and actions, without permissions.
    pub fn of_events(name: &'static str, events: &[(&str, Action)], consumer: impl EventConsumer) -> Self {
        let types = events.iter().map(|(resource, action)| format!("{resource}.{}", action.name())).collect();
        let (repeats, consumer) = (consumer.repeat(), Arc::new(consumer));
        let source = Source::Events { types, delay_seconds: 0, repeats, consumer };
        Self { name, source, grants: Vec::new(), publishes: false }
    }

    /// Sets the delay in seconds before an event is delivered, at most 900, the maximum delay of an SQS message.
    #[must_use]
    pub fn delayed(mut self, seconds: u16) -> Self {
        if let Source::Events { delay_seconds, .. } = &mut self.source {
            *delay_seconds = seconds;
        }
        self
    }

    /// Sets the DynamoDB actions it needs.
    #[must_use]
    pub fn granted(self, grants: impl Into<Vec<Grant>>) -> Self {
        Self { grants: grants.into(), ..self }
    }
}

/// Returns the consumer that appends every change to the history.
pub fn audit_append(decoders: Vec<Decoder>) -> ConsumerDefinition {
    ConsumerDefinition {
        name: "audit_append",
        source: every_change(&decoders, Arc::new(streams::audit_append(decoders.clone()))),
        grants: vec![Grant::on(HISTORY, &["PutItem"]), read_deletions()],
        publishes: false,
    }
}

/// Returns the consumer that publishes every change to the bus.
pub fn events_publish(decoders: Vec<Decoder>) -> ConsumerDefinition {
    ConsumerDefinition {
        name: "events_publish",
        source: every_change(&decoders, Arc::new(streams::events_publish(decoders.clone()))),
        grants: vec![read_deletions()],
        publishes: true,
    }
}

fn read_deletions() -> Grant {
    Grant::on(BOOKKEEPING, &["GetItem"])
}

/// Returns the source of every change of every resource.
fn every_change(decoders: &[Decoder], consumer: Arc<dyn Consumer>) -> Source {
    Source::Streams {
        tables: decoders.iter().map(|decoder| decoder.collection).collect(),
        changes: vec!["INSERT", "MODIFY", "REMOVE"],
        batching_window: 0,
        start: Start::TrimHorizon,
        consumer,
    }
}
