//! A client of EventBridge, which reports success or failure for each entry of a request.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, Region, environment::EnvironmentVariableCredentialsProvider,
    meta::credentials::CredentialsProviderChain,
};
use aws_sdk_eventbridge::{
    Client,
    config::{Builder, Credentials, retry::RetryConfig, timeout::TimeoutConfig},
    error::{ProvideErrorMetadata, SdkError},
    primitives::DateTime,
    types::{PutEventsRequestEntry, PutEventsResultEntry},
};

use super::CloudEvent;
use crate::{
    app,
    config::Config,
    error::Error,
    telemetry::{Call, Outcome, Target},
};

/// The maximum total size of the entries of one request (EventBridge user guide, "PutEvents").
pub const MAX_CALL_BYTES: usize = 256 * 1024;
/// The size that EventBridge counts for the time of an entry.
const TIME_BYTES: usize = 14;

const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// The maximum number of attempts for an entry that EventBridge rejects.
const ATTEMPTS: u32 = 5;
const FIRST_BACKOFF: Duration = Duration::from_millis(50);

/// An event bus.
pub struct Bus {
    client: Client,
    name: String,
}

impl Bus {
    /// Returns a client of the configured bus, with the credentials of the Lambda environment.
    pub fn new(config: &Config) -> Self {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT);
        let sdk = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(config.region.clone()))
            .http_client(app::https_client(app::Roots::in_lambda(config)))
            .timeout_config(timeouts.build())
            .retry_config(RetryConfig::standard());
        let own = EnvironmentVariableCredentialsProvider::new();
        let sdk = match &config.events_endpoint_url {
            // An emulator accepts any credentials, so that none need to be configured.
            Some(url) => sdk.endpoint_url(url).credentials_provider(
                CredentialsProviderChain::first_try("environment", own).or_else("emulator", emulator_credentials()),
            ),
            None => sdk.credentials_provider(own),
        };
        Self { client: Client::from_conf(sdk.build()), name: config.event_bus.clone() }
    }

    /// Returns the entry for an event, and the size that EventBridge counts for it.
    pub fn entry(&self, event: &CloudEvent) -> (PutEventsRequestEntry, usize) {
        let detail = serde_json::to_string(event).expect("an event is JSON");
        let source = env!("CARGO_PKG_NAME");
        let size = TIME_BYTES + source.len() + event.r#type.len() + detail.len();
        let time = event.time.parse::<chrono::DateTime<chrono::Utc>>().map(|time| time.timestamp());
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(source)
            .detail_type(&event.r#type)
            .set_time(time.ok().map(DateTime::from_secs))
            .detail(detail);
        (entry.build(), size)
    }

    /// Sends at most ten entries and returns the outcome of each. Entries that EventBridge rejects are retried.
    pub async fn put(&self, entries: Vec<PutEventsRequestEntry>) -> Vec<Result<(), Error>> {
        let mut outcomes: Vec<Result<(), Error>> = entries.iter().map(|_| Ok(())).collect();
        let mut pending: Vec<usize> = (0..entries.len()).collect();
        for attempt in 0..ATTEMPTS {
            if pending.is_empty() {
                break;
            }
            if attempt > 0 {
                let max_delay = FIRST_BACKOFF * 2_u32.pow(attempt);
                tokio::time::sleep(max_delay.mul_f64(fastrand::f64())).await;
            }
            let sent = pending.iter().map(|index| entries[*index].clone()).collect();
            let mut call = Call::to(Target::EventBridge, "PutEvents");
            let response = self.client.put_events().set_entries(Some(sent)).send().await;
            call.end(Outcome { is_failure: response.is_err(), ..Outcome::default() });
            let results = match response {
                // Without one result per entry, results cannot be matched to entries.
                Ok(output) if output.entries().len() == pending.len() => output.entries.unwrap_or_default(),
                Ok(_) => return fail(outcomes, &pending, "EventBridge did not answer for each entry"),
                Err(error) => return fail(outcomes, &pending, &cause(&error)),
            };
            let rejected = pending.iter().zip(results).filter(|(_, result)| result.event_id().is_none());
            let rejected: Vec<(usize, PutEventsResultEntry)> =
                rejected.map(|(index, result)| (*index, result)).collect();
            for index in &pending {
                outcomes[*index] = Ok(());
            }
            for (index, result) in &rejected {
                let code = result.error_code().unwrap_or("no code");
                outcomes[*index] = Err(Error::Unavailable(format!("EventBridge refused an entry: {code}").into()));
            }
            pending = rejected.into_iter().map(|(index, _)| index).collect();
        }
        outcomes
    }
}

fn emulator_credentials() -> Credentials {
    Credentials::new("local", "local", None, None, "local")
}

/// Marks all pending entries as failed.
fn fail(mut outcomes: Vec<Result<(), Error>>, pending: &[usize], cause: &str) -> Vec<Result<(), Error>> {
    for index in pending {
        outcomes[*index] = Err(Error::Unavailable(cause.to_owned().into()));
    }
    outcomes
}

/// Returns the cause of an error for the log, without the content of the request.
fn cause<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    match error {
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or("an error");
            format!("EventBridge answered {code}: {}", service.err().message().unwrap_or("no message"))
        }
        SdkError::TimeoutError(_) => "EventBridge did not answer in time".into(),
        SdkError::DispatchFailure(_) => "EventBridge could not be asked".into(),
        _ => "EventBridge's answer could not be read".into(),
    }
}
