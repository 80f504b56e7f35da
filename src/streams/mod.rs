//! Consumers of the tables' change streams and of the event bus.
//!
//! At most two consumers can read the stream of a table: [`audit_append`] and [`events_publish`]. Each is a
//! [`Consumer`], which [`serve`] runs as a Lambda function. [`respond`] handles one batch; [`respond_or_fail`] does the
//! same, and fails the invocation when Lambda must split the batch. Every other consumer receives events from the bus
//! through a queue. It is an [`EventConsumer`], usually built by [`on_event`], which [`serve_messages`] runs as a
//! Lambda function. [`crate::functions::Service::consumers`] lists all consumers,
//! and the local server runs them too.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use serverless_crud::{
//!     app::App,
//!     error::Error,
//!     record::Resource,
//!     streams::{ChangeKind, Event, EventConsumer, on_event},
//! };
//!
//! fn consumer<R: Resource>() -> impl EventConsumer {
//!     on_event(|_app: Arc<App>, event: Event<R>| async move {
//!         // Events are delivered at least once and in any order. An event that was too large has no records.
//!         if let Some(ChangeKind::Created { new }) = event.kind()? {
//!             notify(new.id, &event.id).await?;
//!         }
//!         Ok(())
//!     })
//! }
//! # async fn notify(_: uuid::Uuid, _: &str) -> Result<(), Error> { Ok(()) }
//! ```

mod audit_append;
mod batch;
mod bus;
mod change;
mod cloud_event;
mod consumer;
mod decoder;
mod event;
mod events_publish;
mod messages;
mod on_event;
mod other_shape;

use std::{process::ExitCode, sync::Arc};

use serde_json::value::RawValue;

pub use aws_lambda_events::dynamodb::EventRecord;

pub use audit_append::audit_append;
pub use batch::{BatchResponse, respond, respond_or_fail};
pub use change::{Change, ChangeKind};
pub use cloud_event::{CloudEvent, SCHEMA_VERSION, schema_id};
pub use consumer::{Consumer, MAX_GROUP_SIZE, Outcomes, on_change};
pub use decoder::Decoder;
pub use events_publish::events_publish;
pub use messages::{REPEAT_QUEUE_SUFFIX, respond_to_messages};
pub use on_event::{Event, EventConsumer, OnEvent, Repeat, on_event};

use crate::runtime;

/// Returns the name of this Lambda function (Lambda developer guide, "Defined runtime environment variables").
fn function_name() -> String {
    std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default()
}

/// Runs an event consumer as a Lambda function that is invoked by its queues.
pub fn serve_messages(consumer: Arc<dyn EventConsumer>) -> ExitCode {
    let function = function_name();
    runtime::serve_events(async move |app, event: Box<RawValue>, remaining| {
        let limit = remaining.saturating_sub(runtime::ANSWER_MARGIN);
        Ok(respond_to_messages(&app, &function, &*consumer, event.get(), limit).await?)
    })
}

/// Runs a consumer as a Lambda function that is invoked by the streams of its tables.
pub fn serve(consumer: Arc<dyn Consumer>) -> ExitCode {
    let function = function_name();
    runtime::serve_events(async move |app, event: Box<RawValue>, remaining| {
        let limit = remaining.saturating_sub(runtime::ANSWER_MARGIN);
        Ok(respond_or_fail(&app, &function, &*consumer, event.get(), limit).await?)
    })
}
