//! Serves the API on this machine: `make run`.

use std::process::ExitCode;

use clap::Parser;
use serverless_crud::{local, runtime};
use tokio::signal;

#[tokio::main]
async fn main() -> ExitCode {
    runtime::report_panics();
    let server = match local::start(local::Options::parse()).await {
        Ok(server) => server,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{}", local::welcome(&server));
    stop_signal().await;
    eprintln!("Stopping: what is in flight finishes first. Ctrl-C again ends at once.");
    tokio::select! {
        () = server.shutdown() => ExitCode::SUCCESS,
        () = stop_signal() => ExitCode::FAILURE,
    }
}

/// Waits for Ctrl-C or SIGTERM.
async fn stop_signal() {
    #[cfg(unix)]
    {
        let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate()).expect("signals can be heard");
        tokio::select! {
            _ = signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    signal::ctrl_c().await.expect("signals can be heard");
}
