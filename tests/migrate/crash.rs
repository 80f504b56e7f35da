//! `kill -9` at random points and faults of requests: the result is the same, and each record is written once.

use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;

use crate::{
    raw::{
        Running, assert_migrated, bookkeeping, command, first_checkpoint, json_of, migrations, rows, run, run_command,
        server_with, settings,
    },
    support::proxy::{Fault, Proxy},
};

#[tokio::test(flavor = "multi_thread")]
async fn killed_runs_resume_and_write_each_record_once() {
    const COUNT: usize = 400;
    let server = server_with(COUNT).await;
    let url = server.dynamodb_url.clone();
    let arguments = ["up", "--short-lease", "2", "--page", "40", "--segments", "2", "--max-wcu", "600"];
    let mut kills = 0;
    for _ in 0..60 {
        let mut child = Running::start(&url, &arguments);
        tokio::time::sleep(Duration::from_millis(2400 + fastrand::u64(0..1200))).await;
        match child.0.try_wait().unwrap() {
            Some(status) if status.success() => break,
            // On a busy machine the run may lose its short lease, or still see the heartbeat of the previous run.
            Some(status) if status.code() == Some(4) => {}
            Some(status) => panic!("it ended with {status}"),
            None => {
                child.signal("-KILL");
                child.wait().await;
                kills += 1;
            }
        }
    }
    assert!(kills >= 2, "it was killed in the middle: {kills}");
    let output = run_command(&url, &["status", "--json"]).await;
    for migration in json_of(&output)["migrations"].as_array().unwrap() {
        let ran = &migration["ran"];
        assert_eq!(
            (&migration["state"], &ran["scanned"], &ran["written"]),
            (&json!("applied"), &json!(COUNT), &json!(COUNT))
        );
    }
    let after = rows(&url).await;
    assert_eq!(after.len(), COUNT);
    after.values().for_each(|row| assert_migrated(row, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_run_exits_cleanly_and_the_next_one_resumes() {
    let server = server_with(200).await;
    let url = server.dynamodb_url.clone();
    let mut command = command(&url, &["up", "--max-wcu", "100", "--page", "20"]);
    let mut child = Running(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    first_checkpoint(&url).await;
    // The reader of the output may be gone, since Ctrl-C ends a whole pipeline.
    child.0.stderr = None;
    child.signal("-INT");
    assert_eq!(child.wait().await.code(), Some(5));
    // The run released the lock, so the next one does not wait for the lease.
    assert!(bookkeeping(&url, "migration-lock").await.get("holder").is_none());
    let output = run_command(&url, &["up", "--json"]).await;
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(json_of(&output)["migrations"][0]["written"], 200);
    rows(&url).await.values().for_each(|row| assert_migrated(row, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn throttles_and_lost_responses_do_not_change_the_result() {
    let server = server_with(200).await;
    let faults = Arc::new(AtomicUsize::new(0));
    let counted = faults.clone();
    let proxy = Proxy::start_with(&server.dynamodb_url, move |_| {
        let fault = match fastrand::u8(0..10) {
            0 => Fault::Throttle,
            1 => Fault::LoseResponse,
            _ => return Fault::None,
        };
        counted.fetch_add(1, Ordering::Relaxed);
        fault
    })
    .await;
    let report = run(&proxy.url, migrations(), &settings()).await.unwrap();
    assert!(report.done && faults.load(Ordering::Relaxed) > 50);
    assert!(report.migrations.iter().all(|ran| (ran.written, ran.skipped) == (200, 0)), "{report:?}");
    rows(&server.dynamodb_url).await.values().for_each(|row| assert_migrated(row, 3));
}
