//! Serves the API on this machine: `make run`, and prints tokens of its users: `make token`.

use std::{
    ffi::OsString,
    io::{self, Write},
    iter,
    path::PathBuf,
    process::ExitCode,
};

use crate::{
    functions::Service,
    local::{self as server, Issuer, TokenClaims, stop_signal},
    runtime, telemetry,
};
use clap::{Parser, Subcommand};

/// The options of the server, or another command.
#[derive(Parser)]
#[command(name = "local", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: server::Options,
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

/// Runs the local server until it is stopped, or prints a token.
#[tokio::main]
pub async fn local(service: Service, arguments: impl Iterator<Item = OsString>) -> ExitCode {
    runtime::report_panics();
    let arguments = Arguments::parse_from(iter::once("local".into()).chain(arguments));
    if let Some(Command::Token { claims, data, url }) = arguments.command {
        return match Issuer::open(&data, &url) {
            Ok(issuer) => {
                println!("{}", issuer.token(&claims));
                ExitCode::SUCCESS
            }
            Err(error) => fail(&error),
        };
    }
    let options = arguments.options;
    if options.reset {
        return reset(&options);
    }
    if !options.json_logs {
        telemetry::print_readable();
    }
    let server = match server::start(service, options).await {
        Ok(server) => server,
        Err(error) => return fail(&error),
    };
    println!("{}", server::welcome(&server));
    stop_signal().await;
    eprintln!("Stopping after the requests in progress. Press Ctrl-C again to end at once.");
    tokio::select! {
        () = server.shutdown() => ExitCode::SUCCESS,
        () = stop_signal() => ExitCode::FAILURE,
    }
}

fn fail(error: &server::StartError) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

/// Deletes the data in the folder after a confirmation.
fn reset(options: &server::Options) -> ExitCode {
    let folder = options.data.display();
    let outcome =
        server::reset(&options.data, || options.yes || confirm(&format!("Delete all data in {folder}? [y/N] ")));
    match outcome {
        Ok(server::Reset::Done) => println!("The data in {folder} is deleted."),
        Ok(server::Reset::Declined) => println!("Nothing was deleted."),
        Err(error) => return fail(&error),
    }
    ExitCode::SUCCESS
}

/// Asks a question. Returns true if the answer is yes; no answer is a no.
fn confirm(question: &str) -> bool {
    print!("{question}");
    let mut answer = String::new();
    let read = io::stdout().flush().and_then(|()| io::stdin().read_line(&mut answer));
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
