//! `plan` and `verify`: read the tables, and write nothing there.

use std::sync::atomic::Ordering;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Budget, Failure, Halt, Progress,
    file::{Change, Fields, Migration},
    patience::patiently,
    row::update_of,
};
use crate::store::{Found, Mark, PageRequest, ScannedPage, Store, Written, metered};

/// How many records are shown.
const EXAMPLES: usize = 5;
const PAGE: u16 = 500;
/// The mark of what is tried: no row of the tables has it.
const MARK: &str = "plan";

/// What a migration would do.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Rows looked at.
    pub scanned: u64,
    /// Rows it would change.
    pub would_change: u64,
    /// Rows that refuse.
    pub refused: u64,
    /// The first of those that refuse: id and reason.
    pub refusals: Vec<(String, String)>,
    /// The first of those it would change.
    pub examples: Vec<Example>,
    /// Why it cannot be applied as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl Plan {
    fn refuse(&mut self, row: &Found, reason: String) {
        self.refused += 1;
        if self.refusals.len() < EXAMPLES {
            self.refusals.push((row.id().to_owned(), reason));
        }
    }
}

/// A record before and after.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Example {
    /// Its id.
    pub id: String,
    /// The fields that differ, as they are; null where there is none.
    pub before: Fields,
    /// And as they would be.
    pub after: Fields,
}

/// Looks at tables.
pub struct Looker<'a> {
    /// The tables.
    pub store: &'a Store,
    /// A store of its own with the same tables, empty, in which examples are tried.
    pub scratch: Option<&'a Store>,
    /// The budget.
    pub reads: &'a Budget,
    /// When to stop.
    pub halt: &'a Halt,
    /// What has been done.
    pub progress: &'a Progress,
}

impl Looker<'_> {
    /// What a migration would do to the table as it is: nothing of what comes before it is supposed.
    ///
    /// # Errors
    /// [`Failure::Store`], or [`Failure::Refused`] where DynamoDB cannot read the file's expressions.
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
            let wants_rows = matches!(migration.change, Change::Transform(_)) || plan.examples.len() < EXAMPLES;
            let (matched, page) = match self.page(migration, after.as_deref(), wants_rows).await {
                Err(Failure::Stopped) => break,
                page => page?,
            };
            plan.scanned += page.scanned;
            self.progress.scanned.fetch_add(page.scanned, Ordering::Relaxed);
            plan.would_change += matched;
            for row in page.rows {
                self.look_at(migration, &row, &mut plan).await?;
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        Ok(plan)
    }

    /// A page's rows; or, where they are not wanted, how many match.
    async fn page(
        &self,
        migration: &Migration,
        after: Option<&str>,
        wants_rows: bool,
    ) -> Result<(u64, ScannedPage), Failure> {
        let (filter, mark) = (&migration.filter, &Mark::new(MARK, 0));
        let limit = self.reads.page(PAGE, 1);
        let (table, segment) = (migration.shape.table, (0, 1));
        let request = PageRequest { table, segment, after, limit, filter, mark, whole: true };
        let reserved = self.reads.wait(self.halt).await?;
        let send = async || {
            if wants_rows {
                Ok((0, self.store.scan_page(&request).await?))
            } else {
                self.store.count_page(&request).await
            }
        };
        let (page, units) = metered(patiently(self.halt, || true, send)).await;
        self.reads.settle_page(&reserved, units, limit);
        page.map_err(|failure| migration.read_failure(failure))
    }

    async fn look_at(&self, migration: &Migration, row: &Found, plan: &mut Plan) -> Result<(), Failure> {
        let mark = Mark::new(MARK, 0);
        let update = match update_of(migration, row, &mark) {
            Ok(Some(update)) => update,
            Ok(None) => return Ok(()),
            Err(reason) => {
                plan.refuse(row, reason);
                return Ok(());
            }
        };
        plan.would_change += 1;
        let Some(scratch) = self.scratch.filter(|_| plan.examples.len() < EXAMPLES) else { return Ok(()) };
        let table = migration.shape.table;
        scratch.put_copy(table, row).await?;
        if let Written::Refused(reason) = scratch.write_row(table, row.id(), &update).await? {
            if let Some(failure) = migration.write_failure(&reason) {
                return Err(failure);
            }
            plan.would_change -= 1;
            plan.refuse(row, reason);
            return Ok(());
        }
        let is_expression = matches!(migration.change, Change::Expression { .. });
        if is_expression && scratch.still_matches(table, row.id(), &migration.filter, &mark).await? == Some(true) {
            plan.fault = Some(format!("{} would still match the filter after its update", row.id()));
        }
        if let Some(changed) = scratch.read_row(table, row.id()).await? {
            plan.examples.push(example(row.id(), &row.all_fields(), &changed.all_fields()));
        }
        Ok(())
    }
}

/// The fields that differ, but for what every write changes.
fn example(id: &str, before: &Fields, after: &Fields) -> Example {
    let fields = before.keys().chain(after.keys()).filter(|field| {
        before.get(*field) != after.get(*field)
            && !["version", "updatedAt", "writeId", "writtenBy"].contains(&field.as_str())
    });
    let fields: std::collections::BTreeSet<_> = fields.collect();
    let part = |of: &Fields| -> Map<String, Value> {
        fields.iter().map(|field| ((*field).clone(), of.get(*field).cloned().unwrap_or_default())).collect()
    };
    Example { id: id.to_owned(), before: part(before), after: part(after) }
}
