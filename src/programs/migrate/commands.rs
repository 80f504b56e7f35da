//! The subcommands.

use std::{
    env, fs,
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use crate::{
    functions::Service,
    local::Scratch,
    migrate::{
        self, Budget, Failure, Halt, Migration, MigrationStatus, Parallelism, Plan, Planner, Progress, Settings,
    },
    store::Store,
};
use serde_json::{Value, json};

use super::{
    connect::connect,
    options::{Command, Options, UpOptions},
    output,
    progress_bar::with_progress_bar,
    status::{CommandError, ExitStatus},
};

/// Runs the selected subcommand.
pub async fn run(service: &Service, options: &Options) -> Result<ExitStatus, CommandError> {
    if let Command::New { name } = &options.command {
        return create_file(service, options, name);
    }
    let store = connect(options).await?;
    match &options.command {
        Command::Status => show_status(service, options, &store).await,
        Command::Plan(reading) => plan_or_verify(service, options, &store, reading.max_rcu, false).await,
        Command::Verify(reading) => plan_or_verify(service, options, &store, reading.max_rcu, true).await,
        Command::Up(up) => apply(service, options, &store, up).await,
        Command::Repair { yes } => repair(options, &store, *yes).await,
        Command::New { .. } => unreachable!("handled above"),
    }
}

fn load_files(service: &Service, options: &Options) -> Result<Vec<Migration>, CommandError> {
    let sources = service.migration_sources();
    match &options.folder {
        Some(folder) => Ok(sources.read(folder)?),
        None => Ok(sources.compiled()?),
    }
}

async fn load_status(
    service: &Service,
    options: &Options,
    store: &Store,
) -> Result<Vec<MigrationStatus>, CommandError> {
    Ok(migrate::load_status(store, load_files(service, options)?, &Halt::default()).await?)
}

async fn show_status(service: &Service, options: &Options, store: &Store) -> Result<ExitStatus, CommandError> {
    let lock = store.migration_lock().await.map_err(Failure::Store)?.filter(|lock| lock.holder.is_some());
    match load_status(service, options, store).await {
        Ok(statuses) => {
            output::statuses(options, &statuses, lock.as_ref());
            Ok(ExitStatus::Success)
        }
        Err(CommandError::Failure(failure @ Failure::Refused(_))) => {
            let entries = migrate::read_ledger(store).await?;
            output::ledger(options, &entries, lock.as_ref(), &failure.to_string());
            Ok(ExitStatus::InvalidFiles)
        }
        Err(error) => Err(error),
    }
}

/// Runs `plan` on pending migrations or `verify` on applied ones.
async fn plan_or_verify(
    service: &Service,
    options: &Options,
    store: &Store,
    max_rcu: Option<f64>,
    is_verify: bool,
) -> Result<ExitStatus, CommandError> {
    let statuses = load_status(service, options, store).await?;
    let (halt, progress, reads) = (Arc::new(Halt::default()), Progress::default(), Budget::new(max_rcu));
    let scratch = Scratch::start(service.tables()).await.map_err(|error| CommandError::Usage(error.to_string()))?;
    let scratch_store = (!is_verify).then(|| scratch.store());
    let planner = Planner { store, scratch: scratch_store, reads: &reads, halt: &halt, progress: &progress };
    let mut plans: Vec<Plan> = Vec::new();
    for MigrationStatus { migration, .. } in statuses.iter().filter(|status| status.is_applied() == is_verify) {
        let estimate = store.approximate_row_count(migration.schema.table).await;
        let plan = with_progress_bar(planner.plan(migration), &halt, &progress, estimate, !options.json).await?;
        plans.push(plan);
        progress.scanned.store(0, Ordering::Relaxed);
        if halt.should_stop() {
            output::plans(options, &plans, is_verify);
            return Ok(ExitStatus::Stopped);
        }
    }
    output::plans(options, &plans, is_verify);
    let has_records = |plan: &Plan| plan.refused > 0 || is_verify && plan.would_change > 0;
    Ok(if plans.iter().any(|plan| plan.fault.is_some()) {
        ExitStatus::InvalidFiles
    } else if plans.iter().any(has_records) {
        ExitStatus::RecordsRefused
    } else {
        ExitStatus::Success
    })
}

async fn apply(
    service: &Service,
    options: &Options,
    store: &Store,
    up: &UpOptions,
) -> Result<ExitStatus, CommandError> {
    let migrations = load_files(service, options)?;
    let settings = build_settings(options, up);
    let (halt, progress) = (Arc::new(Halt::default()), Progress::default());
    let mut estimate = None;
    for MigrationStatus { migration, .. } in
        load_status(service, options, store).await?.iter().filter(|status| is_selected(status, up))
    {
        let count = store.approximate_row_count(migration.schema.table).await;
        estimate = count.map(|count| estimate.unwrap_or_default() + count);
    }
    let start = Instant::now();
    let work = migrate::up(store, migrations, &settings, &halt, &progress);
    let report = with_progress_bar(work, &halt, &progress, estimate, !options.json).await?;
    output::report(options, &report, &progress, start.elapsed());
    Ok(match (report.done, report.stopped) {
        (true, _) => ExitStatus::Success,
        (false, true) => ExitStatus::Stopped,
        (false, false) => ExitStatus::RecordsRefused,
    })
}

/// Returns true if the options select a migration.
fn is_selected(status: &MigrationStatus, up: &UpOptions) -> bool {
    let number = status.migration.number;
    let is_pending = !status.is_applied() && up.to.is_none_or(|to| number <= to);
    up.again.map_or(is_pending, |again| again == number)
}

fn build_settings(options: &Options, up: &UpOptions) -> Settings {
    let mut settings = Settings::new(up.who.clone().unwrap_or_else(default_operator));
    settings.lock.lease = Duration::from_secs_f64(up.short_lease.unwrap_or(up.lease));
    settings.lock.wait_timeout = Duration::from_secs_f64(up.wait);
    let segments = up.segments.unwrap_or(if options.stage.is_some() && options.endpoint_url.is_none() { 4 } else { 1 });
    settings.parallelism = Parallelism { segments, writes: up.concurrency, page_size: up.page };
    settings.max_rcu = up.max_rcu;
    settings.max_wcu = up.max_wcu;
    settings.to = up.to;
    settings.again = up.again;
    settings
}

/// Returns the default operator name, such as `ada@laptop`.
fn default_operator() -> String {
    let variable = |names: &[&str]| names.iter().find_map(|name| env::var(name).ok()).filter(|text| !text.is_empty());
    let kernel_name = || fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|text| text.trim().to_owned());
    let user = variable(&["GITHUB_ACTOR", "USER", "USERNAME"]).unwrap_or_else(|| "someone".into());
    let host = variable(&["HOSTNAME", "COMPUTERNAME"]).or_else(kernel_name).unwrap_or_else(|| "somewhere".into());
    format!("{user}@{host}")
}

fn create_file(service: &Service, options: &Options, name: &str) -> Result<ExitStatus, CommandError> {
    let folder = options.folder.clone().unwrap_or_else(|| PathBuf::from("migrations"));
    let sources = service.migration_sources();
    let known = sources.read(&folder)?;
    let next = known.last().map_or(1, |migration| migration.number + 1);
    let title = format!("{next:04}_{}", name.to_lowercase().replace(['-', ' '], "_"));
    let file = folder.join(format!("{title}.toml"));
    let table = name.split(['_', '-', ' ']).next().unwrap_or_default();
    let content = TEMPLATE.replace("TABLE", table);
    sources.parse(&format!("{title}.toml"), &content).map_err(|faults| CommandError::Usage(faults.join("\n")))?;
    let written = fs::File::create_new(&file).and_then(|mut file| file.write_all(content.as_bytes()));
    written.map_err(|error| CommandError::Usage(format!("{} cannot be written: {error}", file.display())))?;
    output::value(options, &json!({ "file": file }), &format!("{}: edit it to describe the change", file.display()));
    Ok(ExitStatus::Success)
}

const TEMPLATE: &str = r##"table = "TABLE"
description = "Describe the purpose"
# A DynamoDB filter expression that selects the records. It is also the condition of each write: an updated
# record must no longer match.
filter = "attribute_not_exists(#field)"
update = "SET #field = :value"

[names]
"#field" = "field"

[values]
":value" = "value"
"##;

async fn repair(options: &Options, store: &Store, yes: bool) -> Result<ExitStatus, CommandError> {
    let lock = store.migration_lock().await.map_err(Failure::Store)?;
    let Some(lock) = lock.filter(|lock| lock.holder.is_some()) else {
        output::value(options, &json!({ "released": Value::Null }), "The lock is free: there is nothing to release.");
        return Ok(ExitStatus::Success);
    };
    if options.json && !yes {
        output::value(options, &json!({ "lock": lock, "released": Value::Null }), "");
        return Ok(ExitStatus::LockHeld);
    }
    output::lock(options, &lock);
    if !yes && !(confirm().map_err(|error| CommandError::Usage(error.to_string()))?) {
        return Ok(ExitStatus::LockHeld);
    }
    let is_freed = store.free_lock(&lock).await.map_err(Failure::Store)?;
    let message = if is_freed { "Released." } else { "The holder has changed: check again." };
    output::value(options, &json!({ "released": is_freed.then_some(&lock) }), message);
    Ok(if is_freed { ExitStatus::Success } else { ExitStatus::LockHeld })
}

fn confirm() -> io::Result<bool> {
    eprint!("Release it? A live run stops at its next heartbeat. [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}
