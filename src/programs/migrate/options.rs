//! The command-line options.

use std::path::PathBuf;

use crate::migrate::{RATES, SEGMENTS};
use clap::{Args, Parser, Subcommand};

/// Changes the data of live DynamoDB tables, as the files in `migrations/` define.
///
/// Without --stage it uses the local server on this machine.
#[derive(Parser)]
#[command(name = "migrate", version)]
pub struct Options {
    #[command(subcommand)]
    pub command: Command,
    /// The deployed stage to use, with your AWS credentials and region.
    #[arg(long, global = true, conflicts_with = "table_prefix")]
    pub stage: Option<String>,
    /// The prefix of the table names.
    #[arg(long, global = true, default_value = "local-")]
    pub table_prefix: String,
    /// A DynamoDB endpoint other than AWS. Default without --stage: that of the local server.
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// The profile of your AWS configuration to use.
    #[arg(long, global = true)]
    pub profile: Option<String>,
    /// The AWS region.
    #[arg(long, global = true)]
    pub region: Option<String>,
    /// Read the files of this folder instead of those compiled into the program.
    #[arg(long, global = true)]
    pub folder: Option<PathBuf>,
    /// Write one JSON object, for use in scripts.
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Subcommand)]
pub enum Command {
    /// Show applied and pending migrations and the holder of the lock.
    Status,
    /// Count the records that pending migrations would change, and show five of them before and after. Writes nothing.
    Plan(ReadOptions),
    /// Apply pending migrations, or continue an interrupted run.
    Up(UpOptions),
    /// Check that no record matches the filter of an applied migration.
    Verify(ReadOptions),
    /// Write a new migration file.
    New {
        /// The name, such as items_default_currency.
        name: String,
    },
    /// Show the holder of the lock, and release it.
    Repair {
        /// Release it without confirmation.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Args)]
pub struct ReadOptions {
    /// The maximum read capacity units per second.
    #[arg(long, value_parser = parse_rate)]
    pub max_rcu: Option<f64>,
}

#[derive(Args)]
pub struct UpOptions {
    /// The last migration to apply.
    #[arg(long)]
    pub to: Option<u32>,
    /// Run an applied migration again, for records written in the old shape since.
    #[arg(long, conflicts_with = "to", value_name = "N")]
    pub again: Option<u32>,
    /// The maximum read capacity units per second.
    #[arg(long, value_parser = parse_rate)]
    pub max_rcu: Option<f64>,
    /// The maximum write capacity units per second.
    #[arg(long, value_parser = parse_rate)]
    pub max_wcu: Option<f64>,
    /// The number of parallel segments of a table. Default: 4 on AWS, and 1 elsewhere, where segments bring no speedup.
    #[arg(long, value_parser = clap::value_parser!(u16).range(i64::from(*SEGMENTS.start())..=i64::from(*SEGMENTS.end())))]
    pub segments: Option<u16>,
    /// The maximum number of concurrent writes.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=512))]
    pub concurrency: u16,
    /// The maximum number of records scanned between the checkpoints of a segment.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=5000))]
    pub page: u16,
    /// The maximum number of seconds to wait for another run.
    #[arg(long, default_value_t = 0.0, value_parser = parse_seconds)]
    pub wait: f64,
    /// The number of seconds without a heartbeat after which another run may take over.
    #[arg(long, default_value_t = 30.0, value_parser = parse_lease)]
    pub lease: f64,
    /// A lease too short for a live table. For tests.
    #[arg(long, hide = true, conflicts_with = "lease", value_parser = parse_seconds)]
    pub short_lease: Option<f64>,
    /// The name of the operator in the ledger. Default: user and machine.
    #[arg(long)]
    pub who: Option<String>,
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| RATES.contains(rate));
    rate.ok_or_else(|| format!("must be a number of units per second from {} to {}", RATES.start(), RATES.end()))
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
    seconds.ok_or_else(|| "must be a number of seconds from 0 to 86400".into())
}

fn parse_lease(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (10.0..=600.0).contains(seconds));
    seconds.ok_or_else(|| "must be a number of seconds from 10 to 600".into())
}
