//! Requests to DynamoDB: conversion of errors, retries and consumed capacity.

use std::{
    iter,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::{deadline, error::Error, telemetry};

/// The maximum number of attempts of a throttled write.
const THROTTLED_ATTEMPTS: u32 = 8;
const FIRST_BACKOFF: Duration = Duration::from_millis(15);
/// The longest pause before a retry.
const MAX_BACKOFF: Duration = Duration::from_secs(1);
/// The time limit for retries of a conflicting write, if the work has no deadline.
const CONFLICT_LIMIT: Duration = Duration::from_secs(5);
/// The time that retries leave before the deadline for the last attempt.
const WRITE_MARGIN: Duration = Duration::from_millis(200);

/// The number of unsuccessful retries after which a store sends each request only once, until the database responds.
const RETRY_BUDGET: u32 = 100;

/// The budget of retries, which keeps retries from multiplying the load on an overloaded database.
///
/// A retry takes one token. A response returns one token, or all that were spent on it. The SDK keeps a budget of the
/// same size for its own retries.
#[derive(Debug)]
pub struct RetryBudget(AtomicU32);

impl RetryBudget {
    /// Creates a full budget.
    pub fn new() -> Self {
        Self(AtomicU32::new(RETRY_BUDGET))
    }

    fn take(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    fn give(&self, retries: u32) {
        let given = |left: u32| Some(left.saturating_add(retries).min(RETRY_BUDGET));
        // The closure always returns a value, so the update cannot fail.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, given);
    }
}

/// Runs `work` and returns its output with the capacity units that its requests consumed.
pub async fn metered<T>(work: impl Future<Output = T>) -> (T, f64) {
    let (output, totals) = telemetry::nested(work).await;
    (output, totals.capacity_units())
}

/// The reason to retry a write.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RetryReason {
    /// DynamoDB throttles the request.
    Throttled,
    /// A transaction in progress includes one of the rows.
    InConflict,
}

/// Retries a write while it is throttled or in conflict. The SDK does not retry these errors of transactions.
///
/// Each attempt was refused as a whole, so a retry is safe. A throttled write gets few attempts, out of the budget,
/// since every request adds to the load. A conflict is no sign of load, only of another write of the same row. It is
/// retried until the time limit, with exponential backoff and full jitter up to [`MAX_BACKOFF`] (Amazon Builders'
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
        telemetry::count_retry();
        tokio::time::sleep(pause).await;
    }
}

/// Returns a random pause, whose upper bound doubles with each attempt.
fn backoff(attempts: u32) -> Duration {
    let longest = FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(attempts - 1)).min(MAX_BACKOFF);
    longest.mul_f64(fastrand::f64())
}

/// Returns [`RetryReason::InConflict`] if a plain write conflicts with a transaction on its row.
pub fn conflict_reason<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<RetryReason> {
    retry_reason(error).filter(|reason| *reason == RetryReason::InConflict)
}

/// Returns the reason to retry a plain write, if any.
pub fn retry_reason<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<RetryReason> {
    error.as_service_error().and_then(ProvideErrorMetadata::code).and_then(retry_reason_of_code)
}

/// Converts the error of a request.
pub fn to_error<E>(error: SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let is_retryable = match &error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(service) => {
            let status = service.raw().status();
            // An error with a success status is a response that could not be parsed.
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
    if is_retryable { Error::Unavailable(cause) } else { Error::Internal(cause) }
}

/// Returns the cause in one line for the log.
///
/// The whole error is not logged: it contains the response, and for a refused transaction the records.
fn cause<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    let text = |error: &(dyn std::error::Error + 'static)| {
        iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
    };
    match error {
        SdkError::ServiceError(service) => {
            let (code, message) = (service.err().code(), service.err().message());
            format!("DynamoDB answered {}: {}", code.unwrap_or("an error"), message.unwrap_or("no message"))
        }
        SdkError::TimeoutError(_) => "DynamoDB did not respond in time".into(),
        SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
            Some(error) => format!("DynamoDB could not be reached: {}", text(error)),
            None => "DynamoDB could not be reached".into(),
        },
        SdkError::ConstructionFailure(_) => "the request could not be built".into(),
        _ => "DynamoDB's response could not be read".into(),
    }
}

/// Returns the reason to retry that an error code stands for, if any.
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

/// Returns true for the code of a request that DynamoDB throttled.
pub fn is_throttling(code: &str) -> bool {
    retry_reason_of_code(code) == Some(RetryReason::Throttled)
}

/// Returns true if a validation message is about the 400 KB limit of an item.
pub fn is_too_large(message: &str) -> bool {
    message.contains("size has exceeded")
        || message.contains("size to update has exceeded")
        || message.contains("exceeded the maximum allowed size")
}
