//! The settings of telemetry, from the environment of the process.

use std::{
    env,
    net::SocketAddr,
    sync::{LazyLock, OnceLock},
    time::{Duration, Instant},
};

use super::metrics::Scope;

/// The settings, or the variable that is malformed and its problem.
static ENVIRONMENT: LazyLock<Result<Environment, (&str, &str)>> =
    LazyLock::new(|| Environment::read(|name| env::var(name).ok().filter(|value| !value.is_empty())));
/// The settings in place of malformed ones.
static DEFAULT: LazyLock<Environment> = LazyLock::new(Environment::default);
static START: LazyLock<Instant> = LazyLock::new(Instant::now);
static INIT: OnceLock<Duration> = OnceLock::new();

/// The settings of telemetry and the identity of the function (Lambda developer guide, "Defined runtime environment
/// variables").
#[derive(Debug)]
pub struct Environment {
    /// The fields of each log line that identify the function and its version, as JSON members. Empty outside of Lambda.
    pub origin: String,
    /// The name of the function's handler, which is the operation if the event names none.
    pub handler: String,
    /// The stage: the function's name without the project and the handler. `None` outside of Lambda, where there are no
    /// metrics.
    pub stage: Option<String>,
    /// `METRICS`.
    pub metrics: Scope,
    /// `LOG_SAMPLE_READS`: the part of the successful reads that are logged.
    pub sample_reads: f64,
    /// `AWS_XRAY_DAEMON_ADDRESS`.
    pub daemon: Option<SocketAddr>,
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            origin: String::new(),
            handler: String::new(),
            stage: None,
            metrics: Scope::Operation,
            sample_reads: 1.0,
            daemon: None,
        }
    }
}

impl Environment {
    /// Returns the settings of this process. Malformed ones count as absent.
    pub fn get() -> &'static Self {
        ENVIRONMENT.as_ref().unwrap_or_else(|_| &DEFAULT)
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, (&'static str, &'static str)> {
        let function = variable("AWS_LAMBDA_FUNCTION_NAME");
        let handler = variable("_HANDLER").unwrap_or_default();
        let metrics = variable("METRICS");
        let metrics = Scope::parse(metrics.as_deref()).ok_or(("METRICS", "must be operation, stage or none"))?;
        let sample_reads = match variable("LOG_SAMPLE_READS").map(|text| text.parse()) {
            None => 1.0,
            Some(Ok(part)) if (0.0..=1.0).contains(&part) => part,
            Some(_) => return Err(("LOG_SAMPLE_READS", "must be a number from 0 to 1")),
        };
        Ok(Self {
            origin: function.as_deref().map_or_else(String::new, |function| {
                // The alarm on a new version filters by `version`.
                let version = variable("AWS_LAMBDA_FUNCTION_VERSION").unwrap_or_default();
                let commit = variable("SERVICE_VERSION");
                let commit = commit.as_deref().or(option_env!("GIT_COMMIT")).unwrap_or("unknown");
                let text = |text: &str| serde_json::Value::from(text).to_string();
                format!(r#","function":{},"version":{},"commit":{}"#, text(function), text(&version), text(commit))
            }),
            stage: function.map(|function| stage(&function, &handler).to_owned()),
            handler,
            metrics,
            sample_reads,
            daemon: variable("AWS_XRAY_DAEMON_ADDRESS").and_then(|text| daemon_address(&text)),
        })
    }
}

/// Returns the stage in the name of a function, `PROJECT-STAGE-HANDLER`.
fn stage<'a>(function: &'a str, handler: &str) -> &'a str {
    let stage = function.strip_prefix(concat!(env!("CARGO_PKG_NAME"), "-")).unwrap_or(function);
    let stage = stage.strip_suffix(handler).unwrap_or(stage).trim_end_matches('-');
    // A dimension must not be empty.
    if stage.is_empty() { function } else { stage }
}

/// Returns the address for datagrams of a setting like `169.254.79.129:2000` or `tcp:…:2000 udp:…:2000` (X-Ray developer
/// guide, "Environment variables" of the SDKs). A name is not looked up: Lambda gives an address.
fn daemon_address(text: &str) -> Option<SocketAddr> {
    let udp = text.split(' ').find_map(|part| part.strip_prefix("udp:"));
    udp.unwrap_or(text).parse().ok()
}

/// Starts to measure the initialization, and checks the settings.
///
/// # Errors
/// Returns the first variable that is malformed, and its problem.
pub fn check_environment() -> Result<(), (&'static str, &'static str)> {
    LazyLock::force(&START);
    ENVIRONMENT.as_ref().map(|_| ()).map_err(|error| *error)
}

/// Ends the measurement of the initialization.
pub fn end_init() {
    let _ = INIT.set(START.elapsed());
}

/// Returns the duration of the initialization, if it was measured.
pub fn init_time() -> Option<Duration> {
    INIT.get().copied()
}
