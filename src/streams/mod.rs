//! Streams: each change of a table, typed, in order, and never lost.
//!
//! [`audit_append`] and [`events_publish`] read the streams of the tables: at most two consumers can. Each is a
//! [`Consumer`]; [`serve`] runs it as a Lambda behind the streams, [`respond`] is what happens to one batch, [`answer`]
//! what Lambda hears of it. Every further consumer takes events from the bus: it is a function of an [`Event`], which
//! [`serve_messages`] runs as a Lambda behind its queue. `functions::consumers` lists them all, and the local server
//! runs them.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use serverless_crud::{
//!     app::App,
//!     error::Error,
//!     resources::User,
//!     streams::{self, Event, What},
//! };
//!
//! fn main() -> std::process::ExitCode {
//!     streams::serve_messages(Arc::new(streams::on_event(greet)))
//! }
//!
//! async fn greet(_app: Arc<App>, event: Event<User>) -> Result<(), Error> {
//!     // Events come at least once and in any order. An event that was too large carries no records.
//!     if let Some(What::Created { new }) = event.what()? {
//!         send_mail(&new.resource.email, &event.id).await?;
//!     }
//!     Ok(())
//! }
//! # async fn send_mail(_: &str, _: &str) -> Result<(), Error> { Ok(()) }
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
mod users_cascade;

use std::{process::ExitCode, sync::Arc};

use serde_json::value::RawValue;

pub use aws_lambda_events::dynamodb::EventRecord;

pub use audit_append::audit_append;
pub use batch::{BatchResponse, answer, respond};
pub use change::{Change, What};
pub use cloud_event::{CloudEvent, SCHEMA_VERSION, schema_id};
pub use consumer::{Consumer, WAVE, Wave, each};
pub use decoder::Decoder;
pub use events_publish::events_publish;
pub use messages::{LATER, respond_to_messages};
pub use on_event::{Event, EventConsumer, OnEvent, Repeat, on_event};
pub use users_cascade::{OWNER_INDEX, users_cascade};

use crate::runtime;

/// What Lambda calls this function (Lambda developer guide, "Defined runtime environment variables").
fn function_name() -> String {
    std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default()
}

/// Runs a consumer of events as a Lambda function behind its queues.
pub fn serve_messages(consumer: Arc<dyn EventConsumer>) -> ExitCode {
    let function = function_name();
    runtime::serve_events(async move |app, event: Box<RawValue>, remaining| {
        let limit = remaining.saturating_sub(runtime::ANSWER_MARGIN);
        Ok(respond_to_messages(&app, &function, &*consumer, event.get(), limit).await?)
    })
}

/// Runs a consumer as a Lambda function behind the streams of its tables.
pub fn serve(consumer: Arc<dyn Consumer>) -> ExitCode {
    let function = function_name();
    runtime::serve_events(async move |app, event: Box<RawValue>, remaining| {
        let limit = remaining.saturating_sub(runtime::ANSWER_MARGIN);
        Ok(answer(&app, &function, &*consumer, event.get(), limit).await?)
    })
}
