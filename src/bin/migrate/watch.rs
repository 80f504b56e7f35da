//! What is seen of a run while it goes on: a bar with rate and time left. Ctrl-C asks it to stop.

use std::{
    io::IsTerminal,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serverless_crud::{
    local::stop_signal,
    migrate::{Halt, Progress},
};

use crate::output;

const REFRESH: Duration = Duration::from_millis(200);

/// Runs `work` behind a bar; the first Ctrl-C asks it to stop, the second ends the program.
pub async fn watched<T>(
    work: impl Future<Output = T>,
    halt: &Arc<Halt>,
    progress: &Progress,
    about: Option<u64>,
    is_shown: bool,
) -> T {
    let bar = bar(about, is_shown);
    let halt = halt.clone();
    let stopper = tokio::spawn(async move {
        stop_signal().await;
        halt.ask();
        output::notice("Stopping after what is under way: `migrate up` goes on there. Ctrl-C again ends at once.");
        stop_signal().await;
        std::process::exit(130);
    });
    let ticks = async {
        loop {
            tokio::time::sleep(REFRESH).await;
            bar.set_position(progress.scanned.load(Ordering::Relaxed));
            let units = |units: u64| units / 1000;
            bar.set_message(format!(
                "{} written, {} refused, {} RCU, {} WCU",
                progress.written.load(Ordering::Relaxed),
                progress.refused.load(Ordering::Relaxed),
                units(progress.read_units.load(Ordering::Relaxed)),
                units(progress.write_units.load(Ordering::Relaxed)),
            ));
        }
    };
    let outcome = tokio::select! {
        outcome = work => outcome,
        () = ticks => unreachable!("it ticks for ever"),
    };
    stopper.abort();
    bar.finish_and_clear();
    outcome
}

fn bar(about: Option<u64>, is_shown: bool) -> ProgressBar {
    if !is_shown || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    match about.filter(|about| *about > 0) {
        Some(about) => {
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {per_sec}, {eta} left, {msg}");
            ProgressBar::new(about).with_style(style.expect("it is a template"))
        }
        None => {
            let style = ProgressStyle::with_template("{spinner} {pos} read, {per_sec}, {msg}");
            ProgressBar::new_spinner().with_style(style.expect("it is a template"))
        }
    }
}
