//! Serves the API on this machine: `make run`, and prints tokens of its users: `make token`.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use serverless_crud::{
    local::{self, Issuer, TokenClaims, stop_signal},
    runtime,
};

/// The options of the server, or another command.
#[derive(Parser)]
#[command(name = "local", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: local::Options,
}

#[derive(Subcommand)]
enum Command {
    /// Prints a token of a local user.
    Token {
        #[command(flatten)]
        claims: TokenClaims,
        /// The data folder of the server.
        #[arg(long, default_value = ".local")]
        data: PathBuf,
        /// The URL of the server, which is the issuer.
        #[arg(long, default_value = "http://127.0.0.1:3000")]
        url: String,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    runtime::report_panics();
    let arguments = Arguments::parse();
    if let Some(Command::Token { claims, data, url }) = arguments.command {
        return match Issuer::open(&data, &url) {
            Ok(issuer) => {
                println!("{}", issuer.token(&claims));
                ExitCode::SUCCESS
            }
            Err(error) => fail(&error),
        };
    }
    let server = match local::start(arguments.options).await {
        Ok(server) => server,
        Err(error) => return fail(&error),
    };
    println!("{}", local::welcome(&server));
    stop_signal().await;
    eprintln!("Stopping after the requests in progress. Press Ctrl-C again to end at once.");
    tokio::select! {
        () = server.shutdown() => ExitCode::SUCCESS,
        () = stop_signal() => ExitCode::FAILURE,
    }
}

fn fail(error: &local::StartError) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}
