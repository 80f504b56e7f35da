//! The stored resources, one per file. They depend on neither HTTP nor AWS.

mod item;
mod user;

pub use item::{Item, ItemStatus};
pub use user::{User, UserRole};
