//! The queues of the event consumers: one folder per queue, one file per message, so that messages survive a crash.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::Utc;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    functions::{ConsumerDefinition, Source},
    streams::{EventConsumer, REPEAT_QUEUE_SUFFIX},
};

/// The number of receives before a message is moved to the dead-letter queue, as `maxReceiveCount` in
/// `cdk/lib/subscriptions.ts`.
const MAX_RECEIVES: u32 = 5;
/// The maximum number of messages per batch.
const BATCH: usize = 10;
const FIRST_BACKOFF: Duration = Duration::from_millis(200);

/// A queue of a consumer.
pub struct Queue {
    /// The consumer's name.
    pub consumer: &'static str,
    /// The consumer.
    pub handler: Arc<dyn EventConsumer>,
    /// The types of the events that the queue receives.
    types: Vec<String>,
    name: String,
    messages: PathBuf,
    dead_letters: PathBuf,
    /// The delivery delay of a new message.
    delay: Duration,
    /// The visibility timeout; if none, it grows with the receive count.
    visibility_timeout: Option<Duration>,
    max_receives: u32,
}

/// The content of a message's file. Times are in milliseconds since the epoch.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    message_id: String,
    body: String,
    sent_at: i64,
    visible_at: i64,
    receive_count: u32,
}

/// Opens the queues of all event consumers in the folder.
///
/// # Errors
/// When a folder cannot be created.
pub fn open(consumers: Vec<ConsumerDefinition>, folder: &Path) -> io::Result<Vec<Queue>> {
    let mut queues = Vec::new();
    for definition in consumers {
        let Source::Events { types, delay_seconds, repeats, consumer } = definition.source else { continue };
        let queue = |name: String, delay, visibility_timeout, max_receives| Queue {
            consumer: definition.name,
            handler: consumer.clone(),
            types: types.clone(),
            messages: folder.join("queues").join(&name),
            dead_letters: folder.join("dead-letters").join(definition.name),
            name,
            delay,
            visibility_timeout,
            max_receives,
        };
        queues.push(queue(definition.name.into(), Duration::from_secs(delay_seconds.into()), None, MAX_RECEIVES));
        if let Some(repeat) = repeats {
            let passes = repeat.until().as_secs().div_ceil(repeat.every().as_secs()) as u32;
            let name = format!("{}{REPEAT_QUEUE_SUFFIX}", definition.name);
            queues.push(queue(name, repeat.every(), Some(repeat.every()), passes + MAX_RECEIVES));
        }
    }
    for queue in &queues {
        fs::create_dir_all(&queue.messages)?;
        fs::create_dir_all(&queue.dead_letters)?;
    }
    Ok(queues)
}

impl Queue {
    /// Returns true if the queue receives events of this type.
    pub fn accepts(&self, kind: &str) -> bool {
        self.types.iter().any(|known| known == kind)
    }

    /// Adds a message to the queue. The message is stored when this returns.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn send(&self, body: String) -> io::Result<()> {
        let now = Utc::now().timestamp_millis();
        let message_id = Uuid::now_v7().to_string();
        let visible_at = now + self.delay.as_millis() as i64;
        self.write(&Message { message_id, body, sent_at: now, visible_at, receive_count: 0 })
    }

    /// Receives up to ten visible messages, and hides them for the visibility timeout. A message that was received too
    /// often is moved to the dead-letter queue.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn receive(&self) -> io::Result<Vec<Message>> {
        let mut received = Vec::new();
        let now = Utc::now().timestamp_millis();
        for entry in fs::read_dir(&self.messages)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let mut message: Message = serde_json::from_slice(&fs::read(&path)?)?;
            if message.visible_at > now || received.len() == BATCH {
                continue;
            }
            if message.receive_count >= self.max_receives {
                eprintln!(
                    "{} failed {} times on an event: see {}",
                    self.consumer,
                    self.max_receives,
                    self.dead_letters.display()
                );
                fs::rename(&path, self.dead_letters.join(format!("{}.json", message.message_id)))?;
                continue;
            }
            message.receive_count += 1;
            let timeout = self.visibility_timeout.unwrap_or_else(|| FIRST_BACKOFF * 2_u32.pow(message.receive_count));
            message.visible_at = now + timeout.as_millis() as i64;
            self.write(&message)?;
            received.push(message);
        }
        Ok(received)
    }

    /// Deletes a message.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn delete(&self, message: &Message) -> io::Result<()> {
        fs::remove_file(self.file(message))
    }

    /// Writes the file of the message. The rename is atomic, so that no reader sees a partial file.
    fn write(&self, message: &Message) -> io::Result<()> {
        let unfinished = self.messages.join(format!("{}.new", message.message_id));
        fs::write(&unfinished, serde_json::to_vec(message)?)?;
        fs::rename(unfinished, self.file(message))
    }

    fn file(&self, message: &Message) -> PathBuf {
        self.messages.join(format!("{}.json", message.message_id))
    }

    /// Returns the messages as the event that Lambda passes to a function.
    pub fn event(&self, messages: &[Message]) -> Value {
        let record = |message: &Message| {
            json!({
                "messageId": message.message_id,
                "receiptHandle": message.message_id,
                "body": message.body,
                "attributes": {
                    "ApproximateReceiveCount": message.receive_count.to_string(),
                    "SentTimestamp": message.sent_at.to_string(),
                },
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:local-{}", self.name),
                "awsRegion": "us-east-1",
            })
        };
        json!({ "Records": messages.iter().map(record).collect::<Value>() })
    }
}

impl Message {
    /// Returns the message id.
    pub fn id(&self) -> &str {
        &self.message_id
    }
}
