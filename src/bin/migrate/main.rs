//! The `migrate` command, which changes the data of live tables as the files in `migrations/` define: `make migrations`.

mod commands;
mod connect;
mod options;
mod output;
mod progress_bar;
mod status;

use std::process::ExitCode;

use clap::Parser;
use serverless_crud::migrate::Failure;

use options::Options;
use status::{CommandError, ExitStatus};

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let status = match commands::run(&options).await {
        Ok(status) => status,
        Err(error) => {
            let (status, reason) = match error {
                CommandError::Usage(reason) => (ExitStatus::Usage, reason),
                CommandError::Failure(failure) => (status_of(&failure), failure.to_string()),
            };
            output::error(&options, &reason);
            status
        }
    };
    ExitCode::from(status as u8)
}

fn status_of(failure: &Failure) -> ExitStatus {
    match failure {
        Failure::Refused(_) => ExitStatus::InvalidFiles,
        Failure::Held(_) | Failure::Fenced => ExitStatus::LockHeld,
        Failure::Stopped => ExitStatus::Stopped,
        Failure::Store(_) => ExitStatus::Failed,
    }
}
