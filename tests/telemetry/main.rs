//! Telemetry as a reader of the log, of CloudWatch and of X-Ray receives it.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod changes;
mod daemon;
mod faults;
mod lambda;
mod lines;
mod requests;
mod schemas;
mod segments;
#[path = "../support/mod.rs"]
mod support;
