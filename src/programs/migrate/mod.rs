//! The `migrate` command, which changes the data of live tables as the files in `migrations/` define: `make migrations`.

mod commands;
mod connect;
mod options;
mod output;
mod progress_bar;
mod status;

use std::{ffi::OsString, iter, process::ExitCode};

use crate::{functions::Service, migrate::Failure};
use clap::Parser;

use options::Options;
use status::{CommandError, ExitStatus};

/// Runs the command.
#[tokio::main]
pub async fn migrate(service: Service, arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let options = Options::parse_from(iter::once("migrate".into()).chain(arguments));
    let status = match commands::run(&service, &options).await {
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
