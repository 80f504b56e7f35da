//! The limits of a run: capacity, concurrent writes and time.

use std::time::{Duration, Instant};

use serde_json::json;
use serverless_crud::migrate::{self, Halt, Progress};

use crate::{
    raw::{
        Running, bookkeeping, first_checkpoint, json_of, migrations, old_item, put, rows, run, run_command,
        server_with, settings, store,
    },
    support::proxy::{Call, Fault, Proxy},
};

#[tokio::test]
async fn short_run_respects_the_read_limit() {
    let server = server_with(0).await;
    let url = &server.dynamodb_url;
    let items = (0..80).map(|number| {
        let mut row = old_item(number);
        row["legacy"] = json!({ "S": "x".repeat(3000) });
        row
    });
    put(url, &items.collect::<Vec<_>>()).await;
    let mut settings = settings();
    (settings.max_rcu, settings.parallelism.page_size, settings.to) = (Some(30.0), 500, Some(1));
    let (progress, start) = (Progress::default(), Instant::now());
    assert!(migrate::up(&store(url), migrations(), &settings, &Halt::default(), &progress).await.unwrap().done);
    let units = std::sync::atomic::AtomicU64::into_inner(progress.read_units) as f64 / 1e3;
    let seconds = start.elapsed().as_secs_f64();
    assert!(units >= 60.0 && units / seconds < 45.0, "{units} units in {seconds} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn write_time_is_the_time_of_sending() {
    let server = server_with(30).await;
    let url = &server.dynamodb_url;
    let mut settings = settings();
    (settings.max_wcu, settings.to) = (Some(60.0), Some(1));
    assert!(run(url, migrations(), &settings).await.unwrap().done);
    let rows = rows(url).await;
    let times = rows.values().map(|row| row["updatedAt"]["S"].as_str().unwrap());
    let times: Vec<_> = times.map(|time| chrono::DateTime::parse_from_rfc3339(time).unwrap()).collect();
    let span = *times.iter().max().unwrap() - *times.iter().min().unwrap();
    assert!(span.num_milliseconds() > 250, "{span}");
}

#[tokio::test(flavor = "multi_thread")]
async fn resumed_run_respects_the_concurrency_limit() {
    let server = server_with(240).await;
    let proxy = Proxy::start(&server.dynamodb_url).await;
    let mut settings = settings();
    (settings.parallelism.segments, settings.parallelism.writes, settings.max_wcu) = (8, 3, Some(60.0));
    let halt = Halt::at(Instant::now() + Duration::from_millis(1200));
    let report = migrate::up(&store(&proxy.url), migrations(), &settings, &halt, &Progress::default()).await.unwrap();
    assert!(report.stopped);
    (settings.parallelism.segments, settings.max_wcu) = (1, None);
    assert!(run(&proxy.url, migrations(), &settings).await.unwrap().done);
    assert!(proxy.most_updates.load(std::sync::atomic::Ordering::SeqCst) <= 3);
}

#[tokio::test]
async fn run_past_its_deadline_does_not_wait() {
    let server = server_with(20).await;
    let url = server.dynamodb_url.clone();
    let throttled = Proxy::start_with(&url, |Call { operation, body, .. }| {
        let is_write = operation == "UpdateItem" && body["TableName"] == "local-items";
        if is_write { Fault::Throttle } else { Fault::None }
    })
    .await;
    let stopped = async |url: &str, max_rcu: Option<f64>| {
        let mut settings = settings();
        (settings.max_rcu, settings.lock.wait_timeout) = (max_rcu, Duration::from_secs(60));
        let start = Instant::now();
        let halt = Halt::at(start + Duration::from_millis(700));
        let report = migrate::up(&store(url), migrations(), &settings, &halt, &Progress::default()).await.unwrap();
        assert!(report.stopped && !report.done);
        assert!(start.elapsed() < Duration::from_millis(2500), "{:?}", start.elapsed());
    };
    stopped(&url, Some(0.1)).await;
    stopped(&throttled.url, None).await;
    // The run released the lock each time.
    assert!(bookkeeping(&url, "migration-lock").await.get("holder").is_none());
    let other =
        migrate::LockSettings { who: "other".into(), lease: Duration::from_secs(60), wait_timeout: Duration::ZERO };
    let (other_store, never) = (store(&url), Halt::default());
    let lock = migrate::Lock::acquire(&other_store, &other, &never).await.unwrap();
    tokio::select! {
        failure = lock.send_heartbeats() => panic!("{failure}"),
        () = stopped(&url, None) => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn duration_is_counted_up_to_the_last_checkpoint() {
    let server = server_with(200).await;
    let url = server.dynamodb_url.clone();
    let mut child = Running::start(&url, &["up", "--max-wcu", "100", "--page", "20", "--short-lease", "2"]);
    first_checkpoint(&url).await;
    child.signal("-KILL");
    child.wait().await;
    let status = json_of(&run_command(&url, &["status", "--json"]).await);
    assert!(status["migrations"][0]["ran"]["durationMs"].as_u64().unwrap() > 0, "{status}");
}
