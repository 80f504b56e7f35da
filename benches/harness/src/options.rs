//! What is measured, and how often.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures the functions and the local server, and writes `benches/RESULTS.md`.
#[derive(Clone, Debug, Parser)]
pub struct Options {
    /// What to measure; default: all of it.
    #[arg(long, value_delimiter = ',')]
    pub parts: Vec<Part>,
    /// The functions to measure, by name; default: all.
    #[arg(long, value_delimiter = ',')]
    pub functions: Vec<String>,
    /// Levers to switch off, each by itself; default: each.
    #[arg(long, value_delimiter = ',')]
    pub without: Vec<String>,
    /// How often each program is started.
    #[arg(long, default_value_t = 15)]
    pub rounds: usize,
    /// How many warm events it answers after the first.
    #[arg(long, default_value_t = 300)]
    pub warm: usize,
    /// The largest list.
    #[arg(long, default_value_t = 1_000_000)]
    pub records: usize,
    /// How long each load lasts, in seconds.
    #[arg(long, default_value_t = 5)]
    pub seconds: u32,
    /// The local server's program.
    #[arg(long, default_value = "target/release/local")]
    pub server: PathBuf,
    /// The project.
    #[arg(long, default_value = ".")]
    pub root: PathBuf,
}

/// A part of the measurement.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum Part {
    /// The functions beside others.
    Functions,
    /// The function `items_get` with one lever less.
    Levers,
    /// The local server under load.
    Load,
    /// Lists of growing tables.
    Lists,
}

impl Options {
    /// Whether a part is asked for.
    pub fn does(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }

    /// Where measurements are kept between runs.
    pub fn folder(&self) -> PathBuf {
        self.root.join("target/bench")
    }
}
