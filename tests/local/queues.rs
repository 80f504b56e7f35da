//! The queues of the event consumers: messages survive a kill, and messages that keep failing are stored.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{process::Process, user};

const CASCADE: &str = "users_cascade";
const REPEAT_QUEUE: &str = "users_cascade-later";

/// Returns the messages in a folder.
fn messages(data: &Path, folder: &str) -> Vec<Value> {
    let files = fs::read_dir(data.join(folder)).into_iter().flatten().flatten();
    let texts = files.filter_map(|file| fs::read_to_string(file.path()).ok());
    texts.filter_map(|text| serde_json::from_str(&text).ok()).collect()
}

async fn send(server: &Process, method: Method, path: &str, body: &Value) -> Value {
    let answer = server.request(method, path).json(body).send().await.expect("an answer");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.json().await.unwrap_or_default()
}

async fn until(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_true().await {
        assert!(Instant::now() < end, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn is_archived(server: &Process, path: &str) -> bool {
    let item = send(server, Method::GET, path, &json!(null)).await;
    item["status"] == "archived" && item["ownerId"].is_null()
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_events_survive_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Process::start(folder.path(), &[]);
    let user = send(&server, Method::POST, "/v1/users", &user("ada@example.com")).await;
    let item = json!({ "name": "Cup", "priceCents": 1, "currency": "EUR", "ownerId": user["id"] });
    let item = send(&server, Method::POST, "/v1/items", &item).await;
    let path = format!("/v1/items/{}", item["id"].as_str().expect("an id"));
    send(&server, Method::DELETE, &format!("/v1/users/{}", user["id"].as_str().expect("an id")), &json!(null)).await;
    let queued = |queue: &str| messages(folder.path(), &format!("queues/{queue}"));
    until("the event", async || queued(CASCADE).len() == 1 && queued(REPEAT_QUEUE).len() == 1).await;
    assert!(!is_archived(&server, &path).await, "it waits");
    server.kill();
    drop(server);

    let server = Process::start(folder.path(), &[]);
    until("the archived item", async || is_archived(&server, &path).await).await;
    until("the end of the first pass", async || queued(CASCADE).is_empty()).await;
    server.kill();
    drop(server);

    // The next pass is due, and the event is less than six hours old.
    let [message] = &queued(REPEAT_QUEUE)[..] else { panic!("it waits for its next pass") };
    let mut due = message.clone();
    due["visibleAt"] = 0.into();
    let file = format!("queues/{REPEAT_QUEUE}/{}.json", due["messageId"].as_str().expect("an id"));
    fs::write(folder.path().join(file), due.to_string()).expect("the file is there");
    let server = Process::start(folder.path(), &[]);
    until("the next pass", async || queued(REPEAT_QUEUE).first().is_some_and(|message| message["receiveCount"] == 1))
        .await;
    let visible = queued(REPEAT_QUEUE)[0]["visibleAt"].as_i64().expect("a time");
    let in_ten_minutes = chrono::Utc::now().timestamp_millis() + 10 * 60 * 1_000;
    assert!(visible > in_ten_minutes, "it waits for the one after");
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn message_that_keeps_failing_moves_to_the_dead_letter_queue() {
    let folder = tempfile::tempdir().expect("a folder");
    let queue = folder.path().join("queues").join(CASCADE);
    fs::create_dir_all(&queue).expect("a folder");
    let message = json!({ "messageId": "m", "body": "{}", "sentAt": 0, "visibleAt": 0, "receiveCount": 4 });
    fs::write(queue.join("m.json"), message.to_string()).expect("a file");
    let server = Process::start(folder.path(), &["--quiet"]);
    let dead_letters = || messages(folder.path(), &format!("dead-letters/{CASCADE}"));
    until("the dead letter", async || dead_letters().len() == 1).await;
    assert_eq!(
        (&dead_letters()[0]["body"], messages(folder.path(), &format!("queues/{CASCADE}")).len()),
        (&json!("{}"), 0)
    );
    drop(server);
}
