//! Consumers of the event bus: functions of one event, typed by its resource.

use std::{marker::PhantomData, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::{FutureExt, future::BoxFuture};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{ChangeKind, CloudEvent};
use crate::{
    app::App,
    error::Error,
    record::{Action, Cause, Record, Resource},
};

/// A change of a record, decoded from its event on the bus.
#[derive(Clone, Debug)]
pub struct Event<R> {
    /// The id of the change, the same on every delivery. Consumers deduplicate by it.
    pub id: String,
    /// The sequence number: of two changes of a record, the later one has the larger string.
    pub sequence: String,
    /// The time of the change.
    pub time: DateTime<Utc>,
    /// The record's id.
    pub record: Uuid,
    /// The version of the record after the change; of a deletion, the last version.
    pub version: u64,
    /// The kind of change.
    pub action: Action,
    /// The cause of the change.
    pub cause: Cause,
    /// The principal that made the change, if it is known.
    pub changed_by: Option<String>,
    /// The tenant of the record, if its resource has tenants.
    pub tenant: Option<String>,
    /// The names of the fields whose values differ.
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
    tenant_id: Option<String>,
    changed: Vec<String>,
    old: Option<Value>,
    new: Option<Value>,
}

impl<R: Resource> Event<R> {
    /// Decodes an event of this resource.
    ///
    /// # Errors
    /// [`Error::Internal`] for an event of another resource or format.
    pub fn decode(event: CloudEvent) -> Result<Self, Error> {
        let invalid = || Error::Internal(format!("no event of a change of {}", R::COLLECTION).into());
        let name = event.r#type.strip_prefix(R::NAME).and_then(|rest| rest.strip_prefix('.'));
        let action = Action::ALL.into_iter().find(|action| Some(action.name()) == name).ok_or_else(invalid)?;
        let time = event.time.parse().map_err(|_| invalid())?;
        // The message of serde is dropped: it can contain a value of the record, which must not be logged.
        let data: Data = serde_json::from_value(Value::Object(event.data)).map_err(|_| invalid())?;
        Ok(Self {
            id: event.id,
            sequence: event.sequence,
            time,
            record: data.id,
            version: data.version,
            action,
            cause: data.cause,
            changed_by: data.changed_by,
            tenant: data.tenant_id,
            changed: data.changed,
            old: data.old,
            new: data.new,
            resource: PhantomData,
        })
    }

    /// Returns the kind of change, with the records before and after it.
    ///
    /// Returns none for an event without records: it was too large for the bus, or a migration changed a record of another
    /// shape. The history of the record has them under the same id.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a record of another shape than the resource has today. A consumer that needs only the id
    /// does not call this method, so that such a record does not block it.
    pub fn kind(&self) -> Result<Option<ChangeKind<R>>, Error> {
        let record = |value: &Value| {
            serde_json::from_value::<Record<R>>(value.clone()).map_err(|_| Error::Corrupt {
                collection: R::COLLECTION,
                id: self.record.to_string(),
                cause: "an event's record has another shape".into(),
            })
        };
        Ok(match (self.action, &self.old, &self.new) {
            (Action::Created, _, Some(new)) => Some(ChangeKind::Created { new: record(new)? }),
            (Action::Updated, Some(old), Some(new)) => {
                Some(ChangeKind::Updated { old: record(old)?, new: record(new)?, changed: self.changed.clone() })
            }
            (Action::Deleted, Some(old), _) => Some(ChangeKind::Deleted { old: record(old)? }),
            _ => None,
        })
    }
}

/// A consumer of the events of the bus.
pub trait EventConsumer: Send + Sync + 'static {
    /// Handles one event.
    ///
    /// An event can be delivered again, and events can arrive out of order: the handling must allow for both.
    fn consume<'a>(&'a self, app: &'a Arc<App>, event: CloudEvent) -> BoxFuture<'a, Result<(), Error>>;

    /// Returns the schedule by which each event is handled again; none if once is enough.
    fn repeat(&self) -> Option<Repeat> {
        None
    }
}

/// A schedule by which an event is handled again: an interval, and a maximum age of the event.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Repeat {
    every_seconds: u32,
    until_seconds: u32,
}

impl Repeat {
    /// Returns a schedule. `every` is at most 15 minutes, the maximum delay of an SQS message.
    pub const fn new(every: Duration, until: Duration) -> Self {
        Self { every_seconds: every.as_secs() as u32, until_seconds: until.as_secs() as u32 }
    }

    /// Returns the interval between two passes.
    pub fn every(&self) -> Duration {
        Duration::from_secs(self.every_seconds.into())
    }

    /// Returns the age of the event after which there are no more passes.
    pub fn until(&self) -> Duration {
        Duration::from_secs(self.until_seconds.into())
    }
}

/// Returns a consumer that calls `handle` with each event of one resource.
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
    /// Sets the schedule by which each event is handled again.
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
