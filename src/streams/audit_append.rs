//! `audit_append`: every change becomes an entry of its record's history.

use std::sync::Arc;

use futures_util::{FutureExt, future::join_all};

use super::{Consumer, Decoder, EventRecord, Wave, decoder};
use crate::{app::App, error::Error};

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// The consumer that appends to the history, once a change however often it comes.
pub fn audit_append(decoders: Vec<Decoder>) -> impl Consumer {
    AuditAppend { decoders }
}

struct AuditAppend {
    decoders: Vec<Decoder>,
}

impl Consumer for AuditAppend {
    fn consume<'a>(&'a self, app: &'a Arc<App>, wave: &'a [&'a EventRecord]) -> Wave<'a> {
        join_all(wave.iter().map(|record| self.append(app, record))).boxed()
    }
}

impl AuditAppend {
    async fn append(&self, app: &Arc<App>, record: &EventRecord) -> Result<(), Error> {
        let (decoder, entry) = decoder::entry(app, &self.decoders, record).await?;
        // By the stream: what the row says may be of long ago.
        let time = record.change.approximate_creation_date_time;
        let expires_at = time.timestamp() + i64::from(app.config.history_days) * SECONDS_PER_DAY;
        app.store.append_history(decoder.collection, &entry, expires_at).await
    }
}
