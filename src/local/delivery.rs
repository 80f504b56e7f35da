//! The delivery of changes: the stream consumers, the bus, the queues of its consumers, and their files.

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
    queue_poller::QueuePoller,
    queues::{self, Queue},
    stream_poller::StreamPoller,
};
use crate::{app::App, functions::Service};

const EVENTS_FILE: &str = "events.jsonl";
const FAILED_FOLDER: &str = "failed-changes";
const ADDRESS_FILE: &str = "lambda-url";

/// The files and the bus, before the delivery starts.
pub struct DeliverySetup {
    folder: PathBuf,
    /// True if the folder is deleted when the server stops.
    is_temporary: bool,
    queues: Arc<Vec<Queue>>,
    bus: Bus,
}

impl DeliverySetup {
    /// Opens the files in the data folder, or in a temporary one. Events are written to the given file.
    ///
    /// # Errors
    /// [`StartError::Folder`].
    pub async fn open(service: &Service, data: Option<&Folder>, events: Option<PathBuf>) -> Result<Self, StartError> {
        let is_temporary = data.is_none();
        let folder = data.map_or_else(|| env::temp_dir().join(Uuid::now_v7().to_string()), |data| data.file(""));
        let failed = |path: &Path| {
            let path = path.to_owned();
            |cause| StartError::Folder { path, cause }
        };
        fs::create_dir_all(&folder).map_err(failed(&folder))?;
        let queues = Arc::new(queues::open(service.consumers(), &folder).map_err(failed(&folder))?);
        let events = events.or_else(|| data.map(|data| data.file(EVENTS_FILE)));
        let started = Bus::start(events.as_deref(), &queues).await;
        let bus = started.map_err(failed(events.as_deref().unwrap_or(&folder)))?;
        Ok(Self { folder, is_temporary, queues, bus })
    }

    /// Returns the URL of the bus.
    pub fn events_url(&self) -> &str {
        &self.bus.url
    }

    /// Starts every consumer at its last position.
    ///
    /// # Errors
    /// [`StartError::Folder`].
    pub async fn deliver(
        self,
        service: &Service,
        app: &Arc<App>,
        client: &Client,
        database: &Database,
    ) -> Result<Delivery, StartError> {
        let file = self.folder.join(ADDRESS_FILE);
        let started = Invocations::start(service, app, &file).await;
        let invocations = started.map_err(|cause| StartError::Folder { path: file, cause })?;
        let failed = (!self.is_temporary).then(|| self.folder.join(FAILED_FOLDER));
        let stream_poller = StreamPoller::start(service.consumers(), app, client, database, failed);
        let queue_poller = QueuePoller::start(app, &self.queues);
        Ok(Delivery { setup: self, invocations, stream_poller, queue_poller })
    }
}

/// The running delivery.
pub struct Delivery {
    setup: DeliverySetup,
    invocations: Invocations,
    stream_poller: StreamPoller,
    queue_poller: QueuePoller,
}

impl Delivery {
    /// Waits for the running batches and stops.
    pub async fn stop(self) {
        self.invocations.stop();
        self.stream_poller.stop().await;
        self.queue_poller.stop().await;
        self.setup.bus.stop();
        if self.setup.is_temporary {
            // After a failure, the operating system cleans up the temporary folder.
            let _ = fs::remove_dir_all(&self.setup.folder);
        }
    }
}
