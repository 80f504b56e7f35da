//! Fills a running server with believable users and items, through its API: `make seed`.
//!
//! What record number `i` is follows from the seed alone. What is there already is left as it is, so that
//! the command can be repeated, and goes on where it was interrupted.

mod api;
mod samples;

use std::{
    collections::HashSet,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use serverless_crud::{
    record::Record,
    resources::{Item, User},
};
use uuid::Uuid;

use api::{Api, Created};

/// How often a user is looked for whose e-mail address is taken, but whom the index does not show yet.
const LOOKUPS: u32 = 10;
const LOOKUP_PAUSE: Duration = Duration::from_millis(200);

/// Fills a running server with sample data.
#[derive(Parser)]
#[command(name = "seed", version)]
struct Options {
    /// Where the API is.
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// The API key to call with.
    #[arg(long, default_value = "local-basic-key-0123456789")]
    key: String,
    /// How many users there shall be.
    #[arg(long, default_value_t = 200)]
    users: u64,
    /// How many items there shall be; each belongs to a user.
    #[arg(long, default_value_t = 2000)]
    items: u64,
    /// How many requests are under way at once.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    /// Which data: the same seed makes the same.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let start = Instant::now();
    match fill(&options).await {
        Ok(summary) => {
            println!("{summary} in {:.1} s", start.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn fill(options: &Options) -> Result<String, String> {
    if options.items > 0 && options.users == 0 {
        return Err("items need users to belong to: give --users at least 1".into());
    }
    let api = Api::new(&options.url, &options.key);
    let users = each("users", options.users, options, |index| user(&api, options.seed, index)).await?;
    let ids: Vec<Uuid> = users.iter().map(|created| created.id).collect();
    let owned = each("owners", options.users, options, |index| items_of(&api, ids[index as usize])).await?;
    let owned: HashSet<_> = owned.into_iter().flatten().collect();
    let items = each("items", options.items, options, |index| item(&api, options.seed, index, &ids, &owned)).await?;
    let new = |created: &[Created]| created.iter().filter(|created| created.is_new).count();
    Ok(format!("{} users ({} new) and {} items ({} new)", users.len(), new(&users), items.len(), new(&items)))
}

/// Runs `work` for each number below `count`, some at a time, behind a progress bar.
async fn each<T, F>(
    name: &'static str,
    count: u64,
    options: &Options,
    work: impl Fn(u64) -> F,
) -> Result<Vec<T>, String>
where
    F: Future<Output = Result<T, String>>,
{
    let style =
        ProgressStyle::with_template("{prefix:8} {bar:40} {pos}/{len} {per_sec} {eta}").expect("it is a template");
    let bar = ProgressBar::new(count).with_style(style).with_prefix(name);
    let results = stream::iter(0..count).map(work).buffered(options.concurrency.into()).inspect_ok(|_| bar.inc(1));
    let outcome = results.try_collect().await;
    bar.finish_and_clear();
    outcome
}

async fn user(api: &Api, seed: u64, index: u64) -> Result<Created, String> {
    let user = samples::user(seed, index);
    if let Some(found) = find_user(api, &user).await? {
        return Ok(found);
    }
    // A key of its own each time: what a repeat must not make twice is kept apart by its e-mail address,
    // and a user deleted since is to come back.
    if let Some(created) = api.create("users", &user, &format!("seed-{}", Uuid::now_v7())).await? {
        return Ok(created);
    }
    for _ in 0..LOOKUPS {
        tokio::time::sleep(LOOKUP_PAUSE).await;
        if let Some(found) = find_user(api, &user).await? {
            return Ok(found);
        }
    }
    Err(format!("the e-mail address {} is taken, but no user has it", user.email))
}

async fn find_user(api: &Api, user: &User) -> Result<Option<Created>, String> {
    let found: Vec<Record<User>> = api.list("users", &[("email", &user.email)]).await?;
    Ok(found.first().map(|record| Created { id: record.id, is_new: false }))
}

/// What tells an item from the others of its owner.
type Mark = (Uuid, String, i64);

/// The items a user has. Idempotency keys are forgotten after a day; these are not.
async fn items_of(api: &Api, owner: Uuid) -> Result<Vec<Mark>, String> {
    let found: Vec<Record<Item>> = api.list("items", &[("ownerId", &owner.to_string())]).await?;
    Ok(found.into_iter().map(|record| (owner, record.resource.name, record.resource.price_cents)).collect())
}

async fn item(api: &Api, seed: u64, index: u64, owners: &[Uuid], owned: &HashSet<Mark>) -> Result<Created, String> {
    let item = samples::item(seed, index, owners);
    let owner = item.owner_id.unwrap_or_default();
    if owned.contains(&(owner, item.name.clone(), item.price_cents)) {
        return Ok(Created { id: owner, is_new: false });
    }
    let created = api.create("items", &item, &format!("seed-{seed}-{index}-{owner}")).await?;
    created.ok_or_else(|| format!("the owner {owner} was deleted meanwhile: run the command again"))
}
