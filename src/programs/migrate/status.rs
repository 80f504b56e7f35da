//! The error and the exit codes of the command.

use crate::migrate::Failure;

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
