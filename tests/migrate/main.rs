//! Migrations: on old tables, with concurrent writers, crashes, faults and lock contention.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod access;
mod command;
mod crash;
mod engine;
mod files;
mod job;
mod limits;
mod locks;
mod project;
mod raw;
mod recipes;
mod refusals;
#[path = "../support/mod.rs"]
mod support;
mod writers;
