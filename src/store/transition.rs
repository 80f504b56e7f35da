//! State transitions: one field changes from an expected value to another.

use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    Table,
    expression::Expression,
    row::{decode, is_written_by},
    table::new_write_id,
};
use crate::{
    error::Error,
    record::{Precondition, Record, Resource, View, now},
};

impl<R: Resource> Table<'_, R> {
    /// Changes `field` from one value to another if the precondition holds. Returns the current record as the inner error
    /// if the field has another value.
    ///
    /// It is one `UpdateItem`: the expected value is part of its condition, and DynamoDB returns the record that failed it.
    /// An update whose response is lost is not sent again, since the record shows whether it took effect.
    ///
    /// The field must be neither unique nor a reference. The rule is that of an update. The rules of the field itself do not
    /// apply, since the action decides about it.
    ///
    /// # Errors
    /// Returns [`Error::NotFound`], [`Error::Forbidden`] or [`Error::StaleVersion`]. The precondition is evaluated before the state (RFC 9110
    /// §13.2.1).
    pub async fn transition<T: Serialize>(
        &self,
        id: Uuid,
        precondition: &Precondition,
        field: &str,
        from: T,
        to: T,
    ) -> Result<Result<View<R>, View<R>>, Error> {
        let allowed = self.require(&R::ACCESS.update)?;
        let json = |value: T| serde_json::to_value(value).map_err(|error| Error::Internal(error.into()));
        let (from, to): (Value, Value) = (json(from)?, json(to)?);
        let write_id = new_write_id();
        let fields = Map::from_iter([(field.to_owned(), to)]);
        let mut expression = Expression::write::<R>(id, &fields, &self.write(&write_id, now()))
            .require(precondition)
            .require_access(&allowed);
        expression.require_unchanged(field, &from);
        let row = match self.send_update(id, &expression).await {
            Ok(Ok(record)) => return Ok(Ok(self.view(record))),
            Ok(Err(row)) => row.ok_or(Error::NotFound)?,
            Err(Error::Unavailable(cause)) => {
                let row = self.read(id).await?.filter(|row| is_written_by(row, &write_id));
                return Ok(Ok(self.view(decode(row.ok_or(Error::Unavailable(cause))?)?)));
            }
            Err(error) => return Err(error),
        };
        self.check_write(&row, &allowed)?;
        let current: Record<R> = decode(row)?;
        if precondition.holds(current.version) { Ok(Err(self.view(current))) } else { Err(Error::StaleVersion) }
    }
}
