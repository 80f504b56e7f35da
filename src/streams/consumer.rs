//! What a consumer is, and the usual one: a function of one change.

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
};

/// The most changes a consumer is given at once.
pub const WAVE: usize = 10;

/// What became of each change of a wave, in its order.
pub type Wave<'a> = BoxFuture<'a, Vec<Result<(), Error>>>;

/// Does something with changes.
pub trait Consumer: Send + Sync + 'static {
    /// Takes changes of different records, at most [`WAVE`], and tells of each whether it is done.
    ///
    /// A change can come again: what is done with it must be the same the second time. A panic, an answer of another
    /// length, or none in half of the time, is a failure of the whole wave, whose changes are then given one by one.
    fn consume<'a>(&'a self, app: &'a Arc<App>, wave: &'a [&'a EventRecord]) -> Wave<'a>;
}

/// The consumer that calls `handle` with each change of one resource; a panic is the failure of that change.
pub fn each<R, H, F>(handle: H) -> impl Consumer
where
    R: Resource,
    H: Fn(Arc<App>, Change<R>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    Each { handle, resource: std::marker::PhantomData::<fn(R)> }
}

struct Each<H, R> {
    handle: H,
    resource: std::marker::PhantomData<fn(R)>,
}

impl<R, H, F> Consumer for Each<H, R>
where
    R: Resource,
    H: Fn(Arc<App>, Change<R>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    fn consume<'a>(&'a self, app: &'a Arc<App>, wave: &'a [&'a EventRecord]) -> Wave<'a> {
        let one = move |record: &'a EventRecord| async move {
            let work = async { (self.handle)(app.clone(), Change::decode(record)?).await };
            let outcome = AssertUnwindSafe(work).catch_unwind().await;
            outcome.unwrap_or_else(|_panic| Err(Error::Internal(Crash("the consumer panicked").into())))
        };
        join_all(wave.iter().copied().map(one)).boxed()
    }
}
