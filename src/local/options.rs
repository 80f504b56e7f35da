//! The options of the local server.

use std::{num::NonZeroU32, path::PathBuf};

use clap::Parser;

/// Serves the API on this machine, as API Gateway, Lambda and DynamoDB would.
#[derive(Clone, Debug, Parser)]
#[command(name = "local", version)]
pub struct Options {
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    pub host: String,
    /// The API's port; 0 for any that is free.
    #[arg(long, default_value_t = 3000)]
    pub port: u16,
    /// The embedded DynamoDB's port; 0 for any that is free.
    #[arg(long, default_value_t = 8000)]
    pub dynamodb_port: u16,
    /// The folder that keeps the data.
    #[arg(long, default_value = ".local")]
    pub data: PathBuf,
    /// Keep the data in memory alone.
    #[arg(long, conflicts_with = "data")]
    pub memory: bool,
    /// Use this DynamoDB-compatible server instead of the embedded one, with your AWS credentials and region.
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub endpoint_url: Option<String>,
    /// What the names of the tables start with.
    #[arg(long, default_value = "local-")]
    pub table_prefix: String,
    /// The API key of the basic usage plan.
    #[arg(long, default_value = "local-basic-key-0123456789")]
    pub key: String,
    /// The API key of the premium usage plan.
    #[arg(long, default_value = "local-premium-key-0123456789")]
    pub premium_key: String,
    /// How many requests a second each key may send on average.
    #[arg(long, default_value = "10000")]
    pub rate: NonZeroU32,
    /// How many requests each key may send at once.
    #[arg(long, default_value = "20000")]
    pub burst: NonZeroU32,
    /// How many requests each key may send a month; none for no limit.
    #[arg(long)]
    pub quota: Option<u64>,
    /// The functions' timeout in seconds: one that runs out of time answers 503 itself.
    #[arg(long, default_value_t = 10.0, value_parser = seconds)]
    pub timeout: f64,
    /// The gateway's patience with a function in seconds, at most API Gateway's 29: then it answers 504.
    #[arg(long, default_value_t = 29.0, value_parser = seconds)]
    pub integration_timeout: f64,
    /// An origin whose pages may call the API; can be given more than once.
    #[arg(long, value_name = "ORIGIN", default_value = "*")]
    pub cors_origin: Vec<String>,
    /// Log only the requests that fail on our side.
    #[arg(long)]
    pub quiet: bool,
    /// The file published events are appended to, one a line; `events.jsonl` in the data folder unless it is given.
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Leave the streams unread: no history, no events, no cascade.
    #[arg(long)]
    pub no_consumers: bool,
    /// Leave the tables as they are: apply no migrations.
    #[arg(long)]
    pub no_migrations: bool,
    /// Apply the migrations of this folder instead of those compiled in.
    #[arg(long, value_name = "FOLDER", conflicts_with = "no_migrations")]
    pub migrations: Option<PathBuf>,
    /// Leave the checking of bodies to the functions.
    #[arg(long)]
    pub no_validation: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self::parse_from(["local"])
    }
}

fn http_url(text: &str) -> Result<String, String> {
    let is_http = text.starts_with("http://") || text.starts_with("https://");
    is_http.then(|| text.to_owned()).ok_or_else(|| "must be an http or https URL".into())
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.05..=900.0).contains(seconds));
    seconds.ok_or_else(|| "must be a number of seconds from 0.05 to 900".into())
}
