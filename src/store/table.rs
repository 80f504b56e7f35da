//! Reads, creates and deletes of records.

use aws_sdk_dynamodb::{
    operation::put_item::PutItemError,
    types::{Delete, Put, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure},
};
use serde_json::Map;
use uuid::Uuid;

use super::{
    Store, Table,
    access::satisfies,
    expression::{Expression, same_version_as},
    guards::{Guard, Step, commit, deleter_step, field_steps, idempotency_step, replay},
    request::{conflict_reason, record_capacity, retry_while_busy, to_error},
    row::{ID, Row, decode, encode, is_written_by, string},
    transaction,
};
use crate::{
    error::{Error, Violation},
    record::{IdempotencyKey, Precondition, Record, Resource, View, to_object},
};

/// The maximum number of attempts of a write without a version precondition, if other writes interfere.
pub const RACE_ATTEMPTS: usize = 10;

impl<R: Resource> Table<'_, R> {
    /// Returns the record with this id, strongly consistent.
    ///
    /// # Errors
    /// Returns [`Error::NotFound`] if it does not exist, or the principal may not read it.
    pub async fn get(&self, id: Uuid) -> Result<View<R>, Error> {
        let allowed = self.require(&R::ACCESS.read)?;
        let row = self.read(id).await?.filter(|row| satisfies(row, &allowed));
        Ok(self.view(decode(row.ok_or(Error::NotFound)?)?))
    }

    /// Returns the record with this id for an update that depends on it, strongly consistent.
    ///
    /// # Errors
    /// Returns [`Error::NotFound`] if it does not exist, or the principal may not read it, and [`Error::Forbidden`] if the
    /// principal may not update it.
    pub async fn get_for_update(&self, id: Uuid) -> Result<Record<R>, Error> {
        let allowed = self.require(&R::ACCESS.update)?;
        let row = self.read(id).await?.ok_or(Error::NotFound)?;
        self.check_write(&row, &allowed)?;
        decode(row)
    }

    /// Adds a record. If `key` was used for the same request before, returns the record of the first request.
    ///
    /// The record of a resource whose records are their own owners gets the id of the user who creates it.
    ///
    /// # Errors
    /// Returns [`Error::Forbidden`], [`Error::Conflict`] with the fields that are taken or refer to a missing record, and
    /// [`Error::IdempotencyKeyReused`] if the key was used for another request.
    pub async fn insert(&self, mut record: Record<R>, key: Option<&IdempotencyKey>) -> Result<View<R>, Error> {
        let allowed = self.require(&R::ACCESS.create)?;
        let has_own_id = self.creates_own_record(&allowed);
        if has_own_id {
            record.id = self.principal.id.parse().map_err(|_| Error::Forbidden)?;
        }
        let write_id = new_write_id();
        let row = encode(&record, &write_id, self.principal.known_id(), self.tenant());
        self.check_new(&record, &row, &allowed)?;
        let existing = match self.put_record(row, &record, key).await? {
            Ok(created) => return Ok(self.view(created)),
            Err(existing) => existing,
        };
        // A new id is unique, so an existing record is from an earlier attempt of the same write.
        if has_own_id && !is_written_by(&existing, &write_id) {
            return Err(Error::Conflict(vec![Violation::pointer(
                "",
                format!("is the second {} of this user", R::NAME),
            )]));
        }
        Ok(self.view(record))
    }

    /// Puts the row of a new record, or returns the record that the key stands for. Returns the existing row as the inner
    /// error if there is one with this id.
    async fn put_record(
        &self,
        row: Row,
        record: &Record<R>,
        key: Option<&IdempotencyKey>,
    ) -> Result<Result<Record<R>, Row>, Error> {
        let mut steps = field_steps(self, record.id, &Map::new(), &to_object(&record.resource));
        steps.extend(key.map(|key| idempotency_step(self.store, key, record)));
        if steps.is_empty() {
            let existing = self.store.put_new(self.name(), row).await?;
            return Ok(existing.map_or_else(|| Ok(record.clone()), Err));
        }
        steps.push(put_step(self.name(), row));
        let Err(mut refusal) = commit(self.store, steps).await? else { return Ok(Ok(record.clone())) };
        if let (Some(key), Some(row)) = (key, refusal.take_idempotency_key()) {
            return replay(&row, key, record.resource.clone()).map(Ok);
        }
        match refusal.take_record().flatten() {
            Some(existing) => Ok(Err(existing)),
            None => Err(refusal.into_conflict()),
        }
    }

    /// Deletes a record if the precondition holds, and releases its unique values.
    ///
    /// It is a transaction even with a single step: the client request token makes a retry after a lost response safe.
    ///
    /// # Errors
    /// Returns [`Error::NotFound`], [`Error::Forbidden`] or [`Error::StaleVersion`].
    pub async fn delete(&self, id: Uuid, precondition: &Precondition) -> Result<(), Error> {
        let allowed = self.require(&R::ACCESS.delete)?;
        for _ in 0..RACE_ATTEMPTS {
            let (expected, released) = if R::UNIQUE.is_empty() {
                (precondition.clone(), Map::new())
            } else {
                let row = self.read(id).await?.ok_or(Error::NotFound)?;
                self.check_write(&row, &allowed)?;
                let current: Record<R> = decode(row)?;
                if !precondition.holds(current.version) {
                    return Err(Error::StaleVersion);
                }
                (same_version_as(&current), to_object(&current.resource))
            };
            // A delete affects only unique values. References to other records need no check.
            let mut steps = field_steps(self, id, &released, &Map::new());
            steps.extend(self.principal.known_id().map(|writer| deleter_step::<R>(self.store, id, writer)));
            let expression = Expression::default().require(&expected).require_access(&allowed);
            steps.push(delete_step(self.name(), id, expression));
            let Err(mut refusal) = commit(self.store, steps).await? else { return Ok(()) };
            match refusal.take_record() {
                Some(None) => return Err(Error::NotFound),
                Some(Some(row)) if R::UNIQUE.is_empty() => {
                    self.check_write(&row, &allowed)?;
                    return Err(Error::StaleVersion);
                }
                // The record changed since it was read: retry with the current version.
                Some(Some(_)) => {}
                None => return Err(refusal.into_conflict()),
            }
        }
        Err(Error::Unavailable("concurrent writes to the record exhausted the attempts".into()))
    }

    pub(super) fn name(&self) -> String {
        self.store.table_name(R::COLLECTION)
    }

    pub(super) async fn read(&self, id: Uuid) -> Result<Option<Row>, Error> {
        self.store.read_record(self.name(), id).await
    }
}

// The requests, which are compiled once for all resources.
impl Store {
    async fn read_record(&self, table: String, id: Uuid) -> Result<Option<Row>, Error> {
        let request = self.client.get_item().table_name(table).key(ID, string(id)).consistent_read(true);
        let output = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.map_err(to_error)?;
        record_capacity(output.consumed_capacity());
        Ok(output.item)
    }

    /// Puts a row. Returns the existing row with this id if there is one.
    async fn put_new(&self, table: String, row: Row) -> Result<Option<Row>, Error> {
        let send = || {
            let request = self.client.put_item().table_name(&table).set_item(Some(row.clone()));
            request
                .condition_expression("attribute_not_exists(#id)")
                .expression_attribute_names("#id", ID)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
        };
        match retry_while_busy(&self.budget, send, conflict_reason).await {
            Ok(output) => {
                record_capacity(output.consumed_capacity());
                Ok(None)
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Some(failed.item().cloned().unwrap_or_default()))
                }
                _ => Err(to_error(error)),
            },
        }
    }
}

fn put_step(table: String, row: Row) -> Step {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(row))
        .condition_expression("attribute_not_exists(#id)")
        .expression_attribute_names("#id", ID);
    Step { action: transaction::put(put), guard: Guard::Record }
}

fn delete_step(table: String, id: Uuid, expression: Expression) -> Step {
    let delete = Delete::builder()
        .table_name(table)
        .key(ID, string(id))
        .condition_expression(expression.condition())
        .set_expression_attribute_names(Some(expression.names))
        .set_expression_attribute_values((!expression.values.is_empty()).then_some(expression.values));
    Step { action: transaction::delete(delete), guard: Guard::Record }
}

/// Returns a new unique id of a write.
pub fn new_write_id() -> String {
    Uuid::now_v7().to_string()
}
