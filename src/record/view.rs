//! A record as one principal sees it.

use std::ops::Deref;

use serde::{Serialize, Serializer, ser::Error};

use super::{Record, Resource};

/// A record without the fields that the reader may not read. Only its JSON lacks them.
#[derive(Clone, Debug, PartialEq)]
pub struct View<R> {
    record: Record<R>,
    hidden: Vec<&'static str>,
}

impl<R> View<R> {
    /// Creates a view of the record without the fields in `hidden`.
    pub fn new(record: Record<R>, hidden: Vec<&'static str>) -> Self {
        Self { record, hidden }
    }

    /// Returns the whole record.
    pub fn into_record(self) -> Record<R> {
        self.record
    }
}

impl<R> Deref for View<R> {
    type Target = Record<R>;

    fn deref(&self) -> &Self::Target {
        &self.record
    }
}

impl<R: Resource> Serialize for View<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.hidden.is_empty() {
            return self.record.serialize(serializer);
        }
        let mut value = serde_json::to_value(&self.record).map_err(S::Error::custom)?;
        for field in &self.hidden {
            value.as_object_mut().map(|members| members.remove(*field));
        }
        value.serialize(serializer)
    }
}
