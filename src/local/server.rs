//! Starts and stops the local server.

use std::{collections::HashMap, io, net::SocketAddr, sync::Arc, time::Duration};

use aws_sdk_dynamodb::Client;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time,
};

use super::{
    Options, StartError, TokenClaims,
    authorization::Authorization,
    database::{Embedded, Folder, client_of, embedded_client, endpoint_client, folder_client, new_secret},
    delivery::{Delivery, DeliverySetup},
    gateway::{self, Gateway},
    indexes,
    upstream::upstream,
    upstream_stand_in::UpstreamStandIn,
};
use crate::{
    app::{App, Config, CursorSecret, LogLevel},
    config::UpstreamConfig,
    functions::Service,
    migrate::{self, Failure, Halt, Migration, Progress},
    operations::Operation,
    store::{Store, TableDefinition, create_missing_tables},
};

/// The maximum time that requests in flight have to finish during a shutdown.
const FINISH_LIMIT: Duration = Duration::from_secs(10);

const HISTORY_DAYS: u32 = 365;
/// The maximum time to wait for another server that migrates the same tables.
const MIGRATION_LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// A running local server.
pub struct Server {
    url: String,
    dynamodb_url: String,
    service: Service,
    options: Options,
    authorization: Arc<Authorization>,
    stop: oneshot::Sender<()>,
    gateway: JoinHandle<io::Result<()>>,
    /// Closed when the last function has ended.
    functions: mpsc::Receiver<()>,
    delivery: Option<Delivery>,
    embedded: Option<Embedded>,
    _stand_in: Option<UpstreamStandIn>,
    _folder: Option<Folder>,
}

/// Starts a local server of a service. It accepts requests when this returns.
///
/// # Errors
/// The first problem, as one line.
pub async fn start(service: Service, options: Options) -> Result<Server, StartError> {
    let (listener, address) = listen(&options.host, options.port, "--port").await?;
    let folder = if options.memory { None } else { Some(Folder::open(&options.data)?) };
    let cursor_secret = folder.as_ref().map_or_else(|| Ok(new_secret()), Folder::cursor_secret)?;
    let (client, dynamodb_url, embedded) = match &options.endpoint_url {
        Some(url) => (endpoint_client(url).await?, url.clone(), None),
        None => {
            let (listener, address) = listen(&options.host, options.dynamodb_port, "--dynamodb-port").await?;
            let url = format!("http://{address}");
            let client = folder.as_ref().map_or_else(|| embedded_client(&url), |folder| folder_client(&url, folder));
            (client, url, Some(Embedded::start(folder.as_ref(), listener)?))
        }
    };
    let streamed = embedded.as_ref().filter(|_| !options.no_consumers);
    let setup = match streamed {
        Some(_) => Some(DeliverySetup::open(&service, folder.as_ref(), options.events.clone()).await?),
        None => None,
    };
    let events_url = setup.as_ref().map(|setup| setup.events_url().to_owned());
    let (upstream, stand_in) = upstream(&options).await?;
    let app = App::new(config(&options, cursor_secret, &dynamodb_url, events_url), client.clone());
    let mut tables = service.tables();
    if streamed.is_none() {
        // Streams without readers would only slow down writes.
        tables = tables.into_iter().map(TableDefinition::without_stream).collect();
    }
    let prepared = prepare(&app.store, &service, &tables, &options, embedded.is_some()).await;
    prepared
        .map_err(|error| if let Some(folder) = &folder { error.of_database(folder.database_file()) } else { error })?;
    let delivery = match (streamed, setup) {
        (Some(embedded), Some(setup)) => {
            let app = if options.log_consumers { app.clone() } else { quiet(&app, &client) };
            Some(setup.deliver(&service, &app, &client, &embedded.database).await?)
        }
        _ => None,
    };

    let (running, functions) = mpsc::channel(1);
    let (stop, stopped) = oneshot::channel();
    let operations = service.operations();
    let apps = function_apps(&operations, &app.config, &upstream, &client);
    let url = format!("http://{address}");
    let path = folder.as_ref().map(|_| options.data.as_path());
    let authorization = Arc::new(Authorization::open(&options, path, &url, operations)?);
    let gateway = Gateway::new(app, apps, &service, authorization.clone(), &options, address.to_string(), running);
    Ok(Server {
        url,
        dynamodb_url,
        service,
        options,
        authorization,
        stop,
        gateway: tokio::spawn(gateway::serve(gateway, listener, stopped)),
        functions,
        delivery,
        embedded,
        _stand_in: stand_in,
        _folder: folder,
    })
}

impl Server {
    /// Returns the URL of the API, such as `http://127.0.0.1:3000`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the URL of DynamoDB.
    pub fn dynamodb_url(&self) -> &str {
        &self.dynamodb_url
    }

    /// Returns the API key of the basic usage plan.
    pub fn key(&self) -> &str {
        &self.options.key
    }

    /// Returns the service that the server runs.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Signs a token of the local issuer; none if the tokens are of another one.
    pub fn token(&self, claims: &TokenClaims) -> Option<String> {
        self.authorization.issuer().map(|issuer| issuer.token(claims))
    }

    /// Returns the options of the server.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Stops the server: closes the listener, waits up to ten seconds for requests in flight, and closes the database.
    pub async fn shutdown(mut self) {
        // Fails only if the gateway has already stopped.
        let _ = self.stop.send(());
        let finished = async {
            let _ = (&mut self.gateway).await;
            self.functions.recv().await
        };
        if time::timeout(FINISH_LIMIT, finished).await.is_err() {
            self.gateway.abort();
        }
        if let Some(delivery) = self.delivery {
            // A batch that does not finish in time is delivered again after the next start.
            let _ = time::timeout(FINISH_LIMIT, delivery.stop()).await;
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
        cursor_secret: CursorSecret::Value(cursor_secret),
        cors_origins: options.cors_origin.clone(),
        log_level: if options.quiet { LogLevel::Error } else { LogLevel::Info },
        region: "local".into(),
        endpoint_url: Some(dynamodb_url.to_owned()),
        events_endpoint_url,
        secrets_endpoint_url: None,
        event_bus: "local".into(),
        history_days: HISTORY_DAYS,
        application_roles: options.application_role.iter().filter(|role| !role.is_empty()).cloned().collect(),
        service_roles: Vec::new(),
        ca_bundle: None,
        upstream: None,
    }
}

/// Returns the same app, which logs only failures.
fn quiet(app: &App, client: &Client) -> Arc<App> {
    App::new(Config { log_level: LogLevel::Error, ..app.config.clone() }, client.clone())
}

/// Returns an error if the engine lacks a feature that the store relies on.
async fn check_engine(store: &Store, url: &str) -> Result<(), StartError> {
    let missing = store.missing_feature().await.map_err(StartError::refused)?;
    missing.map_or(Ok(()), |feature| Err(StartError::Engine { url: url.to_owned(), feature }))
}

/// Returns the app of each function. Each has its own clients, as in Lambda.
fn function_apps(
    operations: &[Operation],
    config: &Config,
    upstream: &UpstreamConfig,
    client: &Client,
) -> HashMap<String, Arc<App>> {
    let app = |operation: &Operation| {
        let upstream = operation.contract().upstream.then(|| upstream.clone());
        let config = Config { upstream, ..config.clone() };
        (operation.function.clone(), App::new(config, client_of(client, &operation.function)))
    };
    operations.iter().map(app).collect()
}

/// Creates missing tables, applies the pending migrations and updates the indexes.
async fn prepare(
    store: &Store,
    service: &Service,
    tables: &[TableDefinition],
    options: &Options,
    is_embedded: bool,
) -> Result<(), StartError> {
    create_missing_tables(store, tables).await.map_err(StartError::refused)?;
    if let Some(url) = &options.endpoint_url {
        check_engine(store, url).await?;
    }
    if !options.no_migrations {
        let sources = service.migration_sources();
        let migrations =
            options.migrations.as_deref().map_or_else(|| sources.compiled(), |folder| sources.read(folder));
        apply_migrations(store, migrations).await?;
    }
    indexes::update(store, tables, &service.row_schemas(), is_embedded).await
}

/// Applies the pending migrations.
async fn apply_migrations(store: &Store, migrations: Result<Vec<Migration>, Failure>) -> Result<(), StartError> {
    let mut settings = migrate::Settings::new("the local server");
    // Parallel segments do not speed up a scan of the embedded database.
    settings.parallelism.segments = 1;
    settings.lock.wait_timeout = MIGRATION_LOCK_TIMEOUT;
    let failed = |failure: Failure| StartError::Migrations(failure.to_string().replace('\n', "; "));
    let (halt, progress) = (Halt::default(), Progress::default());
    let report = migrate::up(store, migrations.map_err(failed)?, &settings, &halt, &progress).await.map_err(failed)?;
    report.refusals().map_or(Ok(()), |refusals| Err(StartError::Migrations(refusals)))
}
