//! `events_publish`: publishes every change as an event on the bus.

use std::sync::{Arc, OnceLock};

use futures_util::{FutureExt, future::join_all};

use super::{
    CloudEvent, Consumer, Decoder, EventRecord, Outcomes,
    bus::{Bus, MAX_CALL_BYTES},
    decoder,
};
use crate::{app::App, error::Error};

/// Returns the consumer that publishes changes to EventBridge.
pub fn events_publish(decoders: Vec<Decoder>) -> impl Consumer {
    EventsPublish { decoders, bus: OnceLock::new() }
}

struct EventsPublish {
    decoders: Vec<Decoder>,
    bus: OnceLock<Bus>,
}

impl Consumer for EventsPublish {
    fn consume<'a>(&'a self, app: &'a Arc<App>, records: &'a [&'a EventRecord]) -> Outcomes<'a> {
        self.publish(app, records).boxed()
    }
}

impl EventsPublish {
    async fn publish(&self, app: &Arc<App>, records: &[&EventRecord]) -> Vec<Result<(), Error>> {
        let bus = self.bus.get_or_init(|| Bus::new(&app.config));
        let decoded = join_all(records.iter().map(|record| decoder::entry(app, &self.decoders, record))).await;
        let (mut outcomes, mut call, mut call_bytes) = (Vec::new(), Vec::new(), 0);
        for decoded in decoded {
            // The changes after a failed one are not published in this call.
            let (decoder, entry) = match decoded {
                Ok(decoded) => decoded,
                Err(error) => {
                    outcomes.extend(bus.put(call).await);
                    outcomes.push(Err(error));
                    return fill(outcomes, records.len());
                }
            };
            let event = CloudEvent::new(decoder, &format!("{}{}", app.config.table_prefix, decoder.collection), &entry);
            let has_other_shape = entry.has_other_shape;
            let (mut entry, mut bytes) = bus.entry(&event);
            // A record of another shape would not match the event's schema.
            if bytes > MAX_CALL_BYTES || has_other_shape {
                (entry, bytes) = bus.entry(&event.without_records(decoder));
            }
            if call_bytes + bytes > MAX_CALL_BYTES {
                outcomes.extend(bus.put(std::mem::take(&mut call)).await);
                call_bytes = 0;
            }
            call_bytes += bytes;
            call.push(entry);
        }
        outcomes.extend(bus.put(call).await);
        outcomes
    }
}

/// Fills the outcomes up to `count`: a change that was not tried has failed.
fn fill(mut outcomes: Vec<Result<(), Error>>, count: usize) -> Vec<Result<(), Error>> {
    outcomes.resize_with(count, || Err(Error::Unavailable("a change before it failed".into())));
    outcomes
}
