//! `kill -9` under write load: every acknowledged write is still there.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{process::Process, user};

const ROUNDS: usize = 3;
const WRITERS: usize = 8;

/// A user whose creation was acknowledged.
struct Written {
    email: String,
    key: String,
    created: Value,
    /// The record after a patch, if the patch was acknowledged.
    patched: Option<Value>,
    /// True if the deletion was acknowledged, none if its outcome is unknown.
    deleted: Option<bool>,
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut written = Vec::new();
    for round in 0..ROUNDS {
        let server = Arc::new(Process::start(folder.path(), &[]));
        let new = write_until_killed(server, round).await;
        assert!(new.len() > WRITERS, "there was a load: {}", new.len());
        written.extend(new);
        let server = Process::start(folder.path(), &[]);
        let mut changes = BTreeSet::new();
        for write in &written {
            assert_is_there(&server, write).await;
            changes.extend(assert_has_history(&server, write).await);
        }
        assert!(written.iter().any(|write| write.deleted == Some(true)), "some were deleted");
        assert_are_published(folder.path(), changes).await;
    }
}

async fn write_until_killed(server: Arc<Process>, round: usize) -> Vec<Written> {
    let (is_over, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (server, is_over, count) = (server.clone(), is_over.clone(), count.clone());
        writers.spawn(async move {
            let mut written = Vec::new();
            for number in 0.. {
                let name = format!("r{round}w{writer}n{number}");
                match write(&server, &name, number % 3 == 0).await {
                    Some(new) => written.push(new),
                    None => break,
                }
                count.fetch_add(1, Ordering::Relaxed);
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
            }
            written
        });
    }
    // Under load, at a different point in each round.
    while count.load(Ordering::Relaxed) < WRITERS * (4 + round * 3) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.kill();
    is_over.store(true, Ordering::Relaxed);
    writers.join_all().await.into_iter().flatten().collect()
}

/// Creates and patches a user, and deletes it if `should_delete`, until the server stops responding.
async fn write(server: &Process, name: &str, should_delete: bool) -> Option<Written> {
    let (email, key) = (format!("{name}@example.com"), format!("key-{name}"));
    let post = server.request(Method::POST, "/v1/users").header("idempotency-key", &key).json(&user(&email));
    let created = read(post, 201).await?;
    let patch = server.request(Method::PATCH, &path(&created)).json(&json!({ "name": name }));
    let patched = read(patch, 200).await;
    let mut deleted = Some(false);
    if should_delete && patched.is_some() {
        let answer = server.request(Method::DELETE, &path(&created)).send().await.ok();
        deleted = answer.map(|answer| {
            assert_eq!(answer.status(), 204);
            true
        });
    }
    Some(Written { email, key, created, patched, deleted })
}

/// Returns the current record, if it exists.
async fn find(server: &Process, write: &Written) -> Option<Value> {
    let answer = server.request(Method::GET, &path(&write.created)).send().await.expect("an answer");
    let is_there = answer.status() == 200;
    assert!(is_there || answer.status() == 404, "{}", answer.status());
    // A deletion without a response may or may not be done.
    assert!(write.deleted.is_none_or(|deleted| deleted != is_there), "{:?}", write.deleted);
    if is_there { answer.json().await.ok() } else { None }
}

/// Asserts that the history has each change of the record once, acknowledged or not, and returns the ids.
async fn assert_has_history(server: &Process, write: &Written) -> Vec<String> {
    let record = find(server, write).await;
    let expected: Vec<u64> = match &record {
        Some(record) => (1..=record["version"].as_u64().expect("a number")).collect(),
        // Created, patched, and deleted, which keeps the version.
        None => vec![1, 2, 2],
    };
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let history = server.request(Method::GET, &format!("{}/history?order=asc", path(&write.created)));
        let history = read(history, 200).await.unwrap_or_default();
        let entries = history["data"].as_array().cloned().unwrap_or_default();
        let found: Vec<u64> = entries.iter().map(|entry| entry["version"].as_u64().expect("a number")).collect();
        if found == expected {
            assert_eq!(entries.last().expect("it is not empty")["new"], record.unwrap_or_default());
            let id = |entry: &Value| entry["eventId"].as_str().expect("an id").to_owned();
            return entries.iter().map(id).collect();
        }
        assert!(Instant::now() < end && found.len() < expected.len(), "{found:?} of {expected:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Asserts that each change is at least once in the file of events.
async fn assert_are_published(folder: &Path, mut changes: BTreeSet<String>) {
    let end = Instant::now() + Duration::from_secs(60);
    while !changes.is_empty() {
        assert!(Instant::now() < end, "{changes:?} are not published");
        let text = fs::read_to_string(folder.join("events.jsonl")).unwrap_or_default();
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let event: Value = serde_json::from_str(line).expect("a line is an event");
            changes.remove(event["id"].as_str().expect("an id"));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn assert_is_there(server: &Process, write: &Written) {
    if let Some(found) = find(server, write).await {
        match &write.patched {
            Some(patched) => assert_eq!(&found, patched),
            // A patch without a response is applied as a whole or not at all.
            None => assert!(found == write.created || found["version"] == 2 && found["name"] != write.created["name"]),
        }
        let upper = user(&write.email.to_uppercase());
        read(server.request(Method::POST, "/v1/users").json(&upper), 409).await.expect("an answer");
    }

    let again = server.request(Method::POST, "/v1/users").header("idempotency-key", &write.key);
    let again = read(again.json(&user(&write.email)), 201).await.expect("an answer");
    assert_eq!(again, write.created);
}

fn path(record: &Value) -> String {
    format!("/v1/users/{}", record["id"].as_str().expect("an id"))
}

/// Returns the body of the response; none without a response.
async fn read(request: RequestBuilder, status: u16) -> Option<Value> {
    let answer = request.send().await.ok()?;
    assert_eq!(answer.status(), status);
    answer.json().await.ok()
}
