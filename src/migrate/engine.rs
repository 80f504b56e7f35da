//! The backfill of one migration: segments side by side, page by page, a checkpoint after each.

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
    runner::Run,
    settle::Fate,
};
use crate::store::{Entry, Mark, PageRequest, ScannedPage, Segment, metered};

/// How many records are remembered by name of those that refuse.
const NAMED_REFUSALS: usize = 50;
/// How much of a reason is remembered.
const LONGEST_REASON: usize = 200;

/// The backfill of one migration under a lock.
pub struct Engine<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) migration: &'a Migration,
    /// What the ledger knows of it.
    entry: Mutex<Entry>,
    /// When it went on, and how long it had run before.
    since: (Instant, u64),
    /// Writes that took effect, or may have.
    pub(super) sent: AtomicU64,
    /// Whether a written row has been looked at, to see that it no longer matches.
    pub(super) is_proven: AtomicBool,
    /// Until then each write waits for the one before.
    pub(super) turn: tokio::sync::Mutex<()>,
}

impl<'a> Engine<'a> {
    /// Goes on from what the ledger knows.
    pub fn new(run: &'a Run<'a>, migration: &'a Migration, entry: Entry) -> Self {
        Self {
            run,
            migration,
            since: (Instant::now(), entry.duration_ms),
            sent: AtomicU64::new(entry.pinned.into()),
            is_proven: AtomicBool::new(entry.proven),
            turn: tokio::sync::Mutex::new(()),
            entry: Mutex::new(entry),
        }
    }

    /// Goes through all segments from their checkpoints; false when it was stopped before the end.
    ///
    /// # Errors
    /// [`Failure::Fenced`] when the lock is lost, [`Failure::Refused`] when a written record still matches.
    pub async fn go(&self) -> Result<bool, Failure> {
        let count = self.known().segments.len();
        let all = async {
            self.look_again().await?;
            let segments = (0..count).map(|place| stopped(self.go_through(place, count)));
            Ok(try_join_all(segments).await?.into_iter().all(|is_through| is_through))
        };
        stopped(all).await
    }

    /// What the ledger is to know, once it is over.
    pub fn into_entry(self) -> Entry {
        let has_sent = self.sent.load(Ordering::Relaxed) > 0;
        self.with_entry(|entry| {
            entry.pinned = has_sent;
            entry.duration_ms = self.duration();
        });
        self.entry.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn known(&self) -> Entry {
        self.with_entry(|entry| entry.clone())
    }

    pub(super) fn with_entry<T>(&self, change: impl FnOnce(&mut Entry) -> T) -> T {
        change(&mut self.entry.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn duration(&self) -> u64 {
        let (start, before) = self.since;
        before + u64::try_from(start.elapsed().as_millis()).unwrap_or_default()
    }

    async fn go_through(&self, place: usize, count: usize) -> Result<bool, Failure> {
        let entry = self.known();
        let (mut segment, mark) = (entry.segments[place].clone(), entry.mark());
        while !segment.done {
            let page = self.read_page(&segment, (place, count), &mark).await?;
            segment = self.carry_out(page, &segment, &mark).await?;
            let current = self.with_entry(|entry| {
                let others = entry.segments.iter().enumerate().filter(|(other, _)| *other != place);
                let named: usize = others.map(|(_, segment)| segment.refusals.len()).sum();
                segment.refusals.truncate(NAMED_REFUSALS.saturating_sub(named));
                entry.segments[place] = segment.clone();
                entry.duration_ms = self.duration();
                entry.clone()
            });
            if !self.run.patiently(|| self.run.store.ledger_checkpoint(&current, place)).await? {
                return Err(Failure::Fenced);
            }
        }
        Ok(true)
    }

    async fn read_page(&self, segment: &Segment, place: (usize, usize), mark: &Mark) -> Result<ScannedPage, Failure> {
        let Run { store, settings, reads, halt, progress, .. } = self.run;
        let narrow = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        let request = PageRequest {
            table: self.migration.shape.table,
            segment: (narrow(place.0), narrow(place.1)),
            after: segment.after.as_deref(),
            limit: reads.page(settings.width.page, place.1),
            filter: &self.migration.filter,
            mark,
            whole: matches!(self.migration.change, Change::Transform(_)),
        };
        let reserved = reads.wait(halt).await?;
        let (page, units) = metered(self.run.patiently(|| store.scan_page(&request))).await;
        reads.settle_page(&reserved, units, request.limit);
        progress.count_read(units);
        page.map_err(|failure| self.migration.read_failure(failure))
    }

    /// Writes the rows of a page: the segment's checkpoint after it.
    async fn carry_out(&self, page: ScannedPage, segment: &Segment, mark: &Mark) -> Result<Segment, Failure> {
        let at_once = usize::from(self.run.settings.width.writes.max(1));
        let fates = stream::iter(page.rows).map(|row| self.settle(row, mark)).buffer_unordered(at_once);
        let mut next = segment.clone();
        for fate in fates.try_collect::<Vec<_>>().await? {
            match fate {
                Fate::Written => next.written += 1,
                Fate::Before => {}
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
        self.run.progress.scanned.fetch_add(page.scanned, Ordering::Relaxed);
        next.done = page.next.is_none();
        next.after = page.next.or(next.after);
        Ok(next)
    }
}

/// False when it was stopped before its end.
async fn stopped(work: impl Future<Output = Result<bool, Failure>>) -> Result<bool, Failure> {
    match work.await {
        Err(Failure::Stopped) => Ok(false),
        outcome => outcome,
    }
}
