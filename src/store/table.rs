//! Reads, creates and deletes of records.

use aws_sdk_dynamodb::{
    operation::put_item::PutItemError,
    types::{Delete, Put, ReturnConsumedCapacity},
};
use serde_json::Map;
use uuid::Uuid;

use super::{
    Store, Table,
    expression::{Expression, same_version_as},
    guards::{Guard, Step, commit, deleter_step, field_steps, idempotency_step, replay},
    request::{conflict_reason, record_capacity, retry_while_busy, to_error},
    row::{ID, Row, decode, encode, string},
    transaction,
};
use crate::{
    error::Error,
    record::{IdempotencyKey, Precondition, Record, Resource, to_object},
};

/// The maximum number of attempts of a write without a version precondition, if other writes interfere.
pub const RACE_ATTEMPTS: usize = 10;

impl<R: Resource> Table<'_, R> {
    /// Returns the record with this id, strongly consistent.
    ///
    /// # Errors
    /// Returns [`Error::NotFound`] if it does not exist.
    pub async fn get(&self, id: Uuid) -> Result<Record<R>, Error> {
        decode(self.read(id).await?.ok_or(Error::NotFound)?)
    }

    /// Adds a record. If `key` was used for the same request before, returns the record of the first request.
    ///
    /// # Errors
    /// Returns [`Error::Conflict`] with the fields that are taken or refer to a missing record, and
    /// [`Error::IdempotencyKeyReused`] if the key was used for another request.
    pub async fn insert(&self, record: Record<R>, key: Option<&IdempotencyKey>) -> Result<Record<R>, Error> {
        let row = encode(&record, &new_write_id(), self.writer.as_deref());
        let mut steps = field_steps::<R>(self.store, record.id, &Map::new(), &to_object(&record.resource));
        steps.extend(key.map(|key| idempotency_step(self.store, key, &record)));
        if steps.is_empty() {
            self.store.put_new(self.name(), row).await?;
            return Ok(record);
        }
        steps.push(put_step(self.name(), row));
        let Err(mut refusal) = commit(self.store, steps).await? else { return Ok(record) };
        match (key, refusal.take_idempotency_key()) {
            (Some(key), Some(row)) => replay(&row, key, record.resource),
            // The id is new, so an existing record is from an earlier attempt of the same write.
            _ if refusal.take_record().is_some() => Ok(record),
            _ => Err(refusal.into_conflict()),
        }
    }

    /// Deletes a record if the precondition holds, and releases its unique values.
    ///
    /// It is a transaction even with a single step: the client request token makes a retry after a lost response safe.
    ///
    /// # Errors
    /// Returns [`Error::NotFound`] or [`Error::StaleVersion`].
    pub async fn delete(&self, id: Uuid, precondition: &Precondition) -> Result<(), Error> {
        for _ in 0..RACE_ATTEMPTS {
            let (expected, released) = if R::UNIQUE.is_empty() {
                (precondition.clone(), Map::new())
            } else {
                let current = self.get(id).await?;
                if !precondition.holds(current.version) {
                    return Err(Error::StaleVersion);
                }
                (same_version_as(&current), to_object(&current.resource))
            };
            // A delete affects only unique values. References to other records need no check.
            let mut steps = field_steps::<R>(self.store, id, &released, &Map::new());
            steps.extend(self.writer.as_deref().map(|writer| deleter_step::<R>(self.store, id, writer)));
            steps.push(delete_step(self.name(), id, &expected));
            let Err(mut refusal) = commit(self.store, steps).await? else { return Ok(()) };
            match refusal.take_record() {
                Some(None) => return Err(Error::NotFound),
                Some(Some(_)) if R::UNIQUE.is_empty() => return Err(Error::StaleVersion),
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

    async fn put_new(&self, table: String, row: Row) -> Result<(), Error> {
        let send = || {
            let request = self.client.put_item().table_name(&table).set_item(Some(row.clone()));
            request
                .condition_expression("attribute_not_exists(#id)")
                .expression_attribute_names("#id", ID)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
        };
        match retry_while_busy(&self.budget, send, conflict_reason).await {
            Ok(output) => {
                record_capacity(output.consumed_capacity());
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                // The id is new, so an existing record is from an earlier attempt whose response was lost.
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(()),
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

fn delete_step(table: String, id: Uuid, precondition: &Precondition) -> Step {
    let expression = Expression::default().require(precondition);
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
