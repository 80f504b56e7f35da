//! Statistics over rounds.

use std::{
    fs,
    io::{Cursor, Write},
    path::Path,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{
    catalogue::{Kind, Program},
    error::Result,
    sample::Sample,
};

/// The figures of a program, with one value per round.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Figures {
    /// The program's name.
    pub name: String,
    /// Milliseconds until the first request for an event.
    pub init: Vec<f64>,
    /// Milliseconds of the first event.
    pub first: Vec<f64>,
    /// Milliseconds of init and first event together.
    pub sum: Vec<f64>,
    /// Microseconds of warm events, by percentile.
    pub p50: Vec<f64>,
    pub p90: Vec<f64>,
    pub p99: Vec<f64>,
    /// Microseconds of CPU time per warm event.
    pub cpu: Vec<f64>,
    /// Peak memory in MB.
    pub memory: Vec<f64>,
    /// The size of the deployed file in MB, if that is all the function needs.
    pub size: Option<f64>,
    /// The size of the zipped file in MB.
    pub zip: Option<f64>,
}

impl Figures {
    /// Creates the figures of a program that has not run yet.
    pub fn new(program: &Program) -> Result<Self> {
        // Node and Python functions need a runtime besides this file.
        let is_self_contained = !matches!(program.kind, Kind::Node | Kind::Python);
        let size = if is_self_contained { Some(fs::metadata(&program.artifact)?.len()) } else { None };
        let zip = is_self_contained.then(|| zipped(&program.artifact)).transpose()?;
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let (size, zip) = (size.map(megabytes), zip.map(megabytes));
        Ok(Self { name: program.name.clone(), size, zip, ..Self::default() })
    }

    /// Adds a round.
    pub fn add(&mut self, sample: Sample) {
        let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
        self.init.push(micros(sample.init) / 1e3);
        self.first.push(micros(sample.first) / 1e3);
        self.sum.push(micros(sample.init + sample.first) / 1e3);
        self.p50.push(micros(sample.p50));
        self.p90.push(micros(sample.p90));
        self.p99.push(micros(sample.p99));
        self.cpu.push(micros(sample.cpu));
        self.memory.push(sample.memory as f64 / 1e6);
    }
}

/// Returns the median.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Formats the median with the minimum and maximum, as in `1.25 (1.10–1.60)`.
pub fn spread(values: &[f64], digits: usize) -> String {
    let min = values.iter().copied().fold(f64::INFINITY, f64::min);
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{:.digits$} ({min:.digits$}–{max:.digits$})", median(values))
}

/// Returns a percentile of sorted durations.
pub fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().unwrap_or_default()
}

fn zipped(path: &Path) -> Result<u64> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // Within 1 % of the zip that the CDK builds with another library.
    let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let deflated = deflated.compression_level(Some(9));
    zip.start_file("bootstrap", deflated)?;
    zip.write_all(&fs::read(path)?)?;
    Ok(zip.finish()?.into_inner().len() as u64)
}
