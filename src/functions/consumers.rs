//! The list of all consumers: those of the tables' streams, and those of the event bus.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    operations::{Grant, List, list},
    record::{Action, Resource},
    resources::{Item, User},
    store::{BOOKKEEPING, HISTORY},
    streams::{self, Consumer, Decoder, EventConsumer, Repeat},
};

/// Returns the decoder of each resource.
pub fn decoders() -> Vec<Decoder> {
    let mut decoders = Vec::new();
    list(&mut decoders);
    decoders
}

impl List for Vec<Decoder> {
    fn resource<R: Resource>(&mut self) {
        self.push(Decoder::of::<R>());
    }
}

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

/// Returns every consumer.
pub fn consumers() -> Vec<ConsumerDefinition> {
    let read_deletions = || Grant::on(BOOKKEEPING, &["GetItem"]);
    vec![
        ConsumerDefinition {
            name: "audit_append",
            source: every_change(Arc::new(streams::audit_append(decoders()))),
            grants: vec![Grant::on(HISTORY, &["PutItem"]), read_deletions()],
            publishes: false,
        },
        ConsumerDefinition {
            name: "events_publish",
            source: every_change(Arc::new(streams::events_publish(decoders()))),
            grants: vec![read_deletions()],
            publishes: true,
        },
        ConsumerDefinition {
            name: "users_cascade",
            // After this delay, the index of owners usually contains all items for the first pass.
            source: events(&[(User::NAME, Action::Deleted)], 5, Arc::new(streams::users_cascade())),
            grants: vec![
                Grant { indexes: vec![streams::OWNER_INDEX.into()], ..Grant::on(Item::COLLECTION, &["Query"]) },
                Grant::on(Item::COLLECTION, &["GetItem", "UpdateItem"]),
                Grant::on(User::COLLECTION, &["GetItem"]),
            ],
            publishes: false,
        },
    ]
}

/// Returns the source of every change of every resource.
fn every_change(consumer: Arc<dyn Consumer>) -> Source {
    Source::Streams {
        tables: decoders().iter().map(|decoder| decoder.collection).collect(),
        changes: vec!["INSERT", "MODIFY", "REMOVE"],
        batching_window: 0,
        start: Start::TrimHorizon,
        consumer,
    }
}

/// Returns the source of these types of events, with the delay of their delivery.
fn events(types: &[(&str, Action)], delay_seconds: u16, consumer: Arc<dyn EventConsumer>) -> Source {
    let types = types.iter().map(|(resource, action)| format!("{resource}.{}", action.name())).collect();
    Source::Events { types, delay_seconds, repeats: consumer.repeat(), consumer }
}
