//! What is stored: one file a resource, which knows neither HTTP nor AWS.

mod item;
mod user;

pub use item::{Item, ItemStatus};
pub use user::{User, UserRole};
