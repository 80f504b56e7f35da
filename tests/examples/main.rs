//! Tests of the examples, which leave with them: publication, the archiving of a deleted user's items, the samples and
//! the migrations of items. The tests of the service cover what every resource has.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod items;
mod seed;
#[path = "../support/mod.rs"]
mod support;

use serverless_crud::{local::Options, service};
use support::TestServer;

/// A resource of the size of an example fits on a page.
#[test]
fn each_example_has_at_most_70_lines() {
    for text in [include_str!("../../src/resources/item.rs"), include_str!("../../src/resources/user.rs")] {
        assert!(text.lines().count() <= 70, "{}", text.lines().next().unwrap());
    }
}

/// Starts a server of the project.
pub async fn server(change: impl FnOnce(&mut Options)) -> TestServer {
    TestServer::of(service(), change).await
}
