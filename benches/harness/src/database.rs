//! The services that functions call: the embedded DynamoDB behind TLS, with the records used by the events, and the issuer of
//! the authorizer's tokens.

use std::{
    fs,
    future::pending,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    catalogue::AUTHORIZER,
    error::Result,
    issuer::Issuer,
    options::Options,
    secrets,
    server::{KEY, Server},
    tls::{self, Tls},
};

/// A running database.
pub struct Database {
    /// The TLS endpoints that functions connect to.
    pub tls: Tls,
    /// The endpoint of the secret that signs cursors.
    pub secrets_url: String,
    issuer: Issuer,
    /// The API server that creates the tables and records.
    server: Server,
    database: JoinHandle<()>,
    client: reqwest::Client,
    item: String,
    user: String,
    serial: AtomicUsize,
}

impl Database {
    /// Starts a database with thirty records in each table.
    pub async fn start(options: &Options) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let memory = dynoxide::Database::memory()?;
        let database = tokio::spawn(async move {
            // The server stops when the task is aborted.
            let _ = dynoxide::server::serve_with_shutdown(listener, memory, pending()).await;
        });
        let server = Server::start(options, &["--endpoint-url", &format!("http://{address}")]).await?;
        let mut issuer = Issuer::create(options).await?;
        let tls = tls::start(options, address, issuer.address.clone()).await?;
        issuer.serve(&tls.issuer);
        let secrets_url = secrets::start().await?;
        let client = reqwest::Client::new();
        let (item, user, serial) = (String::new(), String::new(), AtomicUsize::new(0));
        let mut database = Self { tls, secrets_url, issuer, server, database, client, item, user, serial };
        for _ in 0..30 {
            database.item = database.create_record(options, "items").await?;
            database.user = database.create_record(options, "users").await?;
        }
        Ok(database)
    }

    /// Returns an event for a function. A delete gets a new record of its own.
    pub async fn build_event(&self, options: &Options, function: &str) -> Result<String> {
        if function == AUTHORIZER {
            return self.issuer.event(&self.tls.issuer);
        }
        let mut event = sample_event(options, function)?;
        let (collection, verb) = function.split_once('_').ok_or("a function's name is collection_verb")?;
        if event["body"].is_string() {
            event["body"] = self.new_body(options, collection)?.to_string().into();
        }
        let id = match (verb, collection) {
            ("delete", _) => self.create_record(options, collection).await?,
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

    async fn create_record(&self, options: &Options, collection: &str) -> Result<String> {
        let request = self.client.post(format!("{}/v1/{collection}", self.server.url));
        let request = request.header("x-api-key", KEY).json(&self.new_body(options, collection)?);
        let record: Value = request.send().await?.error_for_status()?.json().await?;
        Ok(record["id"].as_str().ok_or("a record has an id")?.to_owned())
    }

    /// Returns a valid body with a unique e-mail address.
    fn new_body(&self, options: &Options, collection: &str) -> Result<Value> {
        let sample = sample_event(options, &format!("{collection}_create"))?;
        let mut body: Value = serde_json::from_str(sample["body"].as_str().ok_or("a create has a body")?)?;
        if let Some(email) = body.get_mut("email") {
            *email = json!(format!("bench{}@example.com", self.serial.fetch_add(1, Ordering::Relaxed)));
        }
        Ok(body)
    }
}

fn sample_event(options: &Options, function: &str) -> Result<Value> {
    Ok(serde_json::from_slice(&fs::read(options.events_folder().join(format!("{function}.json")))?)?)
}

impl Drop for Database {
    fn drop(&mut self) {
        self.database.abort();
    }
}
