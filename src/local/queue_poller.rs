//! Polls the local queues for the event consumers, as Lambda's event source mapping does.

use std::{collections::HashSet, io, sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinHandle, time};

use super::queues::Queue;
use crate::{app::App, streams::respond_to_messages};

/// The time between two polls of an empty queue.
const PAUSE: Duration = Duration::from_millis(100);
/// The maximum duration of a batch.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The running consumers of events.
pub struct QueuePoller {
    stop: watch::Sender<bool>,
    readers: Vec<JoinHandle<()>>,
}

impl QueuePoller {
    /// Starts a reader of each queue.
    pub fn start(app: &Arc<App>, queues: &Arc<Vec<Queue>>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let reader = |index| tokio::spawn(read(app.clone(), queues.clone(), index, stopped.clone()));
        Self { readers: (0..queues.len()).map(reader).collect(), stop }
    }

    /// Waits for the running batches and stops.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for reader in self.readers {
            // The reader does not panic: panics of consumers are caught.
            let _ = reader.await;
        }
    }
}

async fn read(app: Arc<App>, queues: Arc<Vec<Queue>>, index: usize, mut stopped: watch::Receiver<bool>) {
    let queue = &queues[index];
    while !*stopped.borrow() {
        match step(&app, queue).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => eprintln!("a queue of {} cannot be read: {error}", queue.consumer),
        }
        tokio::select! {
            () = time::sleep(PAUSE) => {}
            _ = stopped.changed() => {}
        }
    }
}

/// Passes the next messages to the consumer and deletes those that are done. Returns false if there are none.
async fn step(app: &Arc<App>, queue: &Queue) -> io::Result<bool> {
    let messages = queue.receive()?;
    if messages.is_empty() {
        return Ok(false);
    }
    let event = queue.event(&messages).to_string();
    let response = respond_to_messages(app, queue.consumer, queue.handler.as_ref(), &event, TIME_LIMIT).await;
    let response = response.map_err(io::Error::other)?;
    let remaining: HashSet<_> =
        response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
    for message in messages.iter().filter(|message| !remaining.contains(message.id())) {
        queue.delete(message)?;
    }
    Ok(true)
}
