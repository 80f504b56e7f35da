//! Measures the functions in interleaved rounds, against a Runtime API and a DynamoDB of its own.

mod catalogue;
mod chart;
mod database;
mod error;
mod goals;
mod issuer;
mod load;
mod machine;
mod options;
mod pocketbase;
mod report;
mod round;
mod runtime_api;
mod sample;
mod secrets;
mod server;
mod stats;
mod target;
mod tls;

use std::fs;

use clap::Parser;
use serde::Serialize;

use catalogue::Program;
use database::Database;
use error::Result;
use options::{Options, Part};
use stats::Figures;

fn main() -> Result<()> {
    let options = Options::parse();
    fs::create_dir_all(options.output_folder())?;
    if options.includes(Part::Functions) {
        let programs = catalogue::functions(&options)?;
        save(&options, "functions", &measure_pinned(&options, &programs)?)?;
    }
    if options.includes(Part::Levers) {
        let programs = catalogue::levers(&options);
        save(&options, "levers", &measure_pinned(&options, &programs)?)?;
    }
    if options.includes(Part::Load) || options.includes(Part::Lists) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        if options.includes(Part::Load) {
            save(&options, "load", &runtime.block_on(load::measure_load(&options))?)?;
        }
        if options.includes(Part::Lists) {
            save(&options, "lists", &runtime.block_on(load::measure_lists(&options))?)?;
        }
    }
    report::write(&options)
}

/// Saves a measurement for the report. Reports of later runs include it too.
fn save(options: &Options, name: &str, measured: &impl Serialize) -> Result<()> {
    Ok(fs::write(options.output_folder().join(format!("{name}.json")), serde_json::to_vec_pretty(measured)?)?)
}

/// Measures programs on the last core, with the harness and the database on the first.
fn measure_pinned(options: &Options, programs: &[Program]) -> Result<Vec<Figures>> {
    machine::pin(0)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let figures = runtime.block_on(async {
        let database = Database::start(options).await?;
        let mut figures: Vec<Figures> = programs.iter().map(Figures::new).collect::<Result<_>>()?;
        for round in 1..=options.rounds {
            eprintln!("round {round} of {}", options.rounds);
            // Each round begins with another program, so that a program does not always run after the same one.
            for turn in 0..programs.len() {
                let index = (turn + round) % programs.len();
                let sample = round::measure(options, &database, &programs[index]).await;
                figures[index].add(sample.map_err(|error| format!("{}: {error}", programs[index].name))?);
            }
        }
        Ok(figures)
    });
    machine::unpin()?;
    figures
}
