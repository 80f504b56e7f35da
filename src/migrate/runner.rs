//! `up`: applies what is pending, one migration after the other, under the lock.

use std::{
    sync::{Mutex, PoisonError, atomic::AtomicBool},
    time::Instant,
};

use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{
    Budget, Engine, Failure, Halt, Lock, Progress, Ran, Report, Settings,
    file::Migration,
    history::{Standing, standing},
    patience::patiently,
};
use crate::{
    error::Error,
    record::{format_time, now},
    store::{Entry, Segment, State, Store},
};

/// Applies what is pending. Where nothing is, it takes no lock and writes nothing.
///
/// # Errors
/// [`Failure`]; what was done before it stays done, and is not done again.
pub async fn up(
    store: &Store,
    migrations: Vec<Migration>,
    settings: &Settings,
    halt: &Halt,
    progress: &Progress,
) -> Result<Report, Failure> {
    let known = standing(store, migrations, halt).await?;
    check_asked(&known, settings)?;
    if !known.iter().any(|standing| is_asked(standing, settings)) {
        return Ok(Report { done: true, pending: pending(&known), ..Report::default() });
    }
    let lock = match Lock::take(store, &settings.lock, halt).await {
        Err(Failure::Stopped) => return Ok(Report { stopped: true, pending: pending(&known), ..Report::default() }),
        taken => taken?,
    };
    let run = Run { store, lock: &lock, settings, halt, progress };
    let outcome = tokio::select! {
        outcome = run.all(known) => outcome,
        failure = lock.keep() => Err(failure),
    };
    lock.release().await;
    outcome
}

fn check_asked(known: &[Standing], settings: &Settings) -> Result<(), Failure> {
    let refuse = |fault: String| Err(Failure::Refused(vec![fault]));
    let find = |number: u32| known.iter().find(|standing| standing.migration.number == number);
    if let Some(to) = settings.to.filter(|to| find(*to).is_none()) {
        return refuse(format!("there is no migration {to:04} to go up to"));
    }
    match settings.again.map(|again| (again, find(again))) {
        Some((again, None)) => refuse(format!("there is no migration {again:04} to run again")),
        Some((again, Some(found))) if !found.is_applied() => {
            refuse(format!("migration {again:04} has not been applied yet: run `up` without --again"))
        }
        _ => Ok(()),
    }
}

fn is_asked(standing: &Standing, settings: &Settings) -> bool {
    let number = standing.migration.number;
    match settings.again {
        Some(again) => again == number,
        None => !standing.is_applied() && settings.to.is_none_or(|to| number <= to),
    }
}

fn pending(known: &[Standing]) -> usize {
    known.iter().filter(|standing| !standing.is_applied()).count()
}

/// A run that holds the lock.
struct Run<'a> {
    store: &'a Store,
    lock: &'a Lock<'a>,
    settings: &'a Settings,
    halt: &'a Halt,
    progress: &'a Progress,
}

impl Run<'_> {
    async fn all(&self, known: Vec<Standing>) -> Result<Report, Failure> {
        let mut report = Report { pending: pending(&known), ..Report::default() };
        match self.each(known, &mut report).await {
            Err(Failure::Stopped) => report.stopped = true,
            outcome => outcome?,
        }
        Ok(report)
    }

    async fn each(&self, known: Vec<Standing>, report: &mut Report) -> Result<(), Failure> {
        // Another run may have done some of it while this one waited for the lock.
        let migrations = known.into_iter().map(|standing| standing.migration).collect();
        let known = standing(self.store, migrations, self.halt).await?;
        report.pending = pending(&known);
        let (reads, writes) = (Budget::new(self.settings.max_rcu), Budget::new(self.settings.max_wcu));
        for standing in known.iter().filter(|standing| is_asked(standing, self.settings)) {
            if self.halt.is_due() {
                return Err(Failure::Stopped);
            }
            let entry = self.one(standing, &reads, &writes).await?;
            report.stopped = entry.state == State::Running;
            let is_applied = entry.state == State::Applied;
            report.pending -= usize::from(is_applied && !standing.is_applied());
            report.migrations.push(Ran::of(&entry));
            if !is_applied {
                return Ok(());
            }
        }
        report.done = true;
        Ok(())
    }

    async fn one(&self, standing: &Standing, reads: &Budget, writes: &Budget) -> Result<Entry, Failure> {
        let migration = &standing.migration;
        let entry = self.begin(standing).await?;
        let since = (Instant::now(), entry.duration_ms);
        let entry = Mutex::new(entry);
        let slots = Semaphore::new(self.settings.width.writes.max(1).into());
        let engine = Engine {
            store: self.store,
            lock: self.lock,
            migration,
            width: &self.settings.width,
            reads,
            writes,
            slots: &slots,
            since,
            halt: self.halt,
            progress: self.progress,
            is_proven: AtomicBool::new(false),
        };
        let is_through = Box::pin(engine.run(&entry)).await?;
        let mut entry = entry.into_inner().unwrap_or_else(PoisonError::into_inner);
        entry.duration_ms = engine.duration();
        if is_through {
            let is_whole = entry.segments.iter().all(|segment| segment.refused == 0);
            entry.state = if is_whole { State::Applied } else { State::Incomplete };
            entry.finished_at = Some(format_time(&now()));
        }
        if self.patiently(|| self.store.ledger_state(&entry)).await? { Ok(entry) } else { Err(Failure::Fenced) }
    }

    async fn patiently<T, F>(&self, send: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Error>>,
    {
        patiently(self.halt, || self.lock.is_good(), send).await
    }

    /// The entry to go on from: a new one, one that stopped on the way, or one to go through once more.
    async fn begin(&self, Standing { migration, entry }: &Standing) -> Result<Entry, Failure> {
        let (fence, who) = (self.lock.fence(), &self.settings.lock.who);
        if let Some(known) = entry {
            let taken = self.patiently(|| self.store.ledger_take(known.number, fence, who)).await?;
            let taken = taken.ok_or(Failure::Fenced)?;
            if taken.state == State::Running {
                return Ok(taken);
            }
        }
        let segments = usize::from(self.settings.width.segments.max(1));
        let entry = Entry {
            number: migration.number,
            name: migration.name.clone(),
            checksum: migration.checksum.clone(),
            state: State::Running,
            who: who.clone(),
            started_at: format_time(&now()),
            finished_at: None,
            duration_ms: 0,
            mark: format!("migration-{:04}-{}", migration.number, Uuid::now_v7()),
            fence,
            segments: vec![Segment::default(); segments],
        };
        if self.patiently(|| self.store.ledger_begin(&entry)).await? { Ok(entry) } else { Err(Failure::Fenced) }
    }
}
