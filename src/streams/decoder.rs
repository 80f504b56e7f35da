//! Decoders for the consumers of all resources, which handle changes as untyped entries.

use std::sync::Arc;

use aws_lambda_events::dynamodb::EventRecord;

use super::{Change, other_shape};
use crate::{
    app::App,
    error::Error,
    record::{Action, Cause, Entry, Resource},
    store::Deletion,
    telemetry,
};

/// A decoder of the changes of one resource.
#[derive(Clone, Copy)]
pub struct Decoder {
    /// The collection, which is its table's name.
    pub collection: &'static str,
    /// The singular name.
    pub singular: &'static str,
    decode: fn(&EventRecord) -> Result<Entry, Error>,
}

impl Decoder {
    /// Returns the decoder of a resource.
    pub fn of<R: Resource>() -> Self {
        let decode = |record: &EventRecord| {
            let change = Change::<R>::decode(record);
            change.map(Change::into_entry).or_else(|error| other_shape::entry::<R>(record, error))
        };
        Self { collection: R::COLLECTION, singular: R::NAME, decode }
    }
}

/// Decodes a change of any of the resources, and links the batch to the request that made it. The entry of a deletion gets
/// the principal and the exact time of the deletion.
///
/// # Errors
/// [`Error::Internal`] for a table without a decoder; the errors of [`Change::decode`] and
/// [`crate::store::Store::deletion`].
pub async fn entry(app: &Arc<App>, decoders: &[Decoder], record: &EventRecord) -> Result<(Decoder, Entry), Error> {
    let table = table(record).and_then(|name| name.strip_prefix(app.config.table_prefix.as_str()));
    let decoder = decoders.iter().find(|decoder| Some(decoder.collection) == table);
    let decoder = *decoder.ok_or_else(|| Error::Internal("a change of a table that holds no resource".into()))?;
    let mut entry = (decoder.decode)(record)?;
    if entry.action == Action::Deleted && entry.cause == Cause::Write {
        let deletion = app.store.deletion(decoder.collection, entry.id, &entry.time).await?;
        if let Some(Deletion { by, time, traceparent }) = deletion {
            (entry.changed_by, entry.time, entry.traceparent) = (Some(by), time, traceparent);
        }
    }
    if let Some(traceparent) = &entry.traceparent {
        telemetry::link(traceparent);
    }
    Ok((decoder, entry))
}

/// Returns the table in a stream's ARN: `arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/stream/TIME`.
fn table(record: &EventRecord) -> Option<&str> {
    record.event_source_arn.as_deref()?.split('/').nth(1)
}
