//! One request to DynamoDB: its errors as ours, retries where DynamoDB asks for them, the capacity it used.

use std::{
    cell::Cell,
    iter,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    types::ConsumedCapacity,
};

use crate::error::Error;

/// How often a write that is refused for now is tried in all.
const REFUSED_ATTEMPTS: u32 = 8;
const FIRST_BACKOFF: Duration = Duration::from_millis(15);

/// How many retries in vain a store sends before it sends each request once, until the database answers again.
const RETRY_BUDGET: u32 = 100;

/// What is left of the retries: a database in trouble does not get eight times the requests.
///
/// A retry takes one; an answer gives one back, or all that were spent on it. The SDK keeps a budget of the same
/// size for the retries that are its own.
#[derive(Debug)]
pub struct RetryBudget(AtomicU32);

impl RetryBudget {
    /// A full one.
    pub fn new() -> Self {
        Self(AtomicU32::new(RETRY_BUDGET))
    }

    fn take(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    fn give(&self, retries: u32) {
        let given = |left: u32| Some(left.saturating_add(retries).min(RETRY_BUDGET));
        // It is never refused.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, given);
    }
}

tokio::task_local! {
    static CAPACITY: Cell<f64>;
}

/// Runs `work` and tells how many capacity units its requests used.
pub async fn metered<T>(work: impl Future<Output = T>) -> (T, f64) {
    let measured = async {
        let output = work.await;
        (output, CAPACITY.with(Cell::get))
    };
    CAPACITY.scope(Cell::new(0.0), measured).await
}

/// Adds what one request used to the meter of the task it runs in.
pub fn count<'a>(consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
    let units: f64 = consumed.into_iter().filter_map(ConsumedCapacity::capacity_units).sum();
    // Outside of `metered` nobody asks.
    let _ = CAPACITY.try_with(|total| total.set(total.get() + units));
}

/// Sends a write again while it is refused for now, which for transactions the SDK does not.
///
/// Each attempt was refused as a whole, so that repeating it is safe.
pub async fn while_refused<T, E, F>(
    budget: &RetryBudget,
    mut send: impl FnMut() -> F,
    for_now: impl Fn(&SdkError<E>) -> bool,
) -> Result<T, SdkError<E>>
where
    F: Future<Output = Result<T, SdkError<E>>>,
{
    let mut retries = 0;
    loop {
        match send().await {
            Err(error) if for_now(&error) => {
                if retries + 1 == REFUSED_ATTEMPTS || !budget.take() {
                    return Err(error);
                }
                let longest = FIRST_BACKOFF * 2_u32.pow(retries);
                tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
                retries += 1;
            }
            outcome => {
                if outcome.as_ref().map_or_else(|error| error.as_service_error().is_some(), |_| true) {
                    budget.give(retries.max(1));
                }
                return outcome;
            }
        }
    }
}

/// Whether a plain write met a transaction on the same row.
pub fn is_conflict<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code) == Some("TransactionConflictException")
}

/// Whether a plain write was refused for now: a transaction holds its row, or a throttle.
pub fn is_refused_for_now<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code).is_some_and(is_throttle)
}

/// What a failed request means to the caller.
pub fn failure<E>(error: SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let is_busy = match &error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(service) => {
            let status = service.raw().status();
            // An answer of success that is an error is one that could not be read.
            status.is_success() || status.is_server_error() || service.err().code().is_some_and(is_throttle)
        }
        _ => false,
    };
    if error.as_service_error().and_then(|service| service.message()).is_some_and(is_too_large) {
        return Error::TooLarge;
    }
    let cause = cause(&error).into();
    if is_busy { Error::Unavailable(cause) } else { Error::Internal(cause) }
}

/// What happened, in a line for the log.
///
/// The error as a whole would show the response, and in a refused transaction the records it met.
fn cause<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    let text = |error: &(dyn std::error::Error + 'static)| {
        iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
    };
    match error {
        SdkError::ServiceError(service) => {
            let (code, message) = (service.err().code(), service.err().message());
            format!("DynamoDB answered {}: {}", code.unwrap_or("an error"), message.unwrap_or("no message"))
        }
        SdkError::TimeoutError(_) => "DynamoDB did not answer in time".into(),
        SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
            Some(error) => format!("DynamoDB could not be asked: {}", text(error)),
            None => "DynamoDB could not be asked".into(),
        },
        SdkError::ConstructionFailure(_) => "the request could not be built".into(),
        _ => "DynamoDB's answer could not be read".into(),
    }
}

/// Whether an error code asks to come back later.
pub fn is_throttle(code: &str) -> bool {
    matches!(
        code,
        "ProvisionedThroughputExceededException"
            | "ProvisionedThroughputExceeded"
            | "RequestLimitExceeded"
            | "ThrottlingException"
            | "ThrottlingError"
            | "TransactionConflict"
            | "TransactionConflictException"
            | "TransactionInProgressException"
    )
}

/// Whether a validation message is about the 400 KB limit of an item.
pub fn is_too_large(message: &str) -> bool {
    message.contains("size has exceeded")
        || message.contains("size to update has exceeded")
        || message.contains("exceeded the maximum allowed size")
}
