//! Fills a running server with realistic users and items through its API: `make seed`.
//!
//! Record number `i` depends only on the seed. Existing records are kept, so the command can be repeated and continues
//! after an interruption.

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

/// The number of lookups of a user whose e-mail address is taken, but who is not in the index yet.
const LOOKUPS: u32 = 10;
const LOOKUP_PAUSE: Duration = Duration::from_millis(200);

/// Fills a running server with sample data.
#[derive(Parser)]
#[command(name = "seed", version)]
struct Options {
    /// The URL of the API.
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// The API key.
    #[arg(long, default_value = "local-basic-key-0123456789")]
    key: String,
    /// The number of users.
    #[arg(long, default_value_t = 200)]
    users: u64,
    /// The number of items. Each belongs to a user.
    #[arg(long, default_value_t = 2000)]
    items: u64,
    /// The maximum number of concurrent requests.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    /// The seed of the data. The same seed produces the same data.
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
        return Err("items need owners: set --users to at least 1".into());
    }
    let api = Api::new(&options.url, &options.key);
    let users = for_each_index("users", options.users, options, |index| ensure_user(&api, options.seed, index)).await?;
    let ids: Vec<Uuid> = users.iter().map(|created| created.id).collect();
    let existing =
        for_each_index("owners", options.users, options, |index| list_item_keys(&api, ids[index as usize])).await?;
    let existing: HashSet<_> = existing.into_iter().flatten().collect();
    let items = for_each_index("items", options.items, options, |index| {
        ensure_item(&api, options.seed, index, &ids, &existing)
    })
    .await?;
    let new = |created: &[Created]| created.iter().filter(|created| created.is_new).count();
    Ok(format!("{} users ({} new) and {} items ({} new)", users.len(), new(&users), items.len(), new(&items)))
}

/// Runs `work` for each number below `count` concurrently, with a progress bar.
async fn for_each_index<T, F>(
    name: &'static str,
    count: u64,
    options: &Options,
    work: impl Fn(u64) -> F,
) -> Result<Vec<T>, String>
where
    F: Future<Output = Result<T, String>>,
{
    let style =
        ProgressStyle::with_template("{prefix:8} {bar:40} {pos}/{len} {per_sec} {eta}").expect("the template is valid");
    let bar = ProgressBar::new(count).with_style(style).with_prefix(name);
    let results = stream::iter(0..count).map(work).buffered(options.concurrency.into()).inspect_ok(|_| bar.inc(1));
    let outcome = results.try_collect().await;
    bar.finish_and_clear();
    outcome
}

async fn ensure_user(api: &Api, seed: u64, index: u64) -> Result<Created, String> {
    let user = samples::generate_user(seed, index);
    if let Some(found) = find_user(api, &user).await? {
        return Ok(found);
    }
    // A new key each time: the unique e-mail address already prevents duplicates, and a user deleted since must be
    // created again.
    if let Some(created) = api.create("users", &user, &format!("seed-{}", Uuid::now_v7())).await? {
        return Ok(created);
    }
    for _ in 0..LOOKUPS {
        tokio::time::sleep(LOOKUP_PAUSE).await;
        if let Some(found) = find_user(api, &user).await? {
            return Ok(found);
        }
    }
    Err(format!("the e-mail address {} is taken, but no user with it was found", user.email))
}

async fn find_user(api: &Api, user: &User) -> Result<Option<Created>, String> {
    let found: Vec<Record<User>> = api.list("users", &[("email", &user.email)]).await?;
    Ok(found.first().map(|record| Created { id: record.id, is_new: false }))
}

/// The owner, name and price that identify a seeded item.
type ItemKey = (Uuid, String, i64);

/// Returns the items of a user. Idempotency keys expire after a day, so they cannot prevent later duplicates.
async fn list_item_keys(api: &Api, owner: Uuid) -> Result<Vec<ItemKey>, String> {
    let found: Vec<Record<Item>> = api.list("items", &[("ownerId", &owner.to_string())]).await?;
    Ok(found.into_iter().map(|record| (owner, record.resource.name, record.resource.price_cents)).collect())
}

async fn ensure_item(
    api: &Api,
    seed: u64,
    index: u64,
    owners: &[Uuid],
    existing: &HashSet<ItemKey>,
) -> Result<Created, String> {
    let item = samples::generate_item(seed, index, owners);
    let owner = item.owner_id.unwrap_or_default();
    if existing.contains(&(owner, item.name.clone(), item.price_cents)) {
        return Ok(Created { id: owner, is_new: false });
    }
    let created = api.create("items", &item, &format!("seed-{seed}-{index}-{owner}")).await?;
    created.ok_or_else(|| format!("the owner {owner} was deleted in the meantime: run the command again"))
}
