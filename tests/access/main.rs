//! Access rules, through the runtime with events of API Gateway and an embedded DynamoDB.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod abuse;
mod callers;
mod fields;
mod gateway;
mod history;
mod items;
mod lists;
mod principals;
mod races;
mod requests;
mod samples;
#[path = "../support/mod.rs"]
mod support;
mod tenants;
mod users;
