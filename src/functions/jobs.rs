//! Jobs: functions that an operator or a schedule invokes.

use std::{pin::Pin, sync::Arc, time::Duration};

use serde::Serialize;
use serde_json::Value;

use crate::{
    app::App,
    error::Error,
    migrate::{Migrations, run_job},
    operations::Grant,
    store::BOOKKEEPING,
};

/// The DynamoDB actions of a migration on a table.
const MIGRATION_ACTIONS: &[&str] = &["ConditionCheckItem", "Scan", "UpdateItem"];

/// A function that an operator or a schedule invokes.
#[derive(Serialize)]
pub struct Job {
    /// The function: Lambda's handler setting.
    pub name: &'static str,
    /// The DynamoDB actions it needs, and no others.
    pub grants: Vec<Grant>,
    /// The code.
    #[serde(skip)]
    pub run: Box<JobHandler>,
}

/// The code of a job, which receives the event and the remaining time.
pub type JobHandler = dyn Fn(Arc<App>, Value, Duration) -> JobFuture;
/// The result of a job.
pub type JobFuture = Pin<Box<dyn Future<Output = Result<Value, Error>> + Send>>;

/// Returns the job that applies the pending migrations.
pub fn migrations_run(migrations: Migrations) -> Job {
    let tables = migrations.schemas.iter().map(|schema| Grant::on(schema.table, MIGRATION_ACTIONS));
    let ledger = Grant::on(BOOKKEEPING, &["GetItem", "PutItem", "UpdateItem"]);
    Job {
        name: "migrations_run",
        grants: tables.chain([ledger]).collect(),
        run: Box::new(move |app, event, remaining| {
            let migrations = migrations.clone();
            Box::pin(run_job(move || migrations.compiled(), app, event, remaining))
        }),
    }
}
