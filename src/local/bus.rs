//! A local event bus with the API of EventBridge. It puts events into the queues of their consumers, and appends them
//! to a file, one event per line.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    net::Ipv4Addr,
    path::Path,
    sync::{Arc, Mutex},
};

use axum::{Json, Router, extract::State, routing::post};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use uuid::Uuid;

use super::queues::Queue;
use crate::record::{format_time, now};

/// A running bus.
pub struct Bus {
    /// The URL of the bus.
    pub url: String,
    server: JoinHandle<io::Result<()>>,
}

impl Bus {
    /// Opens the file, if there is one, and listens on a free port.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn start(path: Option<&Path>, queues: &Arc<Vec<Queue>>) -> io::Result<Self> {
        let file = Mutex::new(path.map(open).transpose()?);
        let targets = Arc::new(Targets { file, queues: queues.clone() });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let service = Router::new().route("/", post(put_events)).with_state(targets);
        let server = tokio::spawn(async { axum::serve(listener, service).await });
        Ok(Self { url, server })
    }

    /// Stops listening.
    pub fn stop(self) {
        self.server.abort();
    }
}

/// Opens the file for appending, and removes an incomplete last line, as after a crash. Its event is delivered again.
fn open(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let mut end = file.metadata()?.len();
    let mut last = [0];
    while end > 0 {
        file.seek(SeekFrom::Start(end - 1))?;
        file.read_exact(&mut last)?;
        if last == *b"\n" {
            break;
        }
        end -= 1;
    }
    file.set_len(end)?;
    Ok(file)
}

/// The part of `PutEvents` that is read (EventBridge API reference).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEvents {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    source: String,
    detail_type: String,
    detail: String,
}

/// The targets of events.
struct Targets {
    file: Mutex<Option<File>>,
    queues: Arc<Vec<Queue>>,
}

impl Targets {
    /// Delivers an event to all targets. The consumer publishes a failed event again, under the same id.
    fn deliver(&self, entry: &Entry) -> io::Result<()> {
        for queue in self.queues.iter().filter(|queue| queue.accepts(&entry.detail_type)) {
            queue.send(envelope(entry)?)?;
        }
        match &mut *self.file.lock().expect("nothing panics while it holds the lock") {
            Some(file) => file.write_all(format!("{}\n", entry.detail).as_bytes()),
            None => Ok(()),
        }
    }
}

/// Returns the event as EventBridge delivers it (EventBridge user guide, "Event structure").
fn envelope(entry: &Entry) -> io::Result<String> {
    let detail: Value = serde_json::from_str(&entry.detail)?;
    let envelope = json!({
        "version": "0",
        "id": Uuid::now_v7(),
        "detail-type": entry.detail_type,
        "source": entry.source,
        "account": "000000000000",
        "time": format_time(&now()),
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
    });
    Ok(envelope.to_string())
}

async fn put_events(State(targets): State<Arc<Targets>>, body: String) -> Json<Value> {
    let Ok(PutEvents { entries }) = serde_json::from_str(&body) else {
        return Json(json!({ "FailedEntryCount": 0, "Entries": [] }));
    };
    let results: Vec<Value> = entries
        .iter()
        .map(|entry| match targets.deliver(entry) {
            Ok(()) => json!({ "EventId": Uuid::now_v7() }),
            Err(error) => json!({ "ErrorCode": "InternalFailure", "ErrorMessage": error.to_string() }),
        })
        .collect();
    let failed = results.iter().filter(|result| result["EventId"].is_null()).count();
    Json(json!({ "FailedEntryCount": failed, "Entries": results }))
}
