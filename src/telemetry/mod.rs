//! Telemetry: the log line of each event, the metrics in it, and the segments of its trace.
//!
//! [`observe`] runs the work on an event and collects its calls to other services. The work adds fields with
//! [`add_field`], and calls report themselves with [`Call`]. [`Observation::report`] then writes one line, which is both a
//! log line and a document in CloudWatch's Embedded Metric Format, and sends the segments of a sampled request to X-Ray.
//!
//! [`METRICS`], [`FIELDS`] and [`ANNOTATIONS`] describe all of it; the contract and `docs/telemetry.md` are generated from
//! them. Nothing here contains a body, a token, a key, an e-mail address or a phone number.

mod call;
mod catalogue;
mod environment;
mod invocation;
mod level;
mod line;
mod metrics;
#[cfg(feature = "local")]
mod readable;
mod report;
mod scope;
mod segment;
mod sink;
mod span;
mod summary;
mod trace;

pub use call::Call;
pub use catalogue::{ANNOTATIONS, Annotation, FIELDS, Field};
pub use environment::check_environment;
pub use invocation::Invocation;
pub use level::Level;
pub use line::{Line, write_line};
pub use metrics::{DIMENSIONS, METRICS, Metric, NAMESPACE};
#[cfg(feature = "local")]
pub use readable::print_readable;
pub use report::started;
pub use scope::{
    Observation, Totals, add_field, count_field, count_retry, is_traced, link, nested, observe, set_operation,
    traceparent,
};
pub use sink::Sink;
pub use span::{Outcome, Target};
pub use summary::Summary;
pub use trace::TraceContext;
