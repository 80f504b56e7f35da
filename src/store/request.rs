//! One request to DynamoDB: its errors as ours, retries where DynamoDB asks for them, the capacity it used.

use std::{
    cell::Cell,
    iter,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    types::ConsumedCapacity,
};

use crate::{deadline, error::Error};

/// How often a write that is throttled is tried in all.
const THROTTLED_ATTEMPTS: u32 = 8;
const FIRST_BACKOFF: Duration = Duration::from_millis(15);
/// The longest pause before a write is tried again.
const MAX_BACKOFF: Duration = Duration::from_secs(1);
/// For how long a write in conflict is tried again where its work has no limit.
const CONFLICT_LIMIT: Duration = Duration::from_secs(5);
/// The time a write needs, which retries leave of the limit.
const WRITE_MARGIN: Duration = Duration::from_millis(200);

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
pub fn record_capacity<'a>(consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
    let units: f64 = consumed.into_iter().filter_map(ConsumedCapacity::capacity_units).sum();
    // Outside of `metered` nobody asks.
    let _ = CAPACITY.try_with(|total| total.set(total.get() + units));
}

/// Why a write was refused for now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RetryReason {
    /// The database has too much to do.
    Throttled,
    /// A transaction holds one of the rows.
    InConflict,
}

/// Sends a write again while it is refused for now, which for transactions the SDK does not.
///
/// Each attempt was refused as a whole, so that repeating it is safe. A throttle is answered with few attempts out of
/// the budget, since every request adds to the load. A conflict says nothing of the load, only that others write the
/// same row: it is tried until the time limit, after pauses of full jitter up to [`MAX_BACKOFF`] (Amazon Builders'
/// Library, "Timeouts, retries, and backoff with jitter").
pub async fn retry_while_busy<T, E, F>(
    budget: &RetryBudget,
    mut send: impl FnMut() -> F,
    retry_reason: impl Fn(&SdkError<E>) -> Option<RetryReason>,
) -> Result<T, SdkError<E>>
where
    F: Future<Output = Result<T, SdkError<E>>>,
{
    let (mut throttles, mut conflicts) = (0, 0);
    let limit = deadline::remaining().map_or(CONFLICT_LIMIT, |left| left.saturating_sub(WRITE_MARGIN));
    let end = Instant::now() + limit;
    loop {
        let outcome = send().await;
        let pause = match outcome.as_ref().err().and_then(&retry_reason) {
            Some(RetryReason::Throttled) => {
                throttles += 1;
                Some(backoff(throttles)).filter(|_| throttles < THROTTLED_ATTEMPTS && budget.take())
            }
            Some(RetryReason::InConflict) => {
                conflicts += 1;
                Some(backoff(conflicts)).filter(|pause| Instant::now() + *pause < end)
            }
            None => {
                if outcome.as_ref().map_or_else(|error| error.as_service_error().is_some(), |_| true) {
                    budget.give(throttles.max(1));
                }
                None
            }
        };
        let Some(pause) = pause else { return outcome };
        tokio::time::sleep(pause).await;
    }
}

/// Returns a random pause, the longest of which doubles with each refusal.
fn backoff(refusals: u32) -> Duration {
    let longest = FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(refusals - 1)).min(MAX_BACKOFF);
    longest.mul_f64(fastrand::f64())
}

/// Returns [`RetryReason::InConflict`] where a plain write met a transaction on its row.
pub fn conflict_reason<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<RetryReason> {
    retry_reason(error).filter(|reason| *reason == RetryReason::InConflict)
}

/// Returns why a plain write was refused for now, if it was.
pub fn retry_reason<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<RetryReason> {
    error.as_service_error().and_then(ProvideErrorMetadata::code).and_then(retry_reason_of_code)
}

/// What a failed request means to the caller.
pub fn to_error<E>(error: SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let is_busy = match &error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(service) => {
            let status = service.raw().status();
            // An answer of success that is an error is one that could not be read.
            status.is_success()
                || status.is_server_error()
                || service.err().code().and_then(retry_reason_of_code).is_some()
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

/// Returns why an error code asks to come back later, if it does.
pub fn retry_reason_of_code(code: &str) -> Option<RetryReason> {
    match code {
        "ProvisionedThroughputExceededException"
        | "ProvisionedThroughputExceeded"
        | "RequestLimitExceeded"
        | "ThrottlingException"
        | "ThrottlingError" => Some(RetryReason::Throttled),
        "TransactionConflict" | "TransactionConflictException" | "TransactionInProgressException" => {
            Some(RetryReason::InConflict)
        }
        _ => None,
    }
}

/// Whether a validation message is about the 400 KB limit of an item.
pub fn is_too_large(message: &str) -> bool {
    message.contains("size has exceeded")
        || message.contains("size to update has exceeded")
        || message.contains("exceeded the maximum allowed size")
}
