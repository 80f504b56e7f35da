//! The Lambda that applies pending migrations, called in a loop by a state machine.

use serverless_crud::{migrate, runtime};

fn main() -> std::process::ExitCode {
    runtime::serve_job(migrate::run_job)
}
