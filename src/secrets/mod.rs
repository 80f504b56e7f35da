//! Secrets in AWS Secrets Manager: fetched when needed, cached for some minutes, and fetched again on demand.

mod fetched;
mod secret;

pub use fetched::{Cached, Fetched};
pub use secret::{FromSecret, Secret};
