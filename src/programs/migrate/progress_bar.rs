//! The progress bar of a run, with its rate and time left. Ctrl-C requests a stop.

use std::{
    io::IsTerminal,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crate::{
    local::stop_signal,
    migrate::{Halt, Progress},
};
use indicatif::{ProgressBar, ProgressStyle};

use super::output;

const REFRESH: Duration = Duration::from_millis(200);

/// Runs `work` with a progress bar. The first Ctrl-C requests a stop, the second ends the program.
pub async fn with_progress_bar<T>(
    work: impl Future<Output = T>,
    halt: &Arc<Halt>,
    progress: &Progress,
    estimate: Option<u64>,
    is_shown: bool,
) -> T {
    let bar = new_bar(estimate, is_shown);
    let halt = halt.clone();
    let stopper = tokio::spawn(async move {
        stop_signal().await;
        halt.request_stop();
        output::notice(
            "Stopping after the requests in progress: `migrate up` continues from there. Press Ctrl-C again to end at \
             once.",
        );
        stop_signal().await;
        std::process::exit(130);
    });
    let refresh = async {
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
        () = refresh => unreachable!("the refresh loop never ends"),
    };
    stopper.abort();
    bar.finish_and_clear();
    outcome
}

fn new_bar(estimate: Option<u64>, is_shown: bool) -> ProgressBar {
    if !is_shown || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    match estimate.filter(|estimate| *estimate > 0) {
        Some(estimate) => {
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {per_sec}, {eta} left, {msg}");
            ProgressBar::new(estimate).with_style(style.expect("the template is valid"))
        }
        None => {
            let style = ProgressStyle::with_template("{spinner} {pos} read, {per_sec}, {msg}");
            ProgressBar::new_spinner().with_style(style.expect("the template is valid"))
        }
    }
}
