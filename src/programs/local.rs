//! Serves the API on this machine: `make run`.

use std::{
    ffi::OsString,
    io::{self, Write},
    iter,
    process::ExitCode,
};

use crate::{
    functions::Service,
    local::{self as server, stop_signal},
    runtime,
};
use clap::Parser;

/// Runs the local server until it is stopped.
#[tokio::main]
pub async fn local(service: Service, arguments: impl Iterator<Item = OsString>) -> ExitCode {
    runtime::report_panics();
    let options = server::Options::parse_from(iter::once("local".into()).chain(arguments));
    if options.reset {
        return reset(&options);
    }
    let server = match server::start(service, options).await {
        Ok(server) => server,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{}", server::welcome(&server));
    stop_signal().await;
    eprintln!("Stopping after the requests in progress. Press Ctrl-C again to end at once.");
    tokio::select! {
        () = server.shutdown() => ExitCode::SUCCESS,
        () = stop_signal() => ExitCode::FAILURE,
    }
}

/// Deletes the data in the folder after a confirmation.
fn reset(options: &server::Options) -> ExitCode {
    let folder = options.data.display();
    let outcome =
        server::reset(&options.data, || options.yes || confirm(&format!("Delete all data in {folder}? [y/N] ")));
    match outcome {
        Ok(server::Reset::Done) => println!("The data in {folder} is deleted."),
        Ok(server::Reset::Declined) => println!("Nothing was deleted."),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
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
