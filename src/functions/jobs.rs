//! The list of jobs: functions that an operator or a schedule invokes.

use std::{pin::Pin, sync::Arc, time::Duration};

use serde::Serialize;
use serde_json::Value;

use crate::{
    app::App,
    error::Error,
    migrate,
    operations::{Grant, row_schemas},
    store::BOOKKEEPING,
};

/// The DynamoDB actions of a migration on a table.
const MIGRATION_ACTIONS: &[&str] = &["ConditionCheckItem", "Scan", "UpdateItem"];

/// A function that an operator or a schedule invokes.
#[derive(Clone, Debug, Serialize)]
pub struct Job {
    /// The function: Lambda's handler setting.
    pub name: &'static str,
    /// The DynamoDB actions it needs, and no others.
    pub grants: Vec<Grant>,
    /// The code.
    #[serde(skip)]
    pub run: fn(Arc<App>, Value, Duration) -> JobFuture,
}

/// The result of a job.
pub type JobFuture = Pin<Box<dyn Future<Output = Result<Value, Error>> + Send>>;

/// Returns every job.
pub fn jobs() -> Vec<Job> {
    let tables = row_schemas().into_iter().map(|(table, _)| Grant::on(table, MIGRATION_ACTIONS));
    let ledger = Grant::on(BOOKKEEPING, &["GetItem", "PutItem", "UpdateItem"]);
    vec![Job {
        name: "migrations_run",
        grants: tables.chain([ledger]).collect(),
        run: |app, event, remaining| Box::pin(migrate::run_job(app, event, remaining)),
    }]
}
