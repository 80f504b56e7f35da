//! Consumers of the bus: functions of one event, typed by its resource.

use std::{marker::PhantomData, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::{FutureExt, future::BoxFuture};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{CloudEvent, What};
use crate::{
    app::App,
    error::Error,
    record::{Action, Cause, Record, Resource},
};

/// A change of a record, as its event on the bus carries it.
#[derive(Clone, Debug)]
pub struct Event<R> {
    /// The change's id, the same on every delivery: what to deduplicate by.
    pub id: String,
    /// The place of the change in the stream: of two changes of a record, the later has the larger text.
    pub sequence: String,
    /// The time of the change.
    pub time: DateTime<Utc>,
    /// The record's id.
    pub record: Uuid,
    /// The version the change made; of a deletion, the last one.
    pub version: u64,
    /// The kind of change.
    pub action: Action,
    /// The cause of the change.
    pub cause: Cause,
    /// The principal that made the change, where it is known.
    pub changed_by: Option<String>,
    /// The fields whose values differ, by name.
    pub changed: Vec<String>,
    old: Option<Value>,
    new: Option<Value>,
    resource: PhantomData<fn(R)>,
}

/// The data of an event, as [`Entry`](crate::record::Entry) writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    id: Uuid,
    version: u64,
    cause: Cause,
    changed_by: Option<String>,
    changed: Vec<String>,
    old: Option<Value>,
    new: Option<Value>,
}

impl<R: Resource> Event<R> {
    /// Reads an event of this resource.
    ///
    /// # Errors
    /// [`Error::Internal`] for an event of another resource or form.
    pub fn decode(event: CloudEvent) -> Result<Self, Error> {
        let foreign = || Error::Internal(format!("no event of a change of {}", R::COLLECTION).into());
        let name = event.r#type.strip_prefix(R::NAME).and_then(|rest| rest.strip_prefix('.'));
        let action = Action::ALL.into_iter().find(|action| Some(action.name()) == name).ok_or_else(foreign)?;
        let time = event.time.parse().map_err(|_| foreign())?;
        // What serde says could hold a value of the record, which has no place in a log.
        let data: Data = serde_json::from_value(Value::Object(event.data)).map_err(|_| foreign())?;
        Ok(Self {
            id: event.id,
            sequence: event.sequence,
            time,
            record: data.id,
            version: data.version,
            action,
            cause: data.cause,
            changed_by: data.changed_by,
            changed: data.changed,
            old: data.old,
            new: data.new,
            resource: PhantomData,
        })
    }

    /// Reads the records before and after the change.
    ///
    /// Returns none for an event that carries no records: it was too large for the bus, or a migration met a record of
    /// another shape. The record's history has them, under the same id.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a record of another shape than the resource has today. A consumer that needs no more
    /// than the id does not call this, and is not held up by it.
    pub fn what(&self) -> Result<Option<What<R>>, Error> {
        let record = |value: &Value| {
            serde_json::from_value::<Record<R>>(value.clone()).map_err(|_| Error::Corrupt {
                collection: R::COLLECTION,
                id: self.record.to_string(),
                cause: "an event's record has another shape".into(),
            })
        };
        Ok(match (self.action, &self.old, &self.new) {
            (Action::Created, _, Some(new)) => Some(What::Created { new: record(new)? }),
            (Action::Updated, Some(old), Some(new)) => {
                Some(What::Updated { old: record(old)?, new: record(new)?, changed: self.changed.clone() })
            }
            (Action::Deleted, Some(old), _) => Some(What::Deleted { old: record(old)? }),
            _ => None,
        })
    }
}

/// Handles events of the bus, one by one.
pub trait EventConsumer: Send + Sync + 'static {
    /// Handles one event.
    ///
    /// An event can come again, and an older one after a newer one: what is done with it must be right then, too.
    fn consume<'a>(&'a self, app: &'a Arc<App>, event: CloudEvent) -> BoxFuture<'a, Result<(), Error>>;

    /// Returns for how long each event is given to it again after it was handled; none where once is enough.
    fn repeat(&self) -> Option<Repeat> {
        None
    }
}

/// A schedule by which an event is handled again: every so often, until it is so old.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Repeat {
    every_seconds: u32,
    until_seconds: u32,
}

impl Repeat {
    /// A schedule; `every` is at most the 15 minutes by which SQS can delay a message.
    pub const fn new(every: Duration, until: Duration) -> Self {
        Self { every_seconds: every.as_secs() as u32, until_seconds: until.as_secs() as u32 }
    }

    /// The time from one pass to the next.
    pub fn every(&self) -> Duration {
        Duration::from_secs(self.every_seconds.into())
    }

    /// The age from which an event has had its last pass.
    pub fn until(&self) -> Duration {
        Duration::from_secs(self.until_seconds.into())
    }
}

/// The consumer that calls `handle` with each event of one resource.
pub fn on_event<R, H, F>(handle: H) -> OnEvent<R, H>
where
    R: Resource,
    H: Fn(Arc<App>, Event<R>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    OnEvent { handle, repeat: None, resource: PhantomData }
}

/// The consumer that [`on_event`] returns.
pub struct OnEvent<R, H> {
    handle: H,
    repeat: Option<Repeat>,
    resource: PhantomData<fn(R)>,
}

impl<R, H> OnEvent<R, H> {
    /// Has each event handled again by the schedule.
    #[must_use]
    pub fn repeated(self, repeat: Repeat) -> Self {
        Self { repeat: Some(repeat), ..self }
    }
}

impl<R, H, F> EventConsumer for OnEvent<R, H>
where
    R: Resource,
    H: Fn(Arc<App>, Event<R>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    fn consume<'a>(&'a self, app: &'a Arc<App>, event: CloudEvent) -> BoxFuture<'a, Result<(), Error>> {
        async move { (self.handle)(app.clone(), Event::decode(event)?).await }.boxed()
    }

    fn repeat(&self) -> Option<Repeat> {
        self.repeat
    }
}
