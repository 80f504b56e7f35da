//! The Lambda behind the streams that writes the history of all records.

use serverless_crud::{routes, streams};

fn main() -> std::process::ExitCode {
    streams::serve(streams::audit_append(routes::decoders()))
}
