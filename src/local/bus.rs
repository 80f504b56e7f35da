//! The event bus: answers as EventBridge does, and appends what is published to a file, an event a line.

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

/// A running bus.
pub struct Bus {
    /// Where it is.
    pub url: String,
    server: JoinHandle<io::Result<()>>,
}

impl Bus {
    /// Opens the file and listens on any free port.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn start(path: &Path) -> io::Result<Self> {
        let file = Arc::new(Mutex::new(open(path)?));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let service = Router::new().route("/", post(put_events)).with_state(file);
        let server = tokio::spawn(async { axum::serve(listener, service).await });
        Ok(Self { url, server })
    }

    /// Stops listening.
    pub fn stop(self) {
        self.server.abort();
    }
}

/// Opens the file at its end, without a line that a sudden end cut off: its event comes again.
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
    detail: String,
}

async fn put_events(State(file): State<Arc<Mutex<File>>>, body: String) -> Json<Value> {
    let Ok(PutEvents { entries }) = serde_json::from_str(&body) else {
        return Json(json!({ "FailedEntryCount": 0, "Entries": [] }));
    };
    let mut file = file.lock().expect("nothing panics while it holds the lock");
    let results: Vec<Value> = entries
        .iter()
        .map(|entry| match file.write_all(format!("{}\n", entry.detail).as_bytes()) {
            Ok(()) => json!({ "EventId": Uuid::now_v7() }),
            Err(error) => json!({ "ErrorCode": "InternalFailure", "ErrorMessage": error.to_string() }),
        })
        .collect();
    let failed = results.iter().filter(|result| result["EventId"].is_null()).count();
    Json(json!({ "FailedEntryCount": failed, "Entries": results }))
}
