//! The options of the local server.

use std::{num::NonZeroU32, path::PathBuf};

use clap::Parser;

use crate::{config::UPSTREAM_VARIABLES, gateway};

/// Serves the API on this machine, as API Gateway, Lambda and DynamoDB would.
#[derive(Clone, Debug, Parser)]
#[command(name = "local", version)]
pub struct Options {
    /// The address to listen on.
    #[arg(long, default_value = gateway::LOCAL_HOST)]
    pub host: String,
    /// The port of the API; 0 for a free one.
    #[arg(long, default_value_t = gateway::LOCAL_PORT)]
    pub port: u16,
    /// The port of the embedded DynamoDB; 0 for a free one.
    #[arg(long, default_value_t = 8000)]
    pub dynamodb_port: u16,
    /// The folder that keeps the data.
    #[arg(long, default_value = ".local")]
    pub data: PathBuf,
    /// Keep the data in memory only.
    #[arg(long, conflicts_with = "data")]
    pub memory: bool,
    /// Use this DynamoDB-compatible server instead of the embedded one, with your AWS credentials and region.
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub endpoint_url: Option<String>,
    /// The prefix of the table names.
    #[arg(long, default_value = "local-")]
    pub table_prefix: String,
    /// The API key of the basic usage plan.
    #[arg(long, default_value = gateway::LOCAL_KEY)]
    pub key: String,
    /// The API key of the premium usage plan.
    #[arg(long, default_value = "local-premium-key-0123456789")]
    pub premium_key: String,
    /// A role of the holders of both keys; can be repeated, and empty for none.
    #[arg(long, value_name = "ROLE", default_value = "admin")]
    pub application_role: Vec<String>,
    /// The rate limit of each key, in requests per second.
    #[arg(long, default_value = "10000")]
    pub rate: NonZeroU32,
    /// The burst limit of each key, in requests.
    #[arg(long, default_value = "20000")]
    pub burst: NonZeroU32,
    /// The monthly quota of each key, in requests; no limit by default.
    #[arg(long)]
    pub quota: Option<u64>,
    /// The timeout of the functions in seconds. A function that exceeds it responds with 503.
    #[arg(long, default_value_t = 10.0, value_parser = seconds)]
    pub timeout: f64,
    /// The integration timeout of the gateway in seconds, at most API Gateway's 29. A request that exceeds it gets a 504.
    #[arg(long, default_value_t = 29.0, value_parser = seconds)]
    pub integration_timeout: f64,
    /// An allowed CORS origin; can be repeated.
    #[arg(long, value_name = "ORIGIN", default_value = "*")]
    pub cors_origin: Vec<String>,
    /// Accept the tokens of this OpenID Connect issuer instead of the local one's.
    #[arg(long, value_name = "URL", requires = "audience", value_parser = http_url)]
    pub issuer: Option<String>,
    /// The audience of the issuer's tokens.
    #[arg(long, requires = "issuer")]
    pub audience: Option<String>,
    /// Log only requests that fail with a server error.
    #[arg(long)]
    pub quiet: bool,
    /// Log successful batches of the consumers too, not only failures.
    #[arg(long, conflicts_with = "quiet")]
    pub log_consumers: bool,
    /// The file to which published events are appended, one per line; by default `events.jsonl` in the data folder.
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Do not run the stream consumers: no history, no events, no cascade.
    #[arg(long)]
    pub no_consumers: bool,
    /// The URL of the upstream API that actions call; by default a stand-in on this machine. Its key is in the environment
    /// variable UPSTREAM_SECRET, unless --upstream-key-file names a file.
    #[arg(long, value_name = "URL", env = "UPSTREAM_URL")]
    pub upstream: Option<String>,
    /// The file with the key of the upstream API.
    #[arg(long, value_name = "FILE", env = "UPSTREAM_SECRET_FILE", requires = "upstream")]
    pub upstream_key_file: Option<PathBuf>,
    /// The header with the key of the upstream API; Authorization by default.
    #[arg(long, value_name = "NAME", requires = "upstream")]
    pub upstream_key_header: Option<String>,
    /// A further setting of the upstream API, as in UPSTREAM_CACHE_SECONDS=60; can be repeated. docs/actions.md lists them.
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    pub upstream_setting: Vec<(String, String)>,
    /// Delete the data in the folder after a confirmation, and exit.
    #[arg(long, conflicts_with_all = ["memory", "endpoint_url"])]
    pub reset: bool,
    /// Delete without the confirmation of `--reset`.
    #[arg(long, requires = "reset")]
    pub yes: bool,
    /// Do not apply migrations.
    #[arg(long)]
    pub no_migrations: bool,
    /// Apply the migrations of this folder instead of those compiled in.
    #[arg(long, value_name = "FOLDER", conflicts_with = "no_migrations")]
    pub migrations: Option<PathBuf>,
    /// Do not validate bodies in the gateway; the functions still do.
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

fn setting(text: &str) -> Result<(String, String), String> {
    let setting = text.split_once('=').filter(|(name, _)| UPSTREAM_VARIABLES.contains(name));
    let setting = setting.map(|(name, value)| (name.to_owned(), value.to_owned()));
    setting.ok_or_else(|| format!("must be NAME=VALUE, where NAME is one of {}", UPSTREAM_VARIABLES.join(", ")))
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.05..=900.0).contains(seconds));
    seconds.ok_or_else(|| "must be a number of seconds from 0.05 to 900".into())
}
