//! The lock: concurrent runs, holders that die, and holders that are suspended past their lease.

use std::time::{Duration, Instant};

use serde_json::json;
use serverless_crud::{
    migrate::{self, Failure, Halt, Lock, LockSettings, Progress},
    store::{Segment, State},
};

use crate::{
    raw::{
        Running, assert_migrated, bookkeeping, json_of, migrations, rows, run, run_command, server_with, settings,
        store, until, up,
    },
    support::proxy::{Call, Fault, Proxy},
};

fn lock_settings(who: &str, lease: Duration, wait_timeout: Duration) -> LockSettings {
    LockSettings { who: who.into(), lease, wait_timeout }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_runs_write_each_record_once() {
    let server = server_with(150).await;
    let url = server.dynamodb_url.clone();
    let mut waiting = settings();
    waiting.lock.wait_timeout = Duration::from_secs(120);
    let (halt, progress) = (Halt::default(), Progress::default());
    let (first, second) = (store(&url), store(&url));
    let (first, second) = tokio::join!(
        migrate::up(&first, migrations(), &waiting, &halt, &progress),
        migrate::up(&second, migrations(), &waiting, &halt, &progress),
    );
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(first.done && second.done);
    // The second run finds the work of the first one complete.
    assert_eq!(first.migrations.len() + second.migrations.len(), 3);
    rows(&url).await.values().for_each(|row| assert_migrated(row, 3));
}

#[tokio::test]
async fn run_without_wait_timeout_reports_the_lock_holder() {
    let server = server_with(3).await;
    let store = store(&server.dynamodb_url);
    let ada = lock_settings("ada@laptop", Duration::from_secs(30), Duration::ZERO);
    let lock = Lock::acquire(&store, &ada, &Halt::default()).await.unwrap();
    let competitor = async {
        // While the holder sends heartbeats, its lease does not expire.
        let failure =
            Lock::acquire(&store, &lock_settings("bob", Duration::from_secs(1), Duration::ZERO), &Halt::default())
                .await
                .err();
        match failure {
            Some(Failure::Held(row)) => assert_eq!(row.who.as_deref(), Some("ada@laptop")),
            _ => panic!("it is held"),
        }
    };
    tokio::select! {
        failure = lock.send_heartbeats() => panic!("{failure}"),
        () = competitor => {}
    }
    lock.release().await;
    assert!(up(&server.dynamodb_url).await.done);
}

#[tokio::test]
async fn lock_of_a_dead_run_is_taken_over_after_its_lease() {
    let server = server_with(3).await;
    let store = store(&server.dynamodb_url);
    let lease = Duration::from_secs(1);
    let dead =
        Lock::acquire(&store, &lock_settings("the dead", lease, Duration::ZERO), &Halt::default()).await.unwrap();
    assert!(dead.is_valid());
    let start = Instant::now();
    let next =
        Lock::acquire(&store, &lock_settings("the next", lease, Duration::ZERO), &Halt::default()).await.unwrap();
    assert!(start.elapsed() >= lease && next.fence() > dead.fence());
    // The dead run sends no more requests and cannot release the lock.
    assert!(!dead.is_valid());
    dead.release().await;
    assert_eq!(store.migration_lock().await.unwrap().unwrap().who.as_deref(), Some("the next"));
}

#[tokio::test]
async fn former_holder_can_neither_renew_nor_store_a_checkpoint() {
    let server = server_with(3).await;
    let url = &server.dynamodb_url;
    up(url).await;
    let store = store(url);
    let lease = Duration::from_millis(500);
    let stale = Lock::acquire(&store, &lock_settings("stale", lease, Duration::ZERO), &Halt::default()).await.unwrap();
    let mut entry = store.ledger_take(1, stale.fence(), "stale").await.unwrap().unwrap();
    assert!(store.ledger_checkpoint(&entry, 0).await.unwrap());
    let next = Lock::acquire(&store, &lock_settings("next", lease, Duration::ZERO), &Halt::default()).await.unwrap();
    store.ledger_take(1, next.fence(), "next").await.unwrap().unwrap();
    let before = bookkeeping(url, "migration#0001").await;
    entry.segments[0] = Segment { scanned: 999, ..Segment::default() };
    assert!(!store.ledger_checkpoint(&entry, 0).await.unwrap());
    assert!(!store.ledger_state(&entry).await.unwrap());
    assert!(!store.ledger_begin(&entry).await.unwrap());
    assert!(store.ledger_take(1, stale.fence(), "stale").await.unwrap().is_none());
    assert_eq!(bookkeeping(url, "migration#0001").await, before);
    assert!(matches!(stale.send_heartbeats().await, Failure::Fenced));
}

#[tokio::test]
async fn migration_finished_by_an_earlier_holder_is_not_repeated() {
    let server = server_with(40).await;
    let url = &server.dynamodb_url;
    let mut settings = settings();
    (settings.to, settings.max_wcu) = (Some(1), Some(10.0));
    let halt = Halt::at(Instant::now() + Duration::from_millis(600));
    let report = migrate::up(&store(url), migrations(), &settings, &halt, &Progress::default()).await.unwrap();
    assert!(report.stopped);
    // The last write of that run comes between this run's read of the ledger and its first write.
    let proxy = Proxy::start_with(url, |Call { operation, body, .. }| {
        let is_taken = body["UpdateExpression"] == "SET #fence = :fence, #who = :who";
        if operation != "UpdateItem" || !is_taken {
            return Fault::None;
        }
        Fault::after(json!({
            "TableName": "local-bookkeeping", "Key": { "pk": { "S": "migration#0001" } },
            "UpdateExpression": "SET #state = :applied", "ExpressionAttributeNames": { "#state": "state" },
            "ExpressionAttributeValues": { ":applied": { "S": "applied" } },
        }))
    })
    .await;
    let before = rows(url).await;
    let report = run(&proxy.url, migrations(), &settings).await.unwrap();
    assert_eq!((report.done, report.migrations[0].state, report.pending), (true, State::Applied, 2));
    assert_eq!(rows(url).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn process_suspended_past_its_lease_is_fenced() {
    let server = server_with(400).await;
    let url = server.dynamodb_url.clone();
    let arguments = ["up", "--lease", "10", "--page", "50", "--max-wcu", "150", "--who", "sleeper"];
    let mut sleeper = Running::start(&url, &arguments);
    until("the first write", async || rows(&url).await.values().any(|row| row.contains_key("currency"))).await;
    sleeper.signal("-STOP");
    let output = run_command(&url, &["up", "--lease", "10", "--json", "--who", "taker"]).await;
    assert!(output.status.success(), "{output:?}");
    let (ledger, before) = (bookkeeping(&url, "migration#0001").await, rows(&url).await);
    sleeper.signal("-CONT");
    assert_eq!(sleeper.wait().await.code(), Some(4));
    assert_eq!(rows(&url).await, before);
    assert_eq!(bookkeeping(&url, "migration#0001").await, ledger);
    assert_eq!(ledger["who"]["S"], "taker");
    before.values().for_each(|row| assert_migrated(row, 3));
    // The new holder resumed from the checkpoint of the suspended run, including its counts.
    assert_eq!(json_of(&output)["migrations"][0]["written"], 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn repair_shows_and_releases_the_lock() {
    let server = server_with(1).await;
    let url = server.dynamodb_url.clone();
    let output = run_command(&url, &["repair", "--yes"]).await;
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("nothing to release"));
    let store = store(&url);
    let lock =
        Lock::acquire(&store, &lock_settings("ada@laptop", Duration::from_secs(600), Duration::ZERO), &Halt::default())
            .await
            .unwrap();
    let output = run_command(&url, &["status"]).await;
    assert!(String::from_utf8_lossy(&output.stdout).contains("The lock is held by ada@laptop since"), "{output:?}");
    let output = run_command(&url, &["repair", "--json"]).await;
    assert_eq!(output.status.code(), Some(4));
    let holder = json_of(&output);
    assert_eq!((&holder["lock"]["who"], holder["released"].is_null()), (&"ada@laptop".into(), true));
    let output = run_command(&url, &["repair", "--yes"]).await;
    assert!(String::from_utf8_lossy(&output.stdout).contains("ada@laptop"), "{output:?}");
    assert!(output.status.success());
    assert!(up(&url).await.done);
    drop(lock);
}
