//! Answers of the upstream API: cached ones, and those of requests with an idempotency key.
//!
//! They have a table of their own, so that functions that call another service cannot write bookkeeping.

use std::time::Duration;

use aws_sdk_dynamodb::{
    operation::{put_item::PutItemError, update_item::UpdateItemError},
    types::{ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure},
};
use chrono::{DateTime, Utc};
use tokio::time::timeout;

use super::{
    Store,
    guards::{IDEMPOTENCY_LIFETIME, hashed_key},
    request::{conflict_reason, record_capacity, retry_while_busy, to_error},
    row::{Row, number, string},
    schema::{ANSWERS, ANSWERS_KEY, EXPIRES_AT},
    table::new_write_id,
};
use crate::{
    deadline,
    error::Error,
    record::{IdempotencyKey, now},
};

const ANSWER: &str = "answer";
const CLAIM: &str = "claim";
const FINGERPRINT: &str = "fingerprint";
/// The time in epoch milliseconds at which a claim may be replaced.
const LEASE_UNTIL: &str = "leaseUntil";

/// The lease of a claim beyond the time left to the function that holds it, for the difference between two clocks.
const LEASE_MARGIN: Duration = Duration::from_secs(1);
/// The lease of a claim of work without a deadline.
const LEASE: Duration = Duration::from_secs(30);
/// The time limit of a request for which the work does not wait longer: the cache is slower than no cache then.
const SIDE_LIMIT: Duration = Duration::from_millis(500);

/// The answers of the upstream API.
pub struct Answers<'a> {
    store: &'a Store,
}

/// The result of a claim.
enum Claim {
    /// The key is claimed under this id.
    New(String),
    /// The first request with the key has this answer.
    Answered(String),
}

impl Store {
    /// Returns the answers of the upstream API.
    pub fn answers(&self) -> Answers<'_> {
        Answers { store: self }
    }
}

impl Answers<'_> {
    /// Returns the cached answer with this digest, if there is one that has not expired. An error counts as none.
    pub async fn cached(&self, digest: &str) -> Option<String> {
        let request = self.store.client.get_item().table_name(self.table()).key(ANSWERS_KEY, string(cache_key(digest)));
        let sent = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send();
        let output = timeout(SIDE_LIMIT, sent).await.ok()?.ok()?;
        record_capacity(output.consumed_capacity());
        // DynamoDB deletes expired rows with a delay.
        let row = output.item.filter(|row| number_of(row, EXPIRES_AT).is_some_and(|time| time > now().timestamp()))?;
        answer(&row)
    }

    /// Caches an answer. An error is ignored: the answer is then asked for again.
    pub async fn cache(&self, digest: &str, answer: &str, lifetime: Duration) {
        let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        let request = self.store.client.put_item().table_name(self.table());
        let sent = request
            .item(ANSWERS_KEY, string(cache_key(digest)))
            .item(ANSWER, string(answer))
            .item(EXPIRES_AT, number(now().timestamp().saturating_add(lifetime)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send();
        if let Ok(Ok(output)) = timeout(SIDE_LIMIT, sent).await {
            record_capacity(output.consumed_capacity());
        }
    }

    /// Runs `work` once for an idempotency key of an operation, and returns its answer for each repeat of the request.
    ///
    /// The key is claimed before the work, with a lease that outlasts the function. The answer is stored on the condition
    /// that the claim still holds. A failure releases the claim; after a crash, a repeat takes it over when the lease ends.
    /// Without a key, the work just runs.
    ///
    /// # Errors
    /// Returns [`Error::IdempotencyKeyReused`] if the key was used for another request, [`Error::InProgress`] while another
    /// request holds the claim, and the errors of the work.
    pub async fn once(
        &self,
        operation: &str,
        key: Option<&IdempotencyKey>,
        work: impl Future<Output = Result<String, Error>>,
    ) -> Result<String, Error> {
        let Some(key) = key else { return work.await };
        let row_key = hashed_key("idempotency", operation, "", &key.key);
        let claim = match self.claim(&row_key, &key.fingerprint).await? {
            Claim::New(claim) => claim,
            Claim::Answered(answer) => return Ok(answer),
        };
        match work.await {
            Ok(answer) => self.complete(&row_key, &claim, answer).await,
            Err(error) => {
                self.release(&row_key, &claim).await;
                Err(error)
            }
        }
    }

    /// Claims a key.
    async fn claim(&self, row_key: &str, fingerprint: &str) -> Result<Claim, Error> {
        let (claim, time) = (new_write_id(), now());
        let row = claim_row(row_key, &claim, fingerprint, &time);
        let send = || {
            let request = self.store.client.put_item().table_name(self.table()).set_item(Some(row.clone()));
            request
                .condition_expression(FREE_OR_LEFT)
                .expression_attribute_names("#key", ANSWERS_KEY)
                .expression_attribute_names("#expiresAt", EXPIRES_AT)
                .expression_attribute_names("#fingerprint", FINGERPRINT)
                .expression_attribute_names("#leaseUntil", LEASE_UNTIL)
                .expression_attribute_values(":seconds", number(time.timestamp()))
                .expression_attribute_values(":milliseconds", number(time.timestamp_millis()))
                .expression_attribute_values(":fingerprint", string(fingerprint))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
        };
        match retry_while_busy(&self.store.budget, send, conflict_reason).await {
            Ok(output) => {
                record_capacity(output.consumed_capacity());
                Ok(Claim::New(claim))
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    earlier_claim(failed.item().cloned().unwrap_or_default(), claim, fingerprint)
                }
                _ => Err(to_error(error)),
            },
        }
    }

    /// Stores the answer if the claim still holds. Otherwise another request took the claim over after the lease: its answer
    /// is the one to return.
    async fn complete(&self, row_key: &str, claim: &str, text: String) -> Result<String, Error> {
        let send = || {
            let request = self.store.client.update_item().table_name(self.table());
            request
                .key(ANSWERS_KEY, string(row_key))
                .update_expression("SET #answer = :answer REMOVE #leaseUntil")
                .condition_expression("#claim = :claim")
                .expression_attribute_names("#answer", ANSWER)
                .expression_attribute_names("#leaseUntil", LEASE_UNTIL)
                .expression_attribute_names("#claim", CLAIM)
                .expression_attribute_values(":answer", string(&text))
                .expression_attribute_values(":claim", string(claim))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
        };
        match retry_while_busy(&self.store.budget, send, conflict_reason).await {
            Ok(output) => {
                record_capacity(output.consumed_capacity());
                Ok(text)
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    failed.item().and_then(answer).ok_or(Error::InProgress)
                }
                _ => Err(to_error(error)),
            },
        }
    }

    /// Deletes a claim without an answer, so that a repeat need not wait for the end of its lease. An error is ignored.
    async fn release(&self, row_key: &str, claim: &str) {
        let request = self.store.client.delete_item().table_name(self.table());
        let sent = request
            .key(ANSWERS_KEY, string(row_key))
            .condition_expression("#claim = :claim AND attribute_not_exists(#answer)")
            .expression_attribute_names("#claim", CLAIM)
            .expression_attribute_names("#answer", ANSWER)
            .expression_attribute_values(":claim", string(claim))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send();
        if let Ok(Ok(output)) = timeout(SIDE_LIMIT, sent).await {
            record_capacity(output.consumed_capacity());
        }
    }

    fn table(&self) -> String {
        self.store.table_name(ANSWERS)
    }
}

/// The condition that a key is free, expired, or claimed for the same request by a lease that has ended.
const FREE_OR_LEFT: &str = "attribute_not_exists(#key) OR #expiresAt < :seconds \
    OR (#fingerprint = :fingerprint AND #leaseUntil < :milliseconds)";

fn claim_row(row_key: &str, claim: &str, fingerprint: &str, time: &DateTime<Utc>) -> Row {
    let lease = deadline::remaining().map_or(LEASE, |left| left + LEASE_MARGIN);
    let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
    Row::from([
        (ANSWERS_KEY.into(), string(row_key)),
        (CLAIM.into(), string(claim)),
        (FINGERPRINT.into(), string(fingerprint)),
        (LEASE_UNTIL.into(), number(time.timestamp_millis().saturating_add(lease))),
        (EXPIRES_AT.into(), number(time.timestamp() + IDEMPOTENCY_LIFETIME)),
    ])
}

/// Returns the result of a claim that this row refused.
fn earlier_claim(row: Row, claim: String, fingerprint: &str) -> Result<Claim, Error> {
    // A claim of this request is from an attempt whose response was lost.
    if row.get(CLAIM) == Some(&string(&claim)) {
        return Ok(Claim::New(claim));
    }
    if row.get(FINGERPRINT) != Some(&string(fingerprint)) {
        return Err(Error::IdempotencyKeyReused);
    }
    answer(&row).map(Claim::Answered).ok_or(Error::InProgress)
}

fn cache_key(digest: &str) -> String {
    format!("cache#{digest}")
}

fn answer(row: &Row) -> Option<String> {
    row.get(ANSWER)?.as_s().ok().cloned()
}

fn number_of(row: &Row, attribute: &str) -> Option<i64> {
    row.get(attribute)?.as_n().ok()?.parse().ok()
}
