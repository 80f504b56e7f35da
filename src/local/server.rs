//! Starts and stops the local server.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time,
};

use super::{
    Options, StartError,
    bus::Bus,
    database::{Embedded, Folder, embedded_client, endpoint_client, new_secret},
    gateway::{self, Gateway},
    pump::Pump,
};
use crate::{
    app::{App, Config, LogLevel},
    error::Error,
    migrate::{self, Failure, Halt, Progress},
    routes::tables,
    store::{Store, TableDefinition, create_missing_tables},
};

/// How long requests in flight may take to finish once the server is to stop.
const FINISH_LIMIT: Duration = Duration::from_secs(10);

const HISTORY_DAYS: u32 = 365;
const EVENTS_FILE: &str = "events.jsonl";
const DEAD_LETTERS_FILE: &str = "dead-letters.jsonl";
/// For how long to wait for another server that migrates the same tables.
const MIGRATION_PATIENCE: Duration = Duration::from_secs(60);

/// A running local server.
pub struct Server {
    url: String,
    dynamodb_url: String,
    options: Options,
    stop: oneshot::Sender<()>,
    gateway: JoinHandle<io::Result<()>>,
    /// Ends when the last function does.
    functions: mpsc::Receiver<()>,
    pump: Option<Pump>,
    bus: Option<Bus>,
    embedded: Option<Embedded>,
    _folder: Option<Folder>,
}

/// Starts the local server: it answers as soon as this returns.
///
/// # Errors
/// The first thing that is in the way, as one line.
pub async fn start(options: Options) -> Result<Server, StartError> {
    let (listener, address) = listen(&options.host, options.port, "--port").await?;
    let folder = if options.memory { None } else { Some(Folder::open(&options.data)?) };
    let cursor_secret = folder.as_ref().map_or_else(|| Ok(new_secret()), Folder::cursor_secret)?;
    let (client, dynamodb_url, embedded) = match &options.endpoint_url {
        Some(url) => (endpoint_client(url).await?, url.clone(), None),
        None => {
            let (listener, address) = listen(&options.host, options.dynamodb_port, "--dynamodb-port").await?;
            let url = format!("http://{address}");
            (embedded_client(&url), url, Some(Embedded::start(folder.as_ref(), listener)?))
        }
    };
    let in_folder = |name| folder.as_ref().map(|folder| folder.file(name));
    let streamed = embedded.as_ref().filter(|_| !options.no_consumers);
    let bus = match options.events.clone().or_else(|| in_folder(EVENTS_FILE)).filter(|_| streamed.is_some()) {
        Some(path) => Some(Bus::start(&path).await.map_err(|cause| StartError::Folder { path, cause })?),
        None => None,
    };
    let events_url = bus.as_ref().map(|bus| bus.url.clone());
    let app = App::new(config(&options, cursor_secret, &dynamodb_url, events_url), client.clone());
    let tables = if streamed.is_some() { tables() } else { unstreamed_tables() };
    create_missing_tables(&app.store, &tables).await.map_err(refused)?;
    if !options.no_migrations {
        apply_migrations(&app.store).await?;
    }
    let pump = streamed.map(|embedded| Pump::start(&app, &client, &embedded.database, in_folder(DEAD_LETTERS_FILE)));

    let (running, functions) = mpsc::channel(1);
    let (stop, stopped) = oneshot::channel();
    let gateway = Gateway::new(app, &options, address.to_string(), running);
    Ok(Server {
        url: format!("http://{address}"),
        dynamodb_url,
        options,
        stop,
        gateway: tokio::spawn(gateway::serve(gateway, listener, stopped)),
        functions,
        pump,
        bus,
        embedded,
        _folder: folder,
    })
}

impl Server {
    /// Where the API is, as in `http://127.0.0.1:3000`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where DynamoDB is.
    pub fn dynamodb_url(&self) -> &str {
        &self.dynamodb_url
    }

    /// An API key to call with.
    pub fn key(&self) -> &str {
        &self.options.key
    }

    /// What the server was started with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Stops: no new connections, what is in flight finishes within ten seconds, the database is closed.
    pub async fn shutdown(mut self) {
        // Where the gateway ended by itself, no one listens any more.
        let _ = self.stop.send(());
        let finished = async {
            let _ = (&mut self.gateway).await;
            self.functions.recv().await
        };
        if time::timeout(FINISH_LIMIT, finished).await.is_err() {
            self.gateway.abort();
        }
        if let Some(pump) = self.pump {
            // A change a consumer is at for too long comes again at the next start.
            let _ = time::timeout(FINISH_LIMIT, pump.stop()).await;
        }
        if let Some(bus) = self.bus {
            bus.stop();
        }
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}

async fn listen(host: &str, port: u16, option: &'static str) -> Result<(TcpListener, SocketAddr), StartError> {
    let bound = TcpListener::bind((host, port)).await.and_then(|listener| {
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(|cause| match cause.kind() {
        io::ErrorKind::AddrInUse => StartError::PortInUse { port, option },
        _ => StartError::Address { address: format!("{host}:{port}"), cause },
    })
}

fn config(options: &Options, cursor_secret: String, dynamodb_url: &str, events_endpoint_url: Option<String>) -> Config {
    Config {
        table_prefix: options.table_prefix.clone(),
        cursor_secret,
        cors_origins: options.cors_origin.clone(),
        log_level: if options.quiet { LogLevel::Error } else { LogLevel::Info },
        region: "local".into(),
        endpoint_url: Some(dynamodb_url.to_owned()),
        events_endpoint_url,
        event_bus: "local".into(),
        history_days: HISTORY_DAYS,
        ca_bundle: None,
    }
}

/// The tables, without the streams that nobody reads here: they would only slow the writes.
pub(super) fn unstreamed_tables() -> Vec<TableDefinition> {
    tables().into_iter().map(|table| TableDefinition { stream: false, ..table }).collect()
}

/// Brings what earlier versions stored into today's shape.
async fn apply_migrations(store: &Store) -> Result<(), StartError> {
    let mut settings = migrate::Settings::new("the local server");
    // A segment of the embedded database is no faster than the whole.
    settings.parallelism.segments = 1;
    settings.lock.wait_timeout = MIGRATION_PATIENCE;
    let failed = |failure: Failure| StartError::Migrations(failure.to_string().replace('\n', "; "));
    let migrations = migrate::compiled().map_err(failed)?;
    let (halt, progress) = (Halt::default(), Progress::default());
    let report = migrate::up(store, migrations, &settings, &halt, &progress).await.map_err(failed)?;
    report.refusals().map_or(Ok(()), |refusals| Err(StartError::Migrations(refusals)))
}

pub(super) fn refused(error: Error) -> StartError {
    StartError::Tables(error.cause().unwrap_or_else(|| "DynamoDB refused".into()))
}
