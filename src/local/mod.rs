//! The local server: an embedded DynamoDB behind a gateway that behaves as API Gateway does.

mod bus;
mod database;
mod docs;
mod error;
pub mod event;
mod gateway;
mod options;
mod payload;
mod plan;
mod pump;
mod router;
mod server;
mod validation;
mod welcome;

pub use error::StartError;
pub use options::Options;
pub use server::{Server, start};
pub use welcome::welcome;
