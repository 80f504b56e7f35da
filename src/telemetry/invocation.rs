//! The invocation of a function: its id, its trace and the receiver of its segments.

use std::sync::{Arc, LazyLock};

use super::{Sink, TraceContext, environment::Environment};

tokio::task_local! {
    static CURRENT: Invocation;
}

/// The daemon of Lambda's environment. It is opened by the first sampled request.
static DAEMON: LazyLock<Option<Arc<Sink>>> =
    LazyLock::new(|| Environment::get().daemon.and_then(|address| Sink::daemon(address).ok()).map(Arc::new));

/// An invocation of a function.
#[derive(Clone, Debug, Default)]
pub struct Invocation {
    /// The id that Lambda gave it.
    pub request_id: Option<String>,
    /// The position in the trace.
    pub trace: Option<TraceContext>,
    /// The receiver of the segments of a sampled request.
    pub sink: Option<Arc<Sink>>,
}

impl Invocation {
    /// Creates the invocation of a Lambda function with its trace header. The segments go to the daemon of the environment.
    pub fn in_lambda(request_id: &str, trace_header: Option<&str>) -> Self {
        let trace = trace_header.and_then(TraceContext::parse);
        let is_sampled = trace.as_ref().is_some_and(|trace| trace.is_sampled);
        Self { request_id: Some(request_id.to_owned()), trace, sink: if is_sampled { DAEMON.clone() } else { None } }
    }

    /// Runs `work` in this invocation.
    pub async fn run<T>(self, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self, work).await
    }

    /// Returns the current invocation.
    pub(super) fn current() -> Self {
        CURRENT.try_with(Clone::clone).unwrap_or_default()
    }
}
