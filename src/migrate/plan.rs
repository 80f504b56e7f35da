//! `plan` and `verify`: read-only scans of the tables.

use std::sync::atomic::Ordering;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Budget, Failure, Fields, Halt, Progress,
    file::{Change, Migration},
    retry::with_retries,
    update::build_update,
};
use crate::store::{PageRequest, ScannedPage, Store, StoredRow, WriteMarker, WriteOutcome, metered};

/// The maximum number of examples and refusals shown.
const MAX_EXAMPLES: usize = 5;
const PAGE_SIZE: u16 = 500;
/// The marker used for trial updates. No stored row has it.
const TRIAL_RUN: &str = "plan";

/// The predicted effect of a migration.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The number.
    pub number: u32,
    /// The name.
    pub name: String,
    /// The purpose.
    pub description: String,
    /// Rows scanned.
    pub scanned: u64,
    /// Rows it would change.
    pub would_change: u64,
    /// Rows refused.
    pub refused: u64,
    /// The id and reason of the first refused rows.
    pub refusals: Vec<(String, String)>,
    /// The first changed records.
    pub examples: Vec<Example>,
    /// The reason the migration cannot be applied as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl Plan {
    fn refuse(&mut self, row: &StoredRow, reason: String) {
        self.refused += 1;
        if self.refusals.len() < MAX_EXAMPLES {
            self.refusals.push((row.id().to_owned(), reason));
        }
    }
}

/// A record before and after its change.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Example {
    /// The record's id.
    pub id: String,
    /// The fields that differ, with their current values. An absent field is null.
    pub before: Fields,
    /// The same fields with their new values.
    pub after: Fields,
}

/// Predicts the effect of migrations on live tables.
pub struct Planner<'a> {
    /// The tables.
    pub store: &'a Store,
    /// An empty store with the same tables, in which examples are tried.
    pub scratch: Option<&'a Store>,
    /// The read budget.
    pub reads: &'a Budget,
    /// The stop signal.
    pub halt: &'a Halt,
    /// The counters to update.
    pub progress: &'a Progress,
}

impl Planner<'_> {
    /// Returns the effect of a migration on the table as it is, without the effects of earlier pending migrations.
    ///
    /// # Errors
    /// [`Failure::Store`], or [`Failure::Refused`] if DynamoDB cannot parse the file's expressions.
    pub async fn plan(&self, migration: &Migration) -> Result<Plan, Failure> {
        let mut plan = Plan {
            number: migration.number,
            name: migration.name.clone(),
            description: migration.description.clone(),
            scanned: 0,
            would_change: 0,
            refused: 0,
            refusals: Vec::new(),
            examples: Vec::new(),
            fault: None,
        };
        let mut after = None;
        loop {
            let wants_rows = matches!(migration.change, Change::Transform(_)) || plan.examples.len() < MAX_EXAMPLES;
            let (matched, page) = match self.read_page(migration, after.as_deref(), wants_rows).await {
                Err(Failure::Stopped) => break,
                page => page?,
            };
            plan.scanned += page.scanned;
            self.progress.scanned.fetch_add(page.scanned, Ordering::Relaxed);
            plan.would_change += matched;
            for row in page.rows {
                self.plan_row(migration, &row, &mut plan).await?;
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        Ok(plan)
    }

    /// Reads a page: its matching rows, or only their number if `wants_rows` is false.
    async fn read_page(
        &self,
        migration: &Migration,
        after: Option<&str>,
        wants_rows: bool,
    ) -> Result<(u64, ScannedPage), Failure> {
        let (filter, marker) = (&migration.filter, &WriteMarker::new(TRIAL_RUN, 0));
        let limit = self.reads.page_size(PAGE_SIZE, 1);
        let (table, segment) = (migration.schema.table, (0, 1));
        let request = PageRequest { table, segment, after, limit, filter, marker, whole: true };
        let reservation = self.reads.reserve(self.halt).await?;
        let send = async || {
            if wants_rows {
                Ok((0, self.store.scan_page(&request).await?))
            } else {
                self.store.count_page(&request).await
            }
        };
        let (page, units) = metered(with_retries(self.halt, || true, send)).await;
        self.reads.settle_page(&reservation, units, limit);
        page.map_err(|failure| migration.read_failure(failure))
    }

    async fn plan_row(&self, migration: &Migration, row: &StoredRow, plan: &mut Plan) -> Result<(), Failure> {
        let marker = WriteMarker::new(TRIAL_RUN, 0);
        let update = match build_update(migration, row, &marker) {
            Ok(Some(update)) => update,
            Ok(None) => return Ok(()),
            Err(reason) => {
                plan.refuse(row, reason);
                return Ok(());
            }
        };
        plan.would_change += 1;
        let Some(scratch) = self.scratch.filter(|_| plan.examples.len() < MAX_EXAMPLES) else { return Ok(()) };
        let table = migration.schema.table;
        scratch.put_copy(table, row).await?;
        if let WriteOutcome::Refused(reason) = scratch.write_row(table, row.id(), &update).await? {
            if let Some(failure) = migration.write_failure(&reason) {
                return Err(failure);
            }
            plan.would_change -= 1;
            plan.refuse(row, reason);
            return Ok(());
        }
        let is_expression = matches!(migration.change, Change::Expression { .. });
        if is_expression && scratch.row_matches(table, row.id(), &migration.filter, &marker).await? == Some(true) {
            plan.fault = Some(format!("{} would still match the filter after its update", row.id()));
        }
        if let Some(changed) = scratch.read_row(table, row.id()).await? {
            plan.examples.push(example(row.id(), &row.all_fields(), &changed.all_fields()));
        }
        Ok(())
    }
}

/// Returns the fields that differ, except those that every write changes.
fn example(id: &str, before: &Fields, after: &Fields) -> Example {
    let fields = before.keys().chain(after.keys()).filter(|field| {
        before.get(*field) != after.get(*field)
            && !["version", "updatedAt", "writeId", "writtenBy"].contains(&field.as_str())
    });
    let fields: std::collections::BTreeSet<_> = fields.collect();
    let select = |record: &Fields| -> Map<String, Value> {
        fields.iter().map(|field| ((*field).clone(), record.get(*field).cloned().unwrap_or_default())).collect()
    };
    Example { id: id.to_owned(), before: select(before), after: select(after) }
}
