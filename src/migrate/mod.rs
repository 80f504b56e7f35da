//! Data migrations on live tables, defined by the files in `migrations/`.
//!
//! [`Migrations`] parses the files, [`load_status`] compares them with the ledger, and [`up`] applies the pending ones: it
//! takes the [`Lock`] and runs the backfill engine over the table of each migration in order. Each write has the
//! migration's filter as its condition expression. docs/migrations.md explains why that is sufficient.

mod budget;
mod engine;
mod expression;
mod failure;
mod file;
mod folder;
mod halt;
mod job;
mod lock;
mod plan;
mod probe;
mod progress;
mod report;
mod retry;
mod run;
mod runner;
mod settings;
mod status;
mod transform;
mod update;
mod write;

pub use budget::{Budget, Reservation};
pub use expression::Clauses;
pub use failure::Failure;
pub use file::{Change, Migration};
pub use folder::Migrations;
pub use halt::Halt;
pub use job::run_job;
pub use lock::{Lock, LockSettings};
pub use plan::{Example, Plan, Planner};
pub use progress::Progress;
pub use report::{MigrationReport, Report};
pub use runner::up;
pub use settings::{Parallelism, RATES, SEGMENTS, Settings};
pub use status::{MigrationStatus, load_status, read_ledger};
pub use transform::{Fields, Transform};
