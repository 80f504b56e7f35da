//! The Lambda behind the streams that publishes changes as events.

use serverless_crud::{routes, streams};

fn main() -> std::process::ExitCode {
    streams::serve(streams::events_publish(routes::decoders()))
}
