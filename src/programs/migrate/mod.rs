//! The `migrate` command, which changes the data of live tables as the files in `migrations/` define: `make migrations`.

mod commands;
mod connect;
mod options;
mod output;
mod progress_bar;

use std::{ffi::OsString, iter, process::ExitCode};

use crate::{functions::Service, migrate::Failure};
use clap::Parser;

use options::Options;

/// An error that ends the command.
pub enum CommandError {
    /// An invalid option or an error of this machine.
    Usage(String),
    /// A failure of the migration engine.
    Failure(Failure),
}

impl From<Failure> for CommandError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// The exit code of the command. docs/migrations.md lists the codes.
#[derive(Clone, Copy)]
pub enum ExitStatus {
    /// The command succeeded.
    Success = 0,
    /// DynamoDB refused a request or did not answer.
    Failed = 1,
    /// An option is invalid. The code is the one clap uses.
    Usage = 2,
    /// Some records were refused, or match a filter that no record should match.
    RecordsRefused = 3,
    /// Another run holds the lock, or took it.
    LockHeld = 4,
    /// The run stopped before the end.
    Stopped = 5,
    /// The files are invalid or differ from those that were applied.
    InvalidFiles = 6,
}

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
