//! The command-line options.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures the functions and the local server, and writes `benches/RESULTS.md`.
#[derive(Clone, Debug, Parser)]
pub struct Options {
    /// The parts to measure. Default: all.
    #[arg(long, value_delimiter = ',')]
    pub parts: Vec<Part>,
    /// The names of the functions to measure. Default: all.
    #[arg(long, value_delimiter = ',')]
    pub functions: Vec<String>,
    /// The levers to switch off, one at a time. Default: all.
    #[arg(long, value_delimiter = ',')]
    pub without: Vec<String>,
    /// The number of times each program is started.
    #[arg(long, default_value_t = 15)]
    pub rounds: usize,
    /// The number of warm events after the first.
    #[arg(long, default_value_t = 300)]
    pub warm: usize,
    /// The largest table to list.
    #[arg(long, default_value_t = 1_000_000)]
    pub records: usize,
    /// The duration of each load in seconds.
    #[arg(long, default_value_t = 5)]
    pub seconds: u32,
    /// The executable with the local server.
    #[arg(long, default_value = "target/release/fixtures")]
    pub server: PathBuf,
    /// The root folder of the project.
    #[arg(long, default_value = ".")]
    pub root: PathBuf,
}

/// A part of the measurement.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum Part {
    /// The functions compared with other programs.
    Functions,
    /// The function `items_get` with each lever switched off.
    Levers,
    /// The local server under load.
    Load,
    /// Lists while the table grows.
    Lists,
}

impl Options {
    /// Returns true if a part is selected.
    pub fn includes(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }

    /// Returns the folder in which measurements are kept between runs.
    pub fn output_folder(&self) -> PathBuf {
        self.root.join("target/bench")
    }

    /// Returns the folder with a sample event of each operation.
    pub fn events_folder(&self) -> PathBuf {
        self.output_folder().join("contract/events")
    }
}
