//! `up`: applies pending migrations in order, under the lock.

use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{
    Budget, Failure, Halt, Lock, MigrationReport, Progress, Report, Settings,
    engine::Engine,
    file::Migration,
    run::Run,
    status::{MigrationStatus, belongs_to, edited_fault, load_status},
};
use crate::{
    record::{format_time, now},
    store::{Entry, MIGRATION, Segment, State, Store},
};

/// Applies pending migrations. Takes no lock and writes nothing if none is pending.
///
/// # Errors
/// Returns a [`Failure`]. Completed work is kept and is not repeated.
pub async fn up(
    store: &Store,
    migrations: Vec<Migration>,
    settings: &Settings,
    halt: &Halt,
    progress: &Progress,
) -> Result<Report, Failure> {
    let statuses = load_status(store, migrations, halt).await?;
    check_selection(&statuses, settings)?;
    let pending = count_pending(&statuses);
    if !statuses.iter().any(|status| is_selected(status, settings)) {
        return Ok(Report { done: true, pending, ..Report::default() });
    }
    let lock = match Lock::acquire(store, &settings.lock, halt).await {
        Err(Failure::Stopped) => return Ok(Report { stopped: true, pending, ..Report::default() }),
        acquired => acquired?,
    };
    let run = Run {
        store,
        lock: &lock,
        settings,
        reads: Budget::new(settings.max_rcu),
        writes: Budget::new(settings.max_wcu),
        slots: Semaphore::new(settings.parallelism.writes.max(1).into()),
        halt,
        progress,
    };
    let outcome = tokio::select! {
        outcome = run.apply_all(statuses) => outcome,
        failure = lock.send_heartbeats() => Err(failure),
    };
    lock.release().await;
    outcome
}

fn check_selection(statuses: &[MigrationStatus], settings: &Settings) -> Result<(), Failure> {
    let refuse = |fault: String| Err(Failure::Refused(vec![fault]));
    let find = |number: u32| statuses.iter().find(|status| status.migration.number == number);
    if let Some(to) = settings.to.filter(|to| find(*to).is_none()) {
        return refuse(format!("there is no migration {to:04} to stop at"));
    }
    match settings.again.map(|again| (again, find(again))) {
        Some((again, None)) => refuse(format!("there is no migration {again:04} to run again")),
        Some((again, Some(found))) if !found.is_applied() => {
            refuse(format!("migration {again:04} has not been applied yet: run `up` without --again"))
        }
        _ => Ok(()),
    }
}

fn is_selected(status: &MigrationStatus, settings: &Settings) -> bool {
    let number = status.migration.number;
    match settings.again {
        Some(again) => again == number,
        None => !status.is_applied() && settings.to.is_none_or(|to| number <= to),
    }
}

fn count_pending(statuses: &[MigrationStatus]) -> usize {
    statuses.iter().filter(|status| !status.is_applied()).count()
}

impl Run<'_> {
    async fn apply_all(&self, statuses: Vec<MigrationStatus>) -> Result<Report, Failure> {
        let mut report = Report { pending: count_pending(&statuses), ..Report::default() };
        match self.apply_selected(statuses, &mut report).await {
            Err(Failure::Stopped) => report.stopped = true,
            outcome => outcome?,
        }
        Ok(report)
    }

    async fn apply_selected(&self, statuses: Vec<MigrationStatus>, report: &mut Report) -> Result<(), Failure> {
        // Another run may have applied some of them while this one waited for the lock.
        let migrations = statuses.into_iter().map(|status| status.migration).collect();
        let statuses = load_status(self.store, migrations, self.halt).await?;
        report.pending = count_pending(&statuses);
        for status in statuses.iter().filter(|status| is_selected(status, self.settings)) {
            if self.halt.should_stop() {
                return Err(Failure::Stopped);
            }
            let entry = self.apply_migration(status).await?;
            let is_applied = entry.state == State::Applied;
            report.stopped = entry.state == State::Running;
            report.pending -= usize::from(is_applied && !status.is_applied());
            report.migrations.push(MigrationReport::of(&entry));
            if !is_applied {
                return Ok(());
            }
        }
        report.done = true;
        Ok(())
    }

    async fn apply_migration(&self, status: &MigrationStatus) -> Result<Entry, Failure> {
        let entry = self.start_entry(status).await?;
        if entry.state == State::Applied {
            return Ok(entry);
        }
        let engine = Engine::new(self, &status.migration, entry);
        // Boxed: nested futures of a run would overflow a thread's stack.
        let outcome = Box::pin(engine.run()).await;
        let mut entry = engine.into_entry();
        if let Ok(true) = outcome {
            let is_complete = entry.segments.iter().all(|segment| segment.refused == 0);
            entry.state = if is_complete { State::Applied } else { State::Incomplete };
            entry.finished_at = Some(format_time(&now()));
        }
        let saved = self.with_retries(|| self.store.ledger_state(&entry)).await;
        outcome?;
        if saved? { Ok(entry) } else { Err(Failure::Fenced) }
    }

    /// Returns the entry to continue from: a new one, an interrupted one, or one for another pass.
    async fn start_entry(
        &self,
        MigrationStatus { migration, entry, replaces }: &MigrationStatus,
    ) -> Result<Entry, Failure> {
        let mut was_applied = false;
        if entry.is_some() || *replaces {
            let (fence, who) = (self.lock.fence(), &self.settings.lock.who);
            let latest = self.with_retries(|| self.store.ledger_take(migration.number, fence, who)).await?;
            let latest = latest.ok_or(Failure::Fenced)?;
            match latest.state {
                _ if !belongs_to(&latest, migration) && latest.has_no_writes() => {}
                _ if !belongs_to(&latest, migration) => {
                    return Err(Failure::Refused(vec![edited_fault(&latest, migration)]));
                }
                // Another pass with the same mark: records written by earlier passes are not written again.
                State::Incomplete => return self.save_entry(latest.next_pass()).await,
                State::Applied if self.settings.again.is_some() => was_applied = true,
                // Applied in the meantime: an earlier holder's last write arrived after this run read the ledger.
                State::Running | State::Applied => return Ok(latest),
            }
        }
        let segments = usize::from(self.settings.parallelism.segments.max(1));
        self.save_entry(Entry {
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

    async fn save_entry(&self, entry: Entry) -> Result<Entry, Failure> {
        if self.with_retries(|| self.store.ledger_begin(&entry)).await? { Ok(entry) } else { Err(Failure::Fenced) }
    }
}
