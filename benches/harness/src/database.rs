//! The embedded DynamoDB behind TLS, with the records that events are about.

use std::{
    fs,
    future::pending,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    Result,
    options::Options,
    secrets,
    server::{KEY, Server},
    tls::{self, Tls},
};

/// A running database.
pub struct Database {
    /// Where functions find it.
    pub tls: Tls,
    /// Where functions find the secret that signs cursors.
    pub secrets_url: String,
    /// The API over it, which makes the tables and the records.
    server: Server,
    database: JoinHandle<()>,
    client: reqwest::Client,
    item: String,
    user: String,
    serial: AtomicUsize,
}

impl Database {
    /// Starts one, with thirty records in each table.
    pub async fn start(options: &Options) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let memory = dynoxide::Database::memory()?;
        let database = tokio::spawn(async move {
            // It ends with the run.
            let _ = dynoxide::server::serve_with_shutdown(listener, memory, pending()).await;
        });
        let server = Server::start(options, &["--endpoint-url", &format!("http://{address}")]).await?;
        let tls = tls::start(options, address).await?;
        let secrets_url = secrets::start().await?;
        let client = reqwest::Client::new();
        let (item, user, serial) = (String::new(), String::new(), AtomicUsize::new(0));
        let mut database = Self { tls, secrets_url, server, database, client, item, user, serial };
        for _ in 0..30 {
            database.item = database.create(options, "items").await?;
            database.user = database.create(options, "users").await?;
        }
        Ok(database)
    }

    /// The event for a function, about a record of its own where it deletes it.
    pub async fn event(&self, options: &Options, function: &str) -> Result<String> {
        let mut event = sample(options, function)?;
        let (collection, verb) = function.split_once('_').ok_or("a function's name is collection_verb")?;
        if event["body"].is_string() {
            event["body"] = self.body(options, collection)?.to_string().into();
        }
        let id = match (verb, collection) {
            ("delete", _) => self.create(options, collection).await?,
            (_, "items") => self.item.clone(),
            _ => self.user.clone(),
        };
        if let Some(old) = event["pathParameters"]["id"].as_str().map(str::to_owned) {
            event = serde_json::from_str(&event.to_string().replace(&old, &id))?;
        }
        for headers in ["headers", "multiValueHeaders"] {
            if let Some(headers) = event[headers].as_object_mut() {
                headers.remove("if-match");
                headers.remove("idempotency-key");
            }
        }
        Ok(event.to_string())
    }

    async fn create(&self, options: &Options, collection: &str) -> Result<String> {
        let request = self.client.post(format!("{}/v1/{collection}", self.server.url));
        let request = request.header("x-api-key", KEY).json(&self.body(options, collection)?);
        let record: Value = request.send().await?.error_for_status()?.json().await?;
        Ok(record["id"].as_str().ok_or("a record has an id")?.to_owned())
    }

    /// A valid body, with an e-mail that no other has.
    fn body(&self, options: &Options, collection: &str) -> Result<Value> {
        let sample = sample(options, &format!("{collection}_create"))?;
        let mut body: Value = serde_json::from_str(sample["body"].as_str().ok_or("a create has a body")?)?;
        if let Some(email) = body.get_mut("email") {
            *email = json!(format!("bench{}@example.com", self.serial.fetch_add(1, Ordering::Relaxed)));
        }
        Ok(body)
    }
}

fn sample(options: &Options, function: &str) -> Result<Value> {
    Ok(serde_json::from_slice(&fs::read(options.root.join(format!("events/{function}.json")))?)?)
}

impl Drop for Database {
    fn drop(&mut self) {
        self.database.abort();
    }
}
