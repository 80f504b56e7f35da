//! The access rules of a resource, applied to rows.

use serde_json::Value;

use super::{
    Table,
    row::{ID, Row, text_attribute},
};
use crate::{
    access::{Condition, FieldAccess, Kind, Owner, Rule},
    error::Error,
    record::{Record, Resource, View, to_object},
};

impl<'a, R: Resource> Table<'a, R> {
    /// Returns the tenant whose rows the table shows, if the resource has tenants.
    pub(super) fn tenant(&self) -> Option<&'a str> {
        self.principal.tenant.as_deref().filter(|_| R::TENANT)
    }

    /// Returns the condition of a rule for the principal, with its tenant.
    pub(super) fn condition(&self, rule: &Rule) -> Condition<'a> {
        let condition = rule.condition(self.principal, R::OWNER);
        if R::TENANT { condition.in_tenant_of(self.principal) } else { condition }
    }

    /// Returns the condition of a rule.
    ///
    /// # Errors
    /// Returns [`Error::Forbidden`] or [`Error::Unauthenticated`] if no record satisfies it. The response is the same for
    /// all ids, so that it reveals no record.
    pub(super) fn require(&self, rule: &Rule) -> Result<Condition<'a>, Error> {
        match self.condition(rule) {
            Condition::Never => Err(self.principal.refusal()),
            condition => Ok(condition),
        }
    }

    /// Checks that the principal may write the row: `allowed` is the condition of the write.
    ///
    /// # Errors
    /// Returns [`Error::NotFound`] if it may not even read the row, so that the row's existence stays unknown.
    pub(super) fn check_write(&self, row: &Row, allowed: &Condition) -> Result<(), Error> {
        if satisfies(row, allowed) {
            Ok(())
        } else if satisfies(row, &self.condition(&R::ACCESS.read)) {
            Err(self.principal.refusal())
        } else {
            Err(Error::NotFound)
        }
    }

    /// Returns the record without the fields that the principal may not read.
    pub(super) fn view(&self, record: Record<R>) -> View<R> {
        if R::PROTECTED.is_empty() {
            return View::new(record, Vec::new());
        }
        let (id, fields) = (record.id.to_string(), to_object(&record.resource));
        let hidden = self.hidden_fields(|name| match name {
            ID => Some(id.as_str()),
            name => fields.get(name).and_then(Value::as_str),
        });
        View::new(record, hidden)
    }

    /// Returns the fields that the principal may not read in a record with these text attributes.
    pub(super) fn hidden_fields<'r>(&self, attribute: impl Fn(&str) -> Option<&'r str>) -> Vec<&'static str> {
        let is_readable = |field: &FieldAccess| field.read.condition(self.principal, R::OWNER).holds(&attribute);
        R::PROTECTED.iter().filter(|field| !is_readable(field)).map(|field| field.field).collect()
    }

    /// Returns the protected fields with the condition under which the principal may change them, without those that it
    /// may always change.
    pub(super) fn locks(&self) -> impl Iterator<Item = (&'static str, Condition<'a>)> + use<'a, R> {
        let principal = self.principal;
        let locks = R::PROTECTED.iter().map(|field| (field.field, field.write.condition(principal, R::OWNER)));
        locks.filter(|(_, condition)| *condition != Condition::Always)
    }

    /// Returns the protected fields of a row that the principal may not change.
    pub(super) fn locked_fields(&self, row: &Row) -> Vec<&'static str> {
        self.locks().filter(|(_, condition)| !satisfies(row, condition)).map(|(field, _)| field).collect()
    }

    /// Checks a new record, whose row is `row`: the rule of a create holds, and protected fields have their defaults.
    pub(super) fn check_new(&self, record: &Record<R>, row: &Row, allowed: &Condition) -> Result<(), Error> {
        let fields = self.locked_fields(row);
        if satisfies(row, allowed) && (fields.is_empty() || has_defaults(&record.resource, &fields)) {
            Ok(())
        } else {
            Err(self.principal.refusal())
        }
    }

    /// Returns true if a record that the principal creates is its own, with its id.
    pub(super) fn creates_own_record(&self, allowed: &Condition) -> bool {
        R::OWNER == Owner::Id && self.principal.kind == Kind::User && matches!(allowed, Condition::Where(_))
    }
}

/// Returns true if the row satisfies the condition.
pub(super) fn satisfies(row: &Row, condition: &Condition) -> bool {
    condition.holds(|attribute| text_attribute(row, attribute))
}

/// Returns true if the fields have the values that they get when a body leaves them out.
fn has_defaults<R: Resource>(resource: &R, fields: &[&str]) -> bool {
    let mut rest = to_object(resource);
    rest.retain(|name, _| !fields.contains(&name.as_str()));
    serde_json::from_value::<R>(rest.into()).is_ok_and(|default| default == *resource)
}
