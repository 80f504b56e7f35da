//! The options of the command.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use serverless_crud::migrate::{RATES, SEGMENTS};

/// Changes the data of live DynamoDB tables, as the files of `migrations/` say.
///
/// Without --stage it is about the local server that runs on this machine.
#[derive(Parser)]
#[command(name = "migrate", version)]
pub struct Options {
    #[command(subcommand)]
    pub command: Command,
    /// The deployed stage: its tables, with your AWS credentials and region.
    #[arg(long, global = true, conflicts_with = "table_prefix")]
    pub stage: Option<String>,
    /// What the names of the tables start with.
    #[arg(long, global = true, default_value = "local-")]
    pub table_prefix: String,
    /// Another DynamoDB than AWS's. Default without --stage: the local server's.
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// The profile of your AWS configuration.
    #[arg(long, global = true)]
    pub profile: Option<String>,
    /// The AWS region.
    #[arg(long, global = true)]
    pub region: Option<String>,
    /// Read the files of this folder instead of those the program was built with.
    #[arg(long, global = true)]
    pub folder: Option<PathBuf>,
    /// Write one JSON object, for pipelines.
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Subcommand)]
pub enum Command {
    /// Show what has been applied, by whom and when, what is pending, and who holds the lock.
    Status,
    /// Count what pending migrations would change, and show five records before and after; writes nothing.
    Plan(Reading),
    /// Apply what is pending, or go on where it stopped.
    Up(Up),
    /// Check that no record matches the filter of an applied migration.
    Verify(Reading),
    /// Write a new migration file.
    New {
        /// What it does, as in items_default_currency.
        name: String,
    },
    /// Show who holds the lock, and release it.
    Repair {
        /// Release it without asking.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Args)]
pub struct Reading {
    /// At most so many read units a second.
    #[arg(long, value_parser = rate)]
    pub max_rcu: Option<f64>,
}

#[derive(Args)]
pub struct Up {
    /// The last migration to apply.
    #[arg(long)]
    pub to: Option<u32>,
    /// Run one again that is applied, for records written in the old shape since.
    #[arg(long, conflicts_with = "to", value_name = "N")]
    pub again: Option<u32>,
    /// At most so many read units a second.
    #[arg(long, value_parser = rate)]
    pub max_rcu: Option<f64>,
    /// At most so many write units a second.
    #[arg(long, value_parser = rate)]
    pub max_wcu: Option<f64>,
    /// Into how many segments a table is cut. Default: 4 on AWS, 1 elsewhere, where a segment is no faster.
    #[arg(long, value_parser = clap::value_parser!(u16).range(i64::from(*SEGMENTS.start())..=i64::from(*SEGMENTS.end())))]
    pub segments: Option<u16>,
    /// How many writes are under way at once.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=512))]
    pub concurrency: u16,
    /// How many records are looked at between checkpoints, in each segment.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=5000))]
    pub page: u16,
    /// For how many seconds to wait for another run.
    #[arg(long, default_value_t = 0.0, value_parser = seconds)]
    pub wait: f64,
    /// After how many seconds without a sign of life another run may take over.
    #[arg(long, default_value_t = 30.0, value_parser = lease)]
    pub lease: f64,
    /// A lease too short for a live table, for tests.
    #[arg(long, hide = true, conflicts_with = "lease", value_parser = seconds)]
    pub short_lease: Option<f64>,
    /// Who runs it, for the ledger. Default: user and machine.
    #[arg(long)]
    pub who: Option<String>,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| RATES.contains(rate));
    rate.ok_or_else(|| format!("must be a number of units a second from {} to {}", RATES.start(), RATES.end()))
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
    seconds.ok_or_else(|| "must be a number of seconds from 0 to 86400".into())
}

fn lease(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (10.0..=600.0).contains(seconds));
    seconds.ok_or_else(|| "must be a number of seconds from 10 to 600".into())
}
