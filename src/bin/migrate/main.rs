//! Changes the data of live tables, as the files of `migrations/` say: `make migrations`.

mod commands;
mod connect;
mod options;
mod output;
mod watch;

use std::process::ExitCode;

use clap::Parser;
use serverless_crud::migrate::Failure;

use options::Options;

/// What is wrong when it did not go well.
pub enum Trouble {
    /// An option, or the machine.
    Usage(String),
    /// The migrations.
    Failure(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// How it ended, as the exit code says it: docs/migrations.md has the list.
#[derive(Clone, Copy)]
pub enum Ending {
    /// All is well.
    Well = 0,
    /// DynamoDB refused, or did not answer.
    Failed = 1,
    /// An option is wrong: clap's own code.
    Usage = 2,
    /// Some records refused, or match a filter that none should.
    Records = 3,
    /// Another run holds the lock, or took it.
    Held = 4,
    /// It was stopped before the end.
    Stopped = 5,
    /// The files are not in order, or not what was applied.
    Refused = 6,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let ending = match commands::run(&options).await {
        Ok(ending) => ending,
        Err(trouble) => {
            let (ending, reason) = match trouble {
                Trouble::Usage(reason) => (Ending::Usage, reason),
                Trouble::Failure(failure) => (ending_of(&failure), failure.to_string()),
            };
            output::failed(&options, &reason);
            ending
        }
    };
    ExitCode::from(ending as u8)
}

fn ending_of(failure: &Failure) -> Ending {
    match failure {
        Failure::Refused(_) => Ending::Refused,
        Failure::Held(_) | Failure::Fenced => Ending::Held,
        Failure::Stopped => Ending::Stopped,
        Failure::Store(_) => Ending::Failed,
    }
}
