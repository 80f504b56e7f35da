//! The list of what reads the tables' streams.

use std::sync::Arc;

use serde::Serialize;

use super::{Grant, ReadResource, each, on};
use crate::{
    record::Resource,
    resources::{Item, User},
    store::{BOOKKEEPING, HISTORY},
    streams::{self, Consumer, Decoder},
};

/// What decodes the changes of each resource.
pub fn decoders() -> Vec<Decoder> {
    let mut decoders = Vec::new();
    each(&mut decoders);
    decoders
}

impl ReadResource for Vec<Decoder> {
    fn read<R: Resource>(&mut self) {
        self.push(Decoder::of::<R>());
    }
}

/// A consumer: a Lambda behind the streams of some tables, and what that one may do.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamConsumer {
    /// The Lambda, which is also the binary.
    pub name: &'static str,
    /// The tables whose streams it reads.
    pub tables: Vec<&'static str>,
    /// The kinds of changes it reads, as streams name them.
    pub events: Vec<&'static str>,
    /// For how many seconds changes are gathered before it is called.
    pub batching_window: u8,
    /// The DynamoDB actions it needs, and no others.
    pub grants: Vec<Grant>,
    /// Whether it puts events on the bus.
    pub publishes: bool,
    /// The code.
    #[serde(skip)]
    pub consumer: Arc<dyn Consumer>,
}

/// Every consumer.
pub fn consumers() -> Vec<StreamConsumer> {
    let all: Vec<_> = decoders().iter().map(|decoder| decoder.collection).collect();
    let every_event = vec!["INSERT", "MODIFY", "REMOVE"];
    let who_deleted = || on(BOOKKEEPING, &["GetItem"]);
    vec![
        StreamConsumer {
            name: "audit_append",
            tables: all.clone(),
            events: every_event.clone(),
            batching_window: 0,
            grants: vec![on(HISTORY, &["PutItem"]), who_deleted()],
            publishes: false,
            consumer: Arc::new(streams::audit_append(decoders())),
        },
        StreamConsumer {
            name: "events_publish",
            tables: all,
            events: every_event,
            batching_window: 0,
            grants: vec![who_deleted()],
            publishes: true,
            consumer: Arc::new(streams::events_publish(decoders())),
        },
        StreamConsumer {
            name: "users_cascade",
            tables: vec![User::COLLECTION],
            events: vec!["REMOVE"],
            // It waits until the index of owners has followed its table: what is gathered meanwhile is not paid.
            batching_window: 5,
            grants: vec![
                Grant { indexes: vec![streams::OWNER_INDEX.into()], ..on(Item::COLLECTION, &["Query"]) },
                on(Item::COLLECTION, &["GetItem", "UpdateItem"]),
            ],
            publishes: false,
            consumer: Arc::new(streams::users_cascade()),
        },
    ]
}
