//! Tests of the service through the gateway, with the functions' code and an embedded DynamoDB.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod bad_input;
mod contention;
mod cursor_keys;
mod faults;
mod grants;
mod history;
mod http_table;
mod items;
mod keys;
mod list_shards;
mod lists;
mod log_lines;
mod model;
mod orders;
mod publish;
mod races;
mod runtime;
mod samples;
mod secrets;
mod start;
mod storms;
#[path = "../support/mod.rs"]
mod support;
mod users;
