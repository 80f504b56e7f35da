//! The bus: EventBridge, of which each entry has its own outcome.

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
use crate::{app, config::Config, error::Error};

/// What all entries of a call may hold together (EventBridge user guide, "PutEvents").
pub const MAX_CALL_BYTES: usize = 256 * 1024;
/// How EventBridge counts: the time of an entry is 14 bytes.
const TIME_BYTES: usize = 14;

const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// How often an entry is sent in all, where EventBridge refuses it alone.
const ATTEMPTS: u32 = 5;
const FIRST_BACKOFF: Duration = Duration::from_millis(50);

/// The bus, and what its events say they come from.
pub struct Bus {
    client: Client,
    name: String,
}

impl Bus {
    /// The bus of a deployment, with the credentials of the Lambda's environment.
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
            // What stands in for EventBridge takes any credentials where there are none.
            Some(url) => sdk.endpoint_url(url).credentials_provider(
                CredentialsProviderChain::first_try("environment", own).or_else("stand-in", stand_in()),
            ),
            None => sdk.credentials_provider(own),
        };
        Self { client: Client::from_conf(sdk.build()), name: config.event_bus.clone() }
    }

    /// The entry of an event, and what it counts.
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

    /// Sends at most ten entries, those that are refused again, and tells of each whether it was taken.
    pub async fn put(&self, entries: Vec<PutEventsRequestEntry>) -> Vec<Result<(), Error>> {
        let mut outcomes: Vec<Result<(), Error>> = entries.iter().map(|_| Ok(())).collect();
        let mut open: Vec<usize> = (0..entries.len()).collect();
        for attempt in 0..ATTEMPTS {
            if open.is_empty() {
                break;
            }
            if attempt > 0 {
                let longest = FIRST_BACKOFF * 2_u32.pow(attempt);
                tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
            }
            let sent = open.iter().map(|place| entries[*place].clone()).collect();
            let results = match self.client.put_events().set_entries(Some(sent)).send().await {
                // An answer that does not speak of each entry says nothing of any.
                Ok(output) if output.entries().len() == open.len() => output.entries.unwrap_or_default(),
                Ok(_) => return fail(outcomes, &open, "EventBridge did not answer for each entry"),
                Err(error) => return fail(outcomes, &open, &cause(&error)),
            };
            let refused = open.iter().zip(results).filter(|(_, result)| result.event_id().is_none());
            let refused: Vec<(usize, PutEventsResultEntry)> = refused.map(|(place, result)| (*place, result)).collect();
            for place in &open {
                outcomes[*place] = Ok(());
            }
            for (place, result) in &refused {
                let code = result.error_code().unwrap_or("no code");
                outcomes[*place] = Err(Error::Unavailable(format!("EventBridge refused an entry: {code}").into()));
            }
            open = refused.into_iter().map(|(place, _)| place).collect();
        }
        outcomes
    }
}

fn stand_in() -> Credentials {
    Credentials::new("local", "local", None, None, "local")
}

/// The outcomes, with what is open failed.
fn fail(mut outcomes: Vec<Result<(), Error>>, open: &[usize], cause: &str) -> Vec<Result<(), Error>> {
    for place in open {
        outcomes[*place] = Err(Error::Unavailable(cause.to_owned().into()));
    }
    outcomes
}

/// What happened, in a line for the log, without what was sent.
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
