//! Updates: one request if only the record changes, and a transaction if unique values or references change too.

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure, Update},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    Store, Table,
    expression::{Expression, Write, same_version_as},
    guards::{Guard, Step, commit, field_steps},
    request::{retry_reason, retry_while_busy, to_error},
    row::{ID, Row, VERSION, decode, is_written_by, string},
    table::{RACE_ATTEMPTS, new_write_id},
    transaction,
};
use crate::{
    access::Condition,
    error::{Cause, Error, Violation},
    record::{Edit, Precondition, Record, Resource, View, now, to_object},
};

impl<R: Resource> Table<'_, R> {
    /// Replaces or patches a record if the precondition holds.
    ///
    /// The first attempt assumes that no unique field and no reference changes its value, and is one `UpdateItem`. If this
    /// condition fails, DynamoDB returns the current record. The second attempt is a transaction based on exactly that
    /// record.
    ///
    /// An `UpdateItem` whose response is lost is not sent again, since it could undo later writes. The record shows whether
    /// it took effect.
    ///
    /// # Errors
    /// Returns [`Error::NotFound`], [`Error::Forbidden`], [`Error::StaleVersion`] or [`Error::Conflict`].
    pub async fn update(&self, id: Uuid, precondition: &Precondition, edit: &Edit<R>) -> Result<View<R>, Error> {
        let allowed = self.require(&R::ACCESS.update)?;
        self.write_edit(id, precondition, edit, &allowed).await.map(|record| self.view(record))
    }

    async fn write_edit(
        &self,
        id: Uuid,
        precondition: &Precondition,
        edit: &Edit<R>,
        allowed: &Condition<'_>,
    ) -> Result<Record<R>, Error> {
        let write_id = new_write_id();
        let mut row = if edit.is_nested() {
            self.read(id).await?
        } else {
            match self.update_unguarded(id, precondition, edit, allowed, &write_id).await {
                Ok(Ok(record)) => return Ok(record),
                Ok(Err(row)) => row,
                Err(Error::Unavailable(cause)) => Some(self.read_after(cause, id, precondition, &write_id).await?),
                Err(error) => return Err(error),
            }
        };
        for _ in 0..RACE_ATTEMPTS {
            let current = row.ok_or(Error::NotFound)?;
            if is_written_by(&current, &write_id) {
                return decode(current);
            }
            self.check_write(&current, allowed)?;
            let locked = self.locked_fields(&current);
            let current: Record<R> = decode(current)?;
            if !precondition.holds(current.version) {
                return Err(Error::StaleVersion);
            }
            match self.update_on(&current, edit, &locked, &write_id).await? {
                Ok(record) => return Ok(record),
                Err(newer) => row = newer,
            }
        }
        Err(Error::Unavailable("concurrent writes to the record exhausted the attempts".into()))
    }

    /// Reads the row after a write of unknown outcome. Returns it if the write took effect, or if the row still has the
    /// required version, so that another attempt is safe.
    async fn read_after(
        &self,
        cause: Cause,
        id: Uuid,
        precondition: &Precondition,
        write_id: &str,
    ) -> Result<Row, Error> {
        let row = self.read(id).await?;
        let is_settled = |row: &Row| is_written_by(row, write_id) || is_required_version(precondition, row);
        row.filter(is_settled).ok_or(Error::Unavailable(cause))
    }

    /// Sends one `UpdateItem` that requires all guarded fields to keep their values. Returns the current row as the inner
    /// error if the condition fails.
    async fn update_unguarded(
        &self,
        id: Uuid,
        precondition: &Precondition,
        edit: &Edit<R>,
        allowed: &Condition<'_>,
        write_id: &str,
    ) -> Result<Result<Record<R>, Option<Row>>, Error> {
        let fields = edit.fields_of(edit.values());
        let expression = Expression::write::<R>(id, &fields, &self.write(write_id, now()));
        let mut expression = expression.require(precondition).require_access(allowed);
        for (field, condition) in self.locks() {
            if let Some(value) = fields.get(field) {
                expression.require_unchanged_unless(&condition, field, value);
            }
        }
        for unique in R::UNIQUE {
            if let Some(value) = fields.get(unique.field) {
                expression.require_unchanged(unique.field, value);
            }
        }
        for reference in R::REFERENCES {
            if let Some(value) = fields.get(reference.field).filter(|value| !value.is_null()) {
                expression.require_unchanged(reference.field, value);
            }
        }
        self.send_update(id, &expression).await
    }

    /// Sends one `UpdateItem`. Returns the current row as the inner error if the condition fails.
    pub(super) async fn send_update(
        &self,
        id: Uuid,
        expression: &Expression,
    ) -> Result<Result<Record<R>, Option<Row>>, Error> {
        match self.store.update_row(self.name(), id, expression).await? {
            Ok(row) => decode(row).map(Ok),
            Err(row) => Ok(Err(row)),
        }
    }

    /// Returns the identity of a write by the table's principal.
    pub(super) fn write<'w>(&'w self, id: &'w str, time: DateTime<Utc>) -> Write<'w> {
        Write { id, time, writer: self.principal.known_id(), tenant: self.tenant() }
    }

    /// Runs one transaction based on `current`. Returns the newer row as the inner error if the record has changed.
    ///
    /// The access rules were evaluated on `current`, whose version the transaction requires.
    async fn update_on(
        &self,
        current: &Record<R>,
        edit: &Edit<R>,
        locked: &[&str],
        write_id: &str,
    ) -> Result<Result<Record<R>, Option<Row>>, Error> {
        let invalid = || Error::Invalid(vec![Violation::pointer("", "would not leave a valid record")]);
        let resource = edit.apply(&current.resource).ok_or_else(invalid)?;
        let next = Record { version: current.version + 1, updated_at: now(), resource, ..current.clone() };
        let fields = edit.fields_of(&next.resource);
        let (old, new) = (to_object(&current.resource), to_object(&next.resource));
        if locked.iter().any(|field| old.get(*field) != new.get(*field)) {
            return Err(self.principal.refusal());
        }
        let write = self.write(write_id, next.updated_at);
        let expression = Expression::write::<R>(next.id, &fields, &write).require(&same_version_as(current));
        let mut steps = field_steps(self, next.id, &old, &new);
        steps.push(update_step(self.name(), next.id, expression));
        let Err(mut refusal) = commit(self.store, steps).await? else { return Ok(Ok(next)) };
        match refusal.take_record() {
            Some(newer) => Ok(Err(newer)),
            None => Err(refusal.into_conflict()),
        }
    }
}

// The requests, which are compiled once for all resources.
impl Store {
    /// Sends one `UpdateItem`. Returns the new row, or the current row as the inner error if the condition fails.
    async fn update_row(
        &self,
        table: String,
        id: Uuid,
        expression: &Expression,
    ) -> Result<Result<Row, Option<Row>>, Error> {
        let send = || {
            let request = self.client_without_retries.update_item().table_name(&table).key(ID, string(id));
            request
                .update_expression(expression.update())
                .condition_expression(expression.condition())
                .set_expression_attribute_names(Some(expression.names.clone()))
                .set_expression_attribute_values(Some(expression.values.clone()))
                .return_values(ReturnValue::AllNew)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
        };
        match retry_while_busy(&self.budget, send, retry_reason).await {
            Ok(output) => Ok(Ok(output.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => Ok(Err(failed.item().cloned())),
                _ => Err(to_error(error)),
            },
        }
    }
}

fn update_step(table: String, id: Uuid, expression: Expression) -> Step {
    let update = Update::builder()
        .table_name(table)
        .key(ID, string(id))
        .update_expression(expression.update())
        .condition_expression(expression.condition())
        .set_expression_attribute_names(Some(expression.names))
        .set_expression_attribute_values(Some(expression.values));
    Step { action: transaction::update(update), guard: Guard::Record }
}

/// Returns true if the precondition requires the row's version.
fn is_required_version(precondition: &Precondition, row: &Row) -> bool {
    let version = row.get(VERSION).and_then(|version| version.as_n().ok()?.parse().ok());
    *precondition != Precondition::Exists && version.is_some_and(|version| precondition.holds(version))
}
