//! Serves the API on this machine: `make run`.

use std::process::ExitCode;

use clap::Parser;
use serverless_crud::{
    local::{self, stop_signal},
    runtime, service,
};

#[tokio::main]
async fn main() -> ExitCode {
    runtime::report_panics();
    let server = match local::start(service(), local::Options::parse()).await {
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
