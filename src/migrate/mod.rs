//! Migrations: change the data of live tables, as the files of `migrations/` say.
//!
//! [`compiled`] reads the files, [`standing`] holds them against the ledger, and [`up`] applies what is pending:
//! it takes the [`Lock`], and has the engine go through the table of one migration after the other. Each
//! write has the file's filter as its condition. docs/migrations.md says why that is enough.

mod budget;
mod engine;
mod expression;
mod failure;
mod file;
mod folder;
mod halt;
mod history;
mod job;
mod lock;
#[path = "../../migrations/mod.rs"]
mod migrations;
mod patience;
mod plan;
mod progress;
mod proof;
mod report;
mod row;
mod runner;
mod settings;
mod settle;

pub use budget::{Budget, Reserved};
pub use expression::Clauses;
pub use failure::Failure;
pub use file::{Change, Fields, Migration, Transform};
pub use folder::{compiled, read};
pub use halt::Halt;
pub use history::{Standing, remembered, standing};
pub use job::{job, job_with};
pub use lock::{Lock, LockSettings};
pub use plan::{Example, Looker, Plan};
pub use progress::Progress;
pub use report::{Ran, Report};
pub use runner::up;
pub use settings::{RATES, SEGMENTS, Settings, Width};
