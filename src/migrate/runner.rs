//! `up`: applies what is pending, one migration after the other, under the lock.

use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{
    Budget, Failure, Halt, Lock, Progress, Ran, Report, Settings,
    engine::Engine,
    file::Migration,
    history::{Standing, edited, is_of, standing},
    patience::patiently,
};
use crate::{
    error::Error,
    record::{format_time, now},
    store::{Entry, MIGRATION, Segment, State, Store},
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
    let pending = pending(&known);
    if !known.iter().any(|standing| is_asked(standing, settings)) {
        return Ok(Report { done: true, pending, ..Report::default() });
    }
    let lock = match Lock::take(store, &settings.lock, halt).await {
        Err(Failure::Stopped) => return Ok(Report { stopped: true, pending, ..Report::default() }),
        taken => taken?,
    };
    let run = Run {
        store,
        lock: &lock,
        settings,
        reads: Budget::new(settings.max_rcu),
        writes: Budget::new(settings.max_wcu),
        slots: Semaphore::new(settings.width.writes.max(1).into()),
        halt,
        progress,
    };
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

/// A run that holds the lock: what all its migrations share.
pub struct Run<'a> {
    pub(super) store: &'a Store,
    pub(super) lock: &'a Lock<'a>,
    pub(super) settings: &'a Settings,
    pub(super) reads: Budget,
    pub(super) writes: Budget,
    /// The writes that may be under way at once.
    pub(super) slots: Semaphore,
    pub(super) halt: &'a Halt,
    pub(super) progress: &'a Progress,
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
        for standing in known.iter().filter(|standing| is_asked(standing, self.settings)) {
            if self.halt.is_due() {
                return Err(Failure::Stopped);
            }
            let entry = self.one(standing).await?;
            let is_applied = entry.state == State::Applied;
            report.stopped = entry.state == State::Running;
            report.pending -= usize::from(is_applied && !standing.is_applied());
            report.migrations.push(Ran::of(&entry));
            if !is_applied {
                return Ok(());
            }
        }
        report.done = true;
        Ok(())
    }

    async fn one(&self, standing: &Standing) -> Result<Entry, Failure> {
        let entry = self.begin(standing).await?;
        if entry.state == State::Applied {
            return Ok(entry);
        }
        let engine = Engine::new(self, &standing.migration, entry);
        // Boxed: one in the other, the futures of a run are more than the stack of a thread holds.
        let outcome = Box::pin(engine.go()).await;
        let mut entry = engine.into_entry();
        if let Ok(true) = outcome {
            let is_whole = entry.segments.iter().all(|segment| segment.refused == 0);
            entry.state = if is_whole { State::Applied } else { State::Incomplete };
            entry.finished_at = Some(format_time(&now()));
        }
        let noted = self.patiently(|| self.store.ledger_state(&entry)).await;
        outcome?;
        if noted? { Ok(entry) } else { Err(Failure::Fenced) }
    }

    /// Sends a request, and only while the lock is held.
    pub(super) async fn patiently<T, F>(&self, send: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Error>>,
    {
        patiently(self.halt, || self.lock.is_good(), send).await
    }

    /// The entry to go on from: a new one, one that stopped on the way, or one to go through once more.
    async fn begin(&self, Standing { migration, entry, replaces }: &Standing) -> Result<Entry, Failure> {
        let mut was_applied = false;
        if entry.is_some() || *replaces {
            let (fence, who) = (self.lock.fence(), &self.settings.lock.who);
            let taken = self.patiently(|| self.store.ledger_take(migration.number, fence, who)).await?;
            let taken = taken.ok_or(Failure::Fenced)?;
            match taken.state {
                _ if !is_of(&taken, migration) && taken.is_blank() => {}
                _ if !is_of(&taken, migration) => return Err(Failure::Refused(vec![edited(&taken, migration)])),
                // Another pass, with the same mark: what the ones before wrote is not written again.
                State::Incomplete => return self.set(taken.once_more()).await,
                State::Applied if self.settings.again.is_some() => was_applied = true,
                // Applied by now: the last word of an earlier holder came after the look at the ledger.
                State::Running | State::Applied => return Ok(taken),
            }
        }
        let segments = usize::from(self.settings.width.segments.max(1));
        self.set(Entry {
            number: migration.number,
            name: migration.name.clone(),
            checksum: migration.checksum.clone(),
            state: State::Running,
            who: self.settings.lock.who.clone(),
            started_at: format_time(&now()),
            finished_at: None,
            duration_ms: 0,
            mark: format!("{MIGRATION}{:04}-{}", migration.number, Uuid::now_v7()),
            pass: 0,
            fence: self.lock.fence(),
            pinned: was_applied,
            probe: None,
            proven: false,
            segments: vec![Segment::default(); segments],
        })
        .await
    }

    async fn set(&self, entry: Entry) -> Result<Entry, Failure> {
        if self.patiently(|| self.store.ledger_begin(&entry)).await? { Ok(entry) } else { Err(Failure::Fenced) }
    }
}
