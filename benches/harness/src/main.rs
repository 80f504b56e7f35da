//! Measures the functions, in rounds that take turns, against a Runtime API and a DynamoDB of its own.

mod catalogue;
mod chart;
mod database;
mod goals;
mod load;
mod machine;
mod options;
mod pocketbase;
mod report;
mod round;
mod runtime_api;
mod secrets;
mod server;
mod stats;
mod tls;

use std::{error::Error, fs};

use clap::Parser;
use serde::Serialize;

use catalogue::Program;
use database::Database;
use options::{Options, Part};
use stats::Figures;

/// Whatever goes wrong ends the run.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let options = Options::parse();
    fs::create_dir_all(options.folder())?;
    if options.does(Part::Functions) {
        let programs = catalogue::functions(&options)?;
        save(&options, "functions", &pinned(&options, &programs)?)?;
    }
    if options.does(Part::Levers) {
        let programs = catalogue::levers(&options);
        save(&options, "levers", &pinned(&options, &programs)?)?;
    }
    if options.does(Part::Load) || options.does(Part::Lists) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        if options.does(Part::Load) {
            save(&options, "load", &runtime.block_on(load::load(&options))?)?;
        }
        if options.does(Part::Lists) {
            save(&options, "lists", &runtime.block_on(load::lists(&options))?)?;
        }
    }
    report::write(&options)
}

/// Keeps what was measured for the report, also that of a later run that measures something else.
fn save(options: &Options, name: &str, measured: &impl Serialize) -> Result<()> {
    Ok(fs::write(options.folder().join(format!("{name}.json")), serde_json::to_vec_pretty(measured)?)?)
}

/// Measures programs on the last core, with the harness and the database on the first.
fn pinned(options: &Options, programs: &[Program]) -> Result<Vec<Figures>> {
    machine::pin(0)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let figures = runtime.block_on(async {
        let database = Database::start(options).await?;
        let mut figures: Vec<Figures> = programs.iter().map(Figures::new).collect::<Result<_>>()?;
        for round in 1..=options.rounds {
            eprintln!("round {round} of {}", options.rounds);
            // Each round begins with another program: none has always the same one before it.
            for turn in 0..programs.len() {
                let place = (turn + round) % programs.len();
                let sample = round::measure(options, &database, &programs[place]).await;
                figures[place].add(sample.map_err(|error| format!("{}: {error}", programs[place].name))?);
            }
        }
        Ok(figures)
    });
    machine::unpin()?;
    figures
}
