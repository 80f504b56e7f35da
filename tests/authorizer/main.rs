//! Tests of the authorizer: as a Lambda function, behind the local gateway, and with issuers that misbehave.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod abuse;
mod context;
mod discovery;
mod function;
mod issuer;
mod policy;
mod rotation;
mod schedule;
mod signer;
mod start;
#[path = "../support/mod.rs"]
mod support;
