//! `audit_append`: appends every change to the history of its record.

use std::sync::Arc;

use futures_util::{FutureExt, future::join_all};

use super::{Consumer, Decoder, EventRecord, Outcomes, decoder};
use crate::{app::App, error::Error};

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// Returns the consumer that appends changes to the history. A change that is delivered again is not appended again.
pub fn audit_append(decoders: Vec<Decoder>) -> impl Consumer {
    AuditAppend { decoders }
}

struct AuditAppend {
    decoders: Vec<Decoder>,
}

impl Consumer for AuditAppend {
    fn consume<'a>(&'a self, app: &'a Arc<App>, records: &'a [&'a EventRecord]) -> Outcomes<'a> {
        join_all(records.iter().map(|record| self.append(app, record))).boxed()
    }
}

impl AuditAppend {
    async fn append(&self, app: &Arc<App>, record: &EventRecord) -> Result<(), Error> {
        let (decoder, entry) = decoder::entry(app, &self.decoders, record).await?;
        // The time of the stream record: `updatedAt` of the row can be much older, as in a row that was restored.
        let time = record.change.approximate_creation_date_time;
        let expires_at = time.timestamp() + i64::from(app.config.history_days) * SECONDS_PER_DAY;
        app.store.append_history(decoder.collection, &entry, expires_at).await
    }
}
