//! Serves the API on this machine: `make run`.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use serverless_crud::{
    local::{self, stop_signal},
    runtime, service,
};

#[tokio::main]
async fn main() -> ExitCode {
    runtime::report_panics();
    let options = local::Options::parse();
    if options.reset {
        return reset(&options);
    }
    let server = match local::start(service(), options).await {
        Ok(server) => server,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{}", local::welcome(&server));
    stop_signal().await;
    eprintln!("Stopping after the requests in progress. Press Ctrl-C again to end at once.");
    tokio::select! {
        () = server.shutdown() => ExitCode::SUCCESS,
        () = stop_signal() => ExitCode::FAILURE,
    }
}

/// Deletes the data in the folder after a confirmation.
fn reset(options: &local::Options) -> ExitCode {
    let folder = options.data.display();
    let outcome =
        local::reset(&options.data, || options.yes || confirm(&format!("Delete all data in {folder}? [y/N] ")));
    match outcome {
        Ok(local::Reset::Done) => println!("The data in {folder} is deleted."),
        Ok(local::Reset::Declined) => println!("Nothing was deleted."),
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
