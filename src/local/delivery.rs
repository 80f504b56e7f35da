//! The delivery of changes: streams to consumers, the bus, the queues of its consumers, and the files of all of it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_sdk_dynamodb::Client;
use dynoxide::Database;
use uuid::Uuid;

use super::{
    StartError,
    bus::Bus,
    database::Folder,
    invocations::Invocations,
    poller::Poller,
    pump::Pump,
    queues::{self, Queue},
};
use crate::app::App;

const EVENTS_FILE: &str = "events.jsonl";
const FAILED_FOLDER: &str = "failed-changes";
const ADDRESS_FILE: &str = "lambda-url";

/// The files and the bus, before anything is delivered.
pub struct Places {
    folder: PathBuf,
    /// True if the folder goes with the server.
    is_temporary: bool,
    queues: Arc<Vec<Queue>>,
    bus: Bus,
}

impl Places {
    /// Opens them in the data folder, or in one that goes with the server; events in the file that is given.
    ///
    /// # Errors
    /// [`StartError::Folder`].
    pub async fn open(data: Option<&Folder>, events: Option<PathBuf>) -> Result<Self, StartError> {
        let is_temporary = data.is_none();
        let folder = data.map_or_else(|| env::temp_dir().join(Uuid::now_v7().to_string()), |data| data.file(""));
        let failed = |path: &Path| {
            let path = path.to_owned();
            |cause| StartError::Folder { path, cause }
        };
        let queues = Arc::new(queues::open(&folder).map_err(failed(&folder))?);
        let events = events.or_else(|| data.map(|data| data.file(EVENTS_FILE)));
        let started = Bus::start(events.as_deref(), &queues).await;
        let bus = started.map_err(failed(events.as_deref().unwrap_or(&folder)))?;
        Ok(Self { folder, is_temporary, queues, bus })
    }

    /// The bus's address.
    pub fn events_url(&self) -> &str {
        &self.bus.url
    }

    /// Starts every consumer where it was.
    ///
    /// # Errors
    /// [`StartError::Folder`].
    pub async fn deliver(self, app: &Arc<App>, client: &Client, database: &Database) -> Result<Delivery, StartError> {
        let file = self.folder.join(ADDRESS_FILE);
        let started = Invocations::start(app, &file).await;
        let invocations = started.map_err(|cause| StartError::Folder { path: file, cause })?;
        let failed = (!self.is_temporary).then(|| self.folder.join(FAILED_FOLDER));
        let pump = Pump::start(app, client, database, failed);
        let poller = Poller::start(app, &self.queues);
        Ok(Delivery { places: self, invocations, pump, poller })
    }
}

/// The running delivery.
pub struct Delivery {
    places: Places,
    invocations: Invocations,
    pump: Pump,
    poller: Poller,
}

impl Delivery {
    /// Stops after the batches that run.
    pub async fn stop(self) {
        self.invocations.stop();
        self.pump.stop().await;
        self.poller.stop().await;
        self.places.bus.stop();
        if self.places.is_temporary {
            // What is left of it is the system's to clean.
            let _ = fs::remove_dir_all(&self.places.folder);
        }
    }
}
