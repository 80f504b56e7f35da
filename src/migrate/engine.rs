//! The backfill of one migration: segments side by side, page by page, a checkpoint after each.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};
use tokio::sync::Semaphore;

use super::{
    Budget, Failure, Halt, Lock, Progress, Width,
    file::{Change, Migration},
    patience::patiently,
    row::update_of,
};
use crate::{
    error::Error,
    store::{Entry, Found, PageRequest, RowUpdate, ScannedPage, Segment, Store, Written, metered},
};

/// How often a record is read anew when others get in between.
const RACES: usize = 50;
/// How many records are remembered by name of those that refuse.
const NAMED_REFUSALS: usize = 50;
/// How much of a reason is remembered.
const LONGEST_REASON: usize = 200;

/// The backfill of one migration under a lock.
pub struct Engine<'a> {
    /// The tables.
    pub store: &'a Store,
    /// The lock.
    pub lock: &'a Lock<'a>,
    /// What is done.
    pub migration: &'a Migration,
    /// How much at once.
    pub width: &'a Width,
    /// The budget of reads.
    pub reads: &'a Budget,
    /// The budget of writes.
    pub writes: &'a Budget,
    /// The writes that may be under way at once, in all segments together.
    pub slots: &'a Semaphore,
    /// When it went on, and how long it had run before.
    pub since: (Instant, u64),
    /// When to stop.
    pub halt: &'a Halt,
    /// What has been done.
    pub progress: &'a Progress,
    /// Whether a written row has been looked at, to see that it no longer matches.
    pub is_proven: AtomicBool,
}

/// What became of a matching row.
enum Fate {
    Written,
    Skipped,
    Refused(String, String),
    /// It was not reached: the run stops.
    Left,
}

impl Engine<'_> {
    /// Goes through all segments from their checkpoints; false when it was stopped before the end.
    ///
    /// # Errors
    /// [`Failure::Fenced`] when the lock is lost, [`Failure::Refused`] when a written record still matches.
    pub async fn run(&self, entry: &Mutex<Entry>) -> Result<bool, Failure> {
        let count = entry.lock().unwrap_or_else(PoisonError::into_inner).segments.len();
        let segments = (0..count).map(|segment| stopped(self.run_segment(entry, segment, count)));
        Ok(try_join_all(segments).await?.into_iter().all(|is_done| is_done))
    }

    /// For how long it has run, breaks left out, in milliseconds.
    pub fn duration(&self) -> u64 {
        let (start, before) = self.since;
        before + u64::try_from(start.elapsed().as_millis()).unwrap_or_default()
    }

    async fn run_segment(&self, entry: &Mutex<Entry>, place: usize, count: usize) -> Result<bool, Failure> {
        let (mut segment, mark) = {
            let entry = entry.lock().unwrap_or_else(PoisonError::into_inner);
            (entry.segments[place].clone(), entry.mark.clone())
        };
        while !segment.done {
            let page = self.read_page(&segment, (place, count), &mark).await?;
            segment = self.carry_out(page, &segment, &mark).await?;
            let current = {
                let mut entry = entry.lock().unwrap_or_else(PoisonError::into_inner);
                let others = entry.segments.iter().enumerate().filter(|(other, _)| *other != place);
                let named: usize = others.map(|(_, segment)| segment.refusals.len()).sum();
                segment.refusals.truncate(NAMED_REFUSALS.saturating_sub(named));
                entry.segments[place] = segment.clone();
                entry.duration_ms = self.duration();
                entry.clone()
            };
            if !self.patiently(|| self.store.ledger_checkpoint(&current, place)).await? {
                return Err(Failure::Fenced);
            }
        }
        Ok(true)
    }

    async fn read_page(&self, segment: &Segment, place: (usize, usize), mark: &str) -> Result<ScannedPage, Failure> {
        let narrow = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        let request = PageRequest {
            table: self.migration.shape.table,
            segment: (narrow(place.0), narrow(place.1)),
            after: segment.after.as_deref(),
            limit: self.reads.page(self.width.page, place.1),
            filter: &self.migration.filter,
            mark,
            whole: matches!(self.migration.change, Change::Transform(_)),
        };
        let reserved = self.reads.wait(self.halt).await?;
        let (page, units) = metered(self.patiently(|| self.store.scan_page(&request))).await;
        self.reads.settle_page(&reserved, units, request.limit);
        self.progress.count_read(units);
        page
    }

    /// Writes the rows of a page: the segment's checkpoint after it.
    async fn carry_out(&self, page: ScannedPage, segment: &Segment, mark: &str) -> Result<Segment, Failure> {
        let mut rows = page.rows.into_iter();
        let mut fates = Vec::new();
        // The first write goes alone, to be looked at before there are more.
        while !self.is_proven.load(Ordering::Relaxed)
            && let Some(row) = rows.next()
        {
            fates.push(self.prove(row, mark).await?);
        }
        let at_once = usize::from(self.width.writes.max(1));
        let others = stream::iter(rows).map(|row| self.settle(row, mark)).buffer_unordered(at_once);
        fates.extend(others.try_collect::<Vec<_>>().await?);
        let mut next = segment.clone();
        for fate in fates {
            match fate {
                Fate::Written => next.written += 1,
                Fate::Skipped => next.skipped += 1,
                Fate::Refused(id, reason) => {
                    next.refused += 1;
                    if next.refusals.len() < NAMED_REFUSALS {
                        next.refusals.push((id, reason.chars().take(LONGEST_REASON).collect()));
                    }
                }
                Fate::Left => return Err(Failure::Stopped),
            }
        }
        next.scanned += page.scanned;
        self.progress.scanned.fetch_add(page.scanned, Ordering::Relaxed);
        next.done = page.next.is_none();
        next.after = page.next.or(next.after);
        Ok(next)
    }

    /// Writes a row and asks DynamoDB whether it still matches: then each resume would write it again.
    async fn prove(&self, row: Found, mark: &str) -> Result<Fate, Failure> {
        let id = row.id().to_owned();
        let fate = self.settle(row, mark).await?;
        let (table, filter) = (self.migration.shape.table, &self.migration.filter);
        if matches!(fate, Fate::Written) {
            let is_expression = matches!(self.migration.change, Change::Expression { .. });
            let matches = match is_expression {
                true => self.patiently(|| self.store.still_matches(table, &id, filter, mark)).await?,
                false => Some(false),
            };
            match matches {
                Some(true) => {
                    return Err(Failure::Refused(vec![format!(
                        "{}: {id} still matches the filter after its update, so that nothing would tell what is done: \
                         make the filter leave out what the update makes; no other record was written",
                        self.migration.title()
                    )]));
                }
                Some(false) => self.is_proven.store(true, Ordering::Relaxed),
                // It is another's write by now.
                None => {}
            }
        }
        Ok(fate)
    }

    /// What becomes of one row.
    async fn settle(&self, row: Found, mark: &str) -> Result<Fate, Failure> {
        if row.has_mark(mark) {
            return Ok(Fate::Written);
        }
        let id = row.id().to_owned();
        let mut row = row;
        let is_expression = matches!(self.migration.change, Change::Expression { .. });
        let refused = |reason: String| {
            self.progress.refused.fetch_add(1, Ordering::Relaxed);
            Ok(Fate::Refused(id.clone(), reason))
        };
        for _ in 0..RACES {
            let update = match update_of(self.migration, &row, mark) {
                Ok(Some(update)) => update,
                Ok(None) => return Ok(Fate::Skipped),
                Err(reason) => return refused(reason),
            };
            match self.write(&id, &update).await {
                // The writes beside it come to their end.
                Err(Failure::Stopped) => return Ok(Fate::Left),
                Err(failure) => return Err(failure),
                Ok(Written::Done) => {
                    self.progress.written.fetch_add(1, Ordering::Relaxed);
                    return Ok(Fate::Written);
                }
                Ok(Written::Refused(reason)) if is_about_expression(&reason) && is_expression => {
                    let fault = format!("{}: DynamoDB cannot read it: {reason}", self.migration.title());
                    return Err(Failure::Refused(vec![fault]));
                }
                Ok(Written::Refused(reason)) => return refused(reason),
                // An expression asks nothing but that the row matches: it does not.
                Ok(Written::Moved(_)) if is_expression => return Ok(Fate::Skipped),
                Ok(Written::Moved(None)) => return Ok(Fate::Skipped),
                // Of the version it was made from, a row that refuses it no longer matches.
                Ok(Written::Moved(Some(met))) if met.version() == row.version() => return Ok(Fate::Skipped),
                Ok(Written::Moved(Some(met))) => row = met,
            }
        }
        refused("other writes to the record kept getting in between".into())
    }

    /// One write, unless the run is to stop.
    async fn write(&self, id: &str, update: &RowUpdate) -> Result<Written, Failure> {
        let _slot = self.slots.acquire().await.expect("it is never closed");
        let reserved = self.writes.wait(self.halt).await?;
        let table = self.migration.shape.table;
        let (written, units) = metered(self.patiently(|| self.store.write_row(table, id, update))).await;
        self.writes.settle(&reserved, units);
        self.progress.count_write(units);
        written
    }

    /// Sends a request, and only while the lock is held.
    async fn patiently<T, F>(&self, send: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Error>>,
    {
        patiently(self.halt, || self.lock.is_good(), send).await
    }
}

/// Whether a write is refused for what the file says, whatever the record.
fn is_about_expression(reason: &str) -> bool {
    reason.contains("Invalid UpdateExpression") || reason.contains("Invalid ConditionExpression")
}

/// False when it was stopped before its end.
async fn stopped(work: impl Future<Output = Result<bool, Failure>>) -> Result<bool, Failure> {
    match work.await {
        Err(Failure::Stopped) => Ok(false),
        outcome => outcome,
    }
}
