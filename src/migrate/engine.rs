//! The backfill of one migration: parallel segments, read page by page, with a checkpoint after each page.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};

use super::{
    Failure,
    file::{Change, Migration},
    run::Run,
};
use crate::store::{Entry, PageRequest, ScannedPage, Segment, WriteMarker, metered};

/// The maximum number of refused records stored in the ledger.
const MAX_NAMED_REFUSALS: usize = 50;
/// The maximum stored length of a refusal reason, in characters.
const MAX_REASON_LENGTH: usize = 200;

/// The outcome for a matching row.
pub enum RowOutcome {
    /// It was written.
    Written,
    /// An earlier pass wrote and counted it.
    WrittenEarlier,
    /// It needed no write by the time it was processed.
    Skipped,
    /// The change was refused, with id and reason.
    Refused(String, String),
    /// It was not processed, because the run is stopping.
    NotProcessed,
}

/// The backfill of one migration, run under the lock.
pub struct Engine<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) migration: &'a Migration,
    /// The ledger entry of the migration.
    entry: Mutex<Entry>,
    /// The start of this run, and the milliseconds of earlier runs.
    started: (Instant, u64),
    /// The number of writes that took effect, or may have.
    pub(super) sent: AtomicU64,
    /// True once a written row was verified to no longer match the filter.
    pub(super) is_verified: AtomicBool,
    /// Serializes writes until one is verified.
    pub(super) first_write: tokio::sync::Mutex<()>,
}

impl<'a> Engine<'a> {
    /// Continues from a ledger entry.
    pub fn new(run: &'a Run<'a>, migration: &'a Migration, entry: Entry) -> Self {
        Self {
            run,
            migration,
            started: (Instant::now(), entry.duration_ms),
            sent: AtomicU64::new(entry.pinned.into()),
            is_verified: AtomicBool::new(entry.proven),
            first_write: tokio::sync::Mutex::new(()),
            entry: Mutex::new(entry),
        }
    }

    /// Processes all segments from their checkpoints. Returns false if it was stopped before the end.
    ///
    /// # Errors
    /// [`Failure::Fenced`] if the lock is lost, [`Failure::Refused`] if a written record still matches.
    pub async fn run(&self) -> Result<bool, Failure> {
        let count = self.entry_snapshot().segments.len();
        let segments_done = async {
            self.recheck_probe().await?;
            let segments = (0..count).map(|index| false_if_stopped(self.run_segment(index, count)));
            Ok(try_join_all(segments).await?.into_iter().all(|is_done| is_done))
        };
        false_if_stopped(segments_done).await
    }

    /// Returns the ledger entry to store after the run.
    pub fn into_entry(self) -> Entry {
        let has_sent = self.sent.load(Ordering::Relaxed) > 0;
        self.with_entry(|entry| {
            entry.pinned = has_sent;
            entry.duration_ms = self.duration();
        });
        self.entry.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn entry_snapshot(&self) -> Entry {
        self.with_entry(|entry| entry.clone())
    }

    pub(super) fn with_entry<T>(&self, change: impl FnOnce(&mut Entry) -> T) -> T {
        change(&mut self.entry.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn duration(&self) -> u64 {
        let (start, before) = self.started;
        before + u64::try_from(start.elapsed().as_millis()).unwrap_or_default()
    }

    async fn run_segment(&self, index: usize, count: usize) -> Result<bool, Failure> {
        let entry = self.entry_snapshot();
        let (mut segment, marker) = (entry.segments[index].clone(), entry.marker());
        while !segment.done {
            let page = self.read_page(&segment, (index, count), &marker).await?;
            segment = self.write_page(page, &segment, &marker).await?;
            let current = self.with_entry(|entry| {
                let others = entry.segments.iter().enumerate().filter(|(other, _)| *other != index);
                let named: usize = others.map(|(_, segment)| segment.refusals.len()).sum();
                segment.refusals.truncate(MAX_NAMED_REFUSALS.saturating_sub(named));
                entry.segments[index] = segment.clone();
                entry.duration_ms = self.duration();
                entry.clone()
            });
            if !self.run.with_retries(|| self.run.store.ledger_checkpoint(&current, index)).await? {
                return Err(Failure::Fenced);
            }
        }
        Ok(true)
    }

    async fn read_page(
        &self,
        segment: &Segment,
        (index, count): (usize, usize),
        marker: &WriteMarker,
    ) -> Result<ScannedPage, Failure> {
        let Run { store, settings, reads, halt, progress, .. } = self.run;
        let narrow = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        let request = PageRequest {
            table: self.migration.schema.table,
            segment: (narrow(index), narrow(count)),
            after: segment.after.as_deref(),
            limit: reads.page_size(settings.parallelism.page_size, count),
            filter: &self.migration.filter,
            marker,
            whole: matches!(self.migration.change, Change::Transform(_)),
        };
        let reservation = reads.reserve(halt).await?;
        let (page, units) = metered(self.run.with_retries(|| store.scan_page(&request))).await;
        reads.settle_page(&reservation, units, request.limit);
        progress.count_read(units);
        page.map_err(|failure| self.migration.read_failure(failure))
    }

    /// Writes the matching rows of a page and returns the segment's next checkpoint.
    async fn write_page(&self, page: ScannedPage, segment: &Segment, marker: &WriteMarker) -> Result<Segment, Failure> {
        let concurrency = usize::from(self.run.settings.parallelism.writes.max(1));
        let outcomes = stream::iter(page.rows).map(|row| self.write_row(row, marker)).buffer_unordered(concurrency);
        let mut next = segment.clone();
        for outcome in outcomes.try_collect::<Vec<_>>().await? {
            match outcome {
                RowOutcome::Written => next.written += 1,
                RowOutcome::WrittenEarlier => {}
                RowOutcome::Skipped => next.skipped += 1,
                RowOutcome::Refused(id, reason) => {
                    next.refused += 1;
                    if next.refusals.len() < MAX_NAMED_REFUSALS {
                        next.refusals.push((id, reason.chars().take(MAX_REASON_LENGTH).collect()));
                    }
                }
                RowOutcome::NotProcessed => return Err(Failure::Stopped),
            }
        }
        next.scanned += page.scanned;
        self.run.progress.scanned.fetch_add(page.scanned, Ordering::Relaxed);
        next.done = page.next.is_none();
        next.after = page.next.or(next.after);
        Ok(next)
    }
}

/// Turns [`Failure::Stopped`] into false.
async fn false_if_stopped(work: impl Future<Output = Result<bool, Failure>>) -> Result<bool, Failure> {
    match work.await {
        Err(Failure::Stopped) => Ok(false),
        outcome => outcome,
    }
}
