//! Access: the principal of a request, and the rules that say what a principal may do.

mod condition;
mod principal;
mod rule;

pub use condition::{Condition, Predicate, TENANT};
pub use principal::{Kind, MAX_TENANT_BYTES, Principal, user_id};
pub use rule::{ADMIN, Access, FieldAccess, IDENTIFIED, OWNER_OR_ADMIN, Owner, Rule};
