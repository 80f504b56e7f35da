//! The local server: an embedded DynamoDB behind a gateway that behaves as API Gateway does.

mod authorization;
mod bus;
mod database;
mod delivery;
mod disk;
mod docs;
mod error;
mod failed;
mod gateway;
mod health;
mod indexes;
mod invocations;
mod issuer;
mod options;
mod payload;
mod plan;
mod queue_poller;
mod queues;
mod reset;
mod scratch;
mod server;
mod signals;
mod stream_poller;
mod upstream;
mod upstream_stand_in;
mod validation;
mod welcome;

pub use database::embedded_client;
pub use error::StartError;
pub use issuer::{Issuer, TokenClaims};
pub use options::Options;
pub use reset::{Reset, reset};
pub use scratch::Scratch;
pub use server::{Server, start};
pub use signals::stop_signal;
pub use welcome::welcome;
