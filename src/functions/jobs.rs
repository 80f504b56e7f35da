//! The list of functions that nothing calls by itself: they are started by hand or by a schedule.

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

/// What a migration does to a table.
const MIGRATION_ACTIONS: &[&str] = &["ConditionCheckItem", "Scan", "UpdateItem"];

/// A function that no operation calls.
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

/// Every job.
pub fn jobs() -> Vec<Job> {
    let tables = row_schemas().into_iter().map(|(table, _)| Grant::on(table, MIGRATION_ACTIONS));
    let ledger = Grant::on(BOOKKEEPING, &["GetItem", "PutItem", "UpdateItem"]);
    vec![Job {
        name: "migrations_run",
        grants: tables.chain([ledger]).collect(),
        run: |app, event, remaining| Box::pin(migrate::run_job(app, event, remaining)),
    }]
}
