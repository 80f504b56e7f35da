//! The names that the file of a resource uses, for `use crate::record::prelude::*`.

pub use chrono::{DateTime, Utc};
pub use iso_currency::Currency;
pub use schemars::JsonSchema;
pub use serde::{Deserialize, Serialize};
pub use serde_with_macros::skip_serializing_none;
pub use uuid::Uuid;
pub use validator::Validate;

pub use super::{Filter, Reference, Resource, Shards, Unique, optional_id, required_id, rules};
pub use crate::access::{ADMIN, Access, FieldAccess, IDENTIFIED, OWNER_OR_ADMIN, Owner, Rule};
