//! The database of the local server: the embedded DynamoDB with its folder, or another endpoint.

use std::{
    env,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::{
    Client,
    config::{AppName, Builder, Credentials},
    error::SdkError,
};
use dynoxide::Database;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle, time};
use uuid::Uuid;

use super::{StartError, disk::DiskWatch};
use crate::app;

const DATABASE_FILE: &str = "dynamodb.sqlite";
/// The file that a server locks while it uses the folder.
pub(super) const LOCK_FILE: &str = "lock";
const SECRET_FILE: &str = "cursor-secret";

/// The interval at which expired rows are deleted. DynamoDB takes up to a few days.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// The maximum time to wait for another writer of the file.
const BUSY_LIMIT: Duration = Duration::from_secs(5);
/// The maximum time that the embedded server has to shut down.
const STOP_LIMIT: Duration = Duration::from_secs(3);
/// The region of the embedded DynamoDB.
const EMBEDDED_REGION: &str = "us-east-1";

/// The data folder, locked for this server until the value is dropped.
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Creates the folder if it is missing, and locks it.
    ///
    /// # Errors
    /// [`StartError::Folder`] and [`StartError::FolderInUse`].
    pub fn open(path: &Path) -> Result<Self, StartError> {
        let failed = |cause| StartError::Folder { path: path.to_owned(), cause };
        fs::create_dir_all(path).map_err(failed)?;
        let lock =
            File::options().write(true).create(true).truncate(false).open(path.join(LOCK_FILE)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StartError::FolderInUse(path.to_owned())),
            Err(TryLockError::Error(cause)) => Err(failed(cause)),
        }
    }

    /// Returns the path of a file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Returns the secret that signs cursors. It is created once, so that cursors stay valid after a restart.
    ///
    /// # Errors
    /// [`StartError::Folder`].
    pub fn cursor_secret(&self) -> Result<String, StartError> {
        let path = self.path.join(SECRET_FILE);
        let read = match fs::read_to_string(&path) {
            Ok(secret) if !secret.is_empty() => return Ok(secret),
            Ok(_) => Ok(new_secret()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(new_secret()),
            Err(error) => Err(error),
        };
        let created = read.and_then(|secret| fs::write(&path, &secret).map(|()| secret));
        created.map_err(|cause| StartError::Folder { path, cause })
    }

    /// The path of the database file.
    pub fn database_file(&self) -> PathBuf {
        self.file(DATABASE_FILE)
    }

    fn database(&self) -> Result<Database, StartError> {
        let path = self.database_file();
        // SQLite only reports "unable to open". The operating system reports the reason.
        let writable = File::options().append(true).create(true).open(&path);
        writable.map_err(|cause| StartError::Folder { path: path.clone(), cause })?;
        let opened = path.to_str().ok_or_else(|| "its path is not UTF-8".to_owned());
        let opened = opened.and_then(|text| {
            let database = Database::new(text).map_err(|error| error.to_string())?;
            index_streams(&path).map(|()| database).map_err(|error| error.to_string())
        });
        opened.map_err(|cause| StartError::Database { path, cause: describe_database_error(&cause) })
    }
}

/// Returns the cause of a database error, without advice of the library that does not apply here.
fn describe_database_error(cause: &str) -> String {
    if cause.contains("not a valid SQLite database") {
        return "it is not a SQLite database".into();
    }
    cause.trim_start_matches("Internal error: ").to_owned()
}

/// Creates a database in memory, restored from a temporary file: [`index_streams`] can only change a file.
fn in_memory() -> Result<Database, StartError> {
    let path = env::temp_dir().join(format!("{}.sqlite", Uuid::now_v7()));
    let create = || {
        let text = path.to_str().ok_or("the folder for temporary files is not UTF-8")?;
        drop(Database::new(text)?);
        index_streams(&path)?;
        let database = Database::memory()?;
        database.restore_from(text)?;
        Ok::<_, Box<dyn std::error::Error>>(database)
    };
    let created = create().map_err(|error| StartError::Tables(format!("no database in memory: {error}")));
    for end in ["", "-wal", "-shm"] {
        // A missing file is not an error.
        let _ = fs::remove_file(format!("{}{end}", path.display()));
    }
    created
}

/// Adds an index to the stream records. Without it, each write scans all of them.
fn index_streams(path: &Path) -> rusqlite::Result<()> {
    let connection = rusqlite::Connection::open(path)?;
    connection.busy_timeout(BUSY_LIMIT)?;
    connection.execute_batch(
        "CREATE INDEX IF NOT EXISTS stream_records_by_sequence
         ON _stream_records (table_name, CAST(sequence_number AS INTEGER))",
    )
}

/// Generates a random secret.
pub fn new_secret() -> String {
    // The random bits of a UUIDv7 come from the system's generator.
    [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()].map(|id| id.simple().to_string()).concat()
}

/// An embedded DynamoDB, listening.
pub struct Embedded {
    /// The database itself.
    pub database: Database,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<(), String>>,
    sweeper: JoinHandle<()>,
}

impl Embedded {
    /// Serves the database in the folder, or one in memory, on the listener.
    ///
    /// # Errors
    /// [`StartError::Database`], [`StartError::Folder`].
    pub fn start(folder: Option<&Folder>, listener: TcpListener) -> Result<Self, StartError> {
        let database = folder.map_or_else(in_memory, Folder::database)?;
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move { stopped.await.unwrap_or_default() };
        Ok(Self {
            stop,
            sweeper: tokio::spawn(sweep(database.clone())),
            database: database.clone(),
            server: tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, shutdown)),
        })
    }

    /// Finishes the running requests and closes the database.
    pub async fn stop(self) {
        self.sweeper.abort();
        // Fails only if the server has already stopped.
        let _ = self.stop.send(());
        // A request that hangs must not block the shutdown. Every acknowledged write is already on disk.
        let _ = time::timeout(STOP_LIMIT, self.server).await;
    }
}

async fn sweep(database: Database) {
    let mut ticks = time::interval(SWEEP_INTERVAL);
    loop {
        ticks.tick().await;
        let database = database.clone();
        // After a failure, the next sweep deletes the same rows.
        let _ = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
    }
}

/// Returns a client of the embedded DynamoDB, which accepts any credentials.
pub fn embedded_client(url: &str) -> Client {
    app::client(embedded_config(url))
}

/// Returns a client of the embedded DynamoDB in a folder, which reports a disk that cannot be written.
pub fn folder_client(url: &str, folder: &Folder) -> Client {
    app::client(embedded_config(url).interceptor(DiskWatch::new(folder.database_file())))
}

fn embedded_config(url: &str) -> Builder {
    Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(EMBEDDED_REGION))
        .credentials_provider(Credentials::new("local", "local", None, None, "local"))
        .endpoint_url(url)
}

/// Returns a client for one function, whose user agent has the function as the SDK's app name.
///
/// All functions share one access key, since DynamoDB Local has a separate database for each key (DynamoDB developer
/// guide, "DynamoDB local usage notes").
pub fn client_of(client: &Client, function: &str) -> Client {
    let name = AppName::new(function.to_owned()).expect("a function's name is letters and underscores");
    Client::from_conf(client.config().to_builder().app_name(name).build())
}

/// Returns a client of another endpoint, with the default credentials and region of AWS tools.
///
/// # Errors
/// [`StartError::Endpoint`] when nothing answers there.
pub async fn endpoint_client(url: &str) -> Result<Client, StartError> {
    let client = if is_emulator(url) { embedded_client(url) } else { chain_client(url).await };
    match client.list_tables().limit(1).send().await {
        // Any response shows that the endpoint is reachable, also one that denies access.
        Ok(_) | Err(SdkError::ServiceError(_)) => Ok(client),
        Err(error) => Err(StartError::Endpoint { url: url.to_owned(), cause: innermost(&error) }),
    }
}

/// Returns true if the endpoint is an emulator on this machine, and no credentials are configured.
fn is_emulator(url: &str) -> bool {
    let host = url.split("://").nth(1).unwrap_or_default();
    let is_local = ["localhost", "127.", "[::1]"].iter().any(|local| host.starts_with(local));
    is_local && ["AWS_ACCESS_KEY_ID", "AWS_PROFILE"].iter().all(|name| env::var_os(name).is_none())
}

async fn chain_client(url: &str) -> Client {
    let shared = aws_config::defaults(BehaviorVersion::latest()).http_client(app::http_client()).load().await;
    let region = shared.region().cloned().unwrap_or(Region::from_static(EMBEDDED_REGION));
    app::client(Builder::from(&shared).region(region).endpoint_url(url))
}

fn innermost(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().map(ToString::to_string).unwrap_or_default()
}
