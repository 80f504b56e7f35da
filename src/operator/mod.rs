//! The operator's command `crud`, which manages a deployed stage.
//!
//! Each command can be repeated after an interruption between any two of its requests, and then completes what is left.

mod connect;
mod failure;
mod keys;
mod options;
mod output;

use std::{ffi::OsString, io, process::ExitCode};

use clap::{CommandFactory, Parser};

use failure::{ExitStatus, Failure};
use options::{Command, Options};

/// The prefix of the names of all stages.
const PROJECT: &str = "serverless-crud";

/// Runs the command with the arguments of the process, of which the first is its name.
#[tokio::main(flavor = "current_thread")]
pub async fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let options = Options::parse_from(arguments);
    let status = match execute(&options).await {
        Ok(()) => ExitStatus::Success,
        Err(failure) => {
            output::failure(&options, &failure);
            failure.status
        }
    };
    ExitCode::from(status as u8)
}

async fn execute(options: &Options) -> Result<(), Failure> {
    match &options.command {
        Command::Keys(command) => keys::run(options, command).await,
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Options::command(), "crud", &mut io::stdout());
            Ok(())
        }
    }
}
