//! The trait of stream consumers, and its implementation by a function of one change.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};

use super::{Change, EventRecord};
use crate::{
    app::App,
    error::{Crash, Error},
    record::Resource,
    telemetry,
};

/// The maximum number of changes that a consumer receives in one call.
pub const MAX_GROUP_SIZE: usize = 10;

/// The outcome of each change of a group, in the order of the changes.
pub type Outcomes<'a> = BoxFuture<'a, Vec<Result<(), Error>>>;

/// A consumer of the changes of tables.
pub trait Consumer: Send + Sync + 'static {
    /// Handles a group of at most [`MAX_GROUP_SIZE`] changes of different records, and returns the outcome of each.
    ///
    /// A change can be delivered again, so that the handling must be idempotent. If the consumer panics, returns another
    /// number of outcomes, or needs more than half of the remaining time, the whole group has failed, and its changes
    /// are passed to the consumer again one by one.
    fn consume<'a>(&'a self, app: &'a Arc<App>, records: &'a [&'a EventRecord]) -> Outcomes<'a>;
}

/// Returns a consumer that calls `handle` with each change of one resource. A panic fails only that change.
pub fn on_change<R, H, F>(handle: H) -> impl Consumer
where
    R: Resource,
    H: Fn(Arc<App>, Change<R>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    OnChange { handle, resource: std::marker::PhantomData::<fn(R)> }
}

struct OnChange<H, R> {
    handle: H,
    resource: std::marker::PhantomData<fn(R)>,
}

impl<R, H, F> Consumer for OnChange<H, R>
where
    R: Resource,
    H: Fn(Arc<App>, Change<R>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    fn consume<'a>(&'a self, app: &'a Arc<App>, records: &'a [&'a EventRecord]) -> Outcomes<'a> {
        let handle_record = move |record: &'a EventRecord| async move {
            let work = async {
                let change = Change::decode(record)?;
                if let Some(traceparent) = &change.traceparent {
                    telemetry::link(traceparent);
                }
                (self.handle)(app.clone(), change).await
            };
            let outcome = AssertUnwindSafe(work).catch_unwind().await;
            outcome.unwrap_or_else(|_panic| Err(Error::Internal(Crash("the consumer panicked").into())))
        };
        join_all(records.iter().copied().map(handle_record)).boxed()
    }
}
