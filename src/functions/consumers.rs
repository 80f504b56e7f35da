//! The list of the consumers of changes: those of the tables' streams, and those of the bus.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    operations::{Grant, List, list},
    record::{Action, Resource},
    resources::{Item, User},
    store::{BOOKKEEPING, HISTORY},
    streams::{self, Consumer, Decoder, EventConsumer, Repeat},
};

/// What decodes the changes of each resource.
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

/// A consumer: a function that is given changes, and what that one may do.
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
    /// Whether it puts events on the bus.
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
        /// For how many seconds changes are gathered before it is called.
        batching_window: u8,
        /// The place a new consumer starts from.
        start: Start,
        /// The code.
        #[serde(skip)]
        consumer: Arc<dyn Consumer>,
    },
    /// The bus, through a queue of its own.
    Events {
        /// The types of events it takes, as in `user.deleted`.
        types: Vec<String>,
        /// For how many seconds an event waits before it is given to the consumer.
        delay_seconds: u16,
        /// The schedule by which each event is given to it again, where it has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        repeats: Option<Repeat>,
        /// The code.
        #[serde(skip)]
        consumer: Arc<dyn EventConsumer>,
    },
}

/// The place in a stream from which a new consumer reads it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Start {
    /// The oldest change the stream has, up to a day ago: nothing is missed.
    TrimHorizon,
    /// The changes from now on: for a consumer with effects outside, such as mails.
    Latest,
}

/// Every consumer.
pub fn consumers() -> Vec<ConsumerDefinition> {
    let who_deleted = || Grant::on(BOOKKEEPING, &["GetItem"]);
    vec![
        ConsumerDefinition {
            name: "audit_append",
            source: every_change(Arc::new(streams::audit_append(decoders()))),
            grants: vec![Grant::on(HISTORY, &["PutItem"]), who_deleted()],
            publishes: false,
        },
        ConsumerDefinition {
            name: "events_publish",
            source: every_change(Arc::new(streams::events_publish(decoders()))),
            grants: vec![who_deleted()],
            publishes: true,
        },
        ConsumerDefinition {
            name: "users_cascade",
            // For the first pass the index of owners has mostly followed its table by then.
            source: events(&[(User::NAME, Action::Deleted)], 5, Arc::new(streams::users_cascade())),
            grants: vec![
                Grant { indexes: vec![streams::OWNER_INDEX.into()], ..Grant::on(Item::COLLECTION, &["Query"]) },
                Grant::on(Item::COLLECTION, &["GetItem", "UpdateItem"]),
            ],
            publishes: false,
        },
    ]
}

/// Every change of every resource, from the streams of their tables.
fn every_change(consumer: Arc<dyn Consumer>) -> Source {
    Source::Streams {
        tables: decoders().iter().map(|decoder| decoder.collection).collect(),
        changes: vec!["INSERT", "MODIFY", "REMOVE"],
        batching_window: 0,
        start: Start::TrimHorizon,
        consumer,
    }
}

/// Events of the bus: what happened to which resource.
fn events(types: &[(&str, Action)], delay_seconds: u16, consumer: Arc<dyn EventConsumer>) -> Source {
    let types = types.iter().map(|(resource, action)| format!("{resource}.{}", action.name())).collect();
    Source::Events { types, delay_seconds, repeats: consumer.repeat(), consumer }
}
