//! The commands.

use std::{
    env, fs,
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use serverless_crud::{
    local::Scratch,
    migrate::{self, Budget, Failure, Halt, Looker, Migration, Plan, Progress, Settings, Standing, Width},
    store::Store,
};

use crate::{
    Ending, Trouble,
    connect::connect,
    options::{Command, Options, Up},
    output,
    watch::watched,
};

/// Carries out what the options ask for.
pub async fn run(options: &Options) -> Result<Ending, Trouble> {
    if let Command::New { name } = &options.command {
        return new(options, name);
    }
    let store = connect(options).await?;
    match &options.command {
        Command::Status => status(options, &store).await,
        Command::Plan(reading) => look(options, &store, reading.max_rcu, false).await,
        Command::Verify(reading) => look(options, &store, reading.max_rcu, true).await,
        Command::Up(up) => apply(options, &store, up).await,
        Command::Repair { yes } => repair(options, &store, *yes).await,
        Command::New { .. } => unreachable!("it is done above"),
    }
}

fn files(options: &Options) -> Result<Vec<Migration>, Trouble> {
    Ok(match &options.folder {
        Some(folder) => migrate::read(folder)?,
        None => migrate::compiled()?,
    })
}

async fn standing(options: &Options, store: &Store) -> Result<Vec<Standing>, Trouble> {
    Ok(migrate::standing(store, files(options)?, &Halt::default()).await?)
}

async fn status(options: &Options, store: &Store) -> Result<Ending, Trouble> {
    let lock = store.migration_lock().await.map_err(Failure::Store)?.filter(|lock| lock.holder.is_some());
    match standing(options, store).await {
        Ok(known) => {
            output::status(options, &known, lock.as_ref());
            Ok(Ending::Well)
        }
        Err(Trouble::Failure(failure @ Failure::Refused(_))) => {
            let known = migrate::remembered(store).await?;
            output::remembered(options, &known, lock.as_ref(), &failure.to_string());
            Ok(Ending::Refused)
        }
        Err(trouble) => Err(trouble),
    }
}

/// Looks at what is pending, or at what is applied, in the tables as they are.
async fn look(options: &Options, store: &Store, max_rcu: Option<f64>, applied: bool) -> Result<Ending, Trouble> {
    let known = standing(options, store).await?;
    let (halt, progress, reads) = (Arc::new(Halt::default()), Progress::default(), Budget::new(max_rcu));
    let scratch = Scratch::start().await.map_err(|error| Trouble::Usage(error.to_string()))?;
    let scratch_store = (!applied).then(|| scratch.store());
    let looker = Looker { store, scratch: scratch_store, reads: &reads, halt: &halt, progress: &progress };
    let mut plans: Vec<Plan> = Vec::new();
    for Standing { migration, .. } in known.iter().filter(|standing| standing.is_applied() == applied) {
        let about = store.about_how_many(migration.shape.table).await;
        let plan = watched(looker.plan(migration), &halt, &progress, about, !options.json).await?;
        plans.push(plan);
        progress.scanned.store(0, Ordering::Relaxed);
        if halt.is_due() {
            output::plans(options, &plans, applied);
            return Ok(Ending::Stopped);
        }
    }
    output::plans(options, &plans, applied);
    let is_bad = |plan: &Plan| plan.refused > 0 || applied && plan.would_change > 0;
    Ok(if plans.iter().any(|plan| plan.fault.is_some()) {
        Ending::Refused
    } else if plans.iter().any(is_bad) {
        Ending::Records
    } else {
        Ending::Well
    })
}

async fn apply(options: &Options, store: &Store, up: &Up) -> Result<Ending, Trouble> {
    let migrations = files(options)?;
    let settings = settings(options, up);
    let (halt, progress) = (Arc::new(Halt::default()), Progress::default());
    let mut about = None;
    for Standing { migration, .. } in standing(options, store).await?.iter().filter(|known| is_asked(known, up)) {
        about = store.about_how_many(migration.shape.table).await.map(|more| about.unwrap_or_default() + more);
    }
    let start = Instant::now();
    let work = migrate::up(store, migrations, &settings, &halt, &progress);
    let report = watched(work, &halt, &progress, about, !options.json).await?;
    output::report(options, &report, &progress, start.elapsed());
    Ok(match (report.done, report.stopped) {
        (true, _) => Ending::Well,
        (false, true) => Ending::Stopped,
        (false, false) => Ending::Records,
    })
}

/// Whether the options ask for a migration.
fn is_asked(standing: &Standing, up: &Up) -> bool {
    let number = standing.migration.number;
    let is_pending = !standing.is_applied() && up.to.is_none_or(|to| number <= to);
    up.again.map_or(is_pending, |again| again == number)
}

fn settings(options: &Options, up: &Up) -> Settings {
    let mut settings = Settings::new(up.who.clone().unwrap_or_else(who));
    settings.lock.lease = Duration::from_secs_f64(up.short_lease.unwrap_or(up.lease));
    settings.lock.patience = Duration::from_secs_f64(up.wait);
    let segments = up.segments.unwrap_or(if options.stage.is_some() && options.endpoint_url.is_none() { 4 } else { 1 });
    settings.width = Width { segments, writes: up.concurrency, page: up.page };
    settings.max_rcu = up.max_rcu;
    settings.max_wcu = up.max_wcu;
    settings.to = up.to;
    settings.again = up.again;
    settings
}

/// `ada@laptop`.
fn who() -> String {
    let variable = |names: &[&str]| names.iter().find_map(|name| env::var(name).ok()).filter(|text| !text.is_empty());
    let host = || fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|text| text.trim().to_owned());
    let user = variable(&["GITHUB_ACTOR", "USER", "USERNAME"]).unwrap_or_else(|| "someone".into());
    let machine = variable(&["HOSTNAME", "COMPUTERNAME"]).or_else(host).unwrap_or_else(|| "somewhere".into());
    format!("{user}@{machine}")
}

fn new(options: &Options, name: &str) -> Result<Ending, Trouble> {
    let folder = options.folder.clone().unwrap_or_else(|| PathBuf::from("migrations"));
    let known = migrate::read(&folder)?;
    let next = known.last().map_or(1, |migration| migration.number + 1);
    let title = format!("{next:04}_{}", name.to_lowercase().replace(['-', ' '], "_"));
    let file = folder.join(format!("{title}.toml"));
    let table = name.split(['_', '-', ' ']).next().unwrap_or_default();
    let content = TEMPLATE.replace("TABLE", table);
    Migration::parse(&format!("{title}.toml"), &content).map_err(|faults| Trouble::Usage(faults.join("\n")))?;
    let written = fs::File::create_new(&file).and_then(|mut file| file.write_all(content.as_bytes()));
    written.map_err(|error| Trouble::Usage(format!("{} cannot be written: {error}", file.display())))?;
    output::value(options, &json!({ "file": file }), &format!("{}: say in it what it does", file.display()));
    Ok(Ending::Well)
}

const TEMPLATE: &str = r##"table = "TABLE"
description = "Say what this is for"
# Which records, in DynamoDB's expression language. It is the condition of each write, too: what the update
# makes must no longer match.
filter = "attribute_not_exists(#field)"
update = "SET #field = :value"

[names]
"#field" = "field"

[values]
":value" = "value"
"##;

async fn repair(options: &Options, store: &Store, yes: bool) -> Result<Ending, Trouble> {
    let lock = store.migration_lock().await.map_err(Failure::Store)?;
    let Some(lock) = lock.filter(|lock| lock.holder.is_some()) else {
        output::value(options, &json!({ "released": Value::Null }), "The lock is free: there is nothing to release.");
        return Ok(Ending::Well);
    };
    if options.json && !yes {
        output::value(options, &json!({ "lock": lock, "released": Value::Null }), "");
        return Ok(Ending::Held);
    }
    output::lock(options, &lock);
    if !yes && !(confirmed().map_err(|error| Trouble::Usage(error.to_string()))?) {
        return Ok(Ending::Held);
    }
    let is_freed = store.free_lock(&lock).await.map_err(Failure::Store)?;
    let said = if is_freed { "Released." } else { "It changed hands meanwhile: look again." };
    output::value(options, &json!({ "released": is_freed.then_some(&lock) }), said);
    Ok(if is_freed { Ending::Well } else { Ending::Held })
}

fn confirmed() -> io::Result<bool> {
    eprint!("Release it? A run that is alive stops at its next sign of life. [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}
