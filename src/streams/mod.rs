//! Streams: each change of a table, typed, in order, and never lost.
//!
//! A consumer is a function of a [`Change`], or a [`Consumer`] where it takes several at once. [`serve`] runs it as
//! a Lambda behind the streams, and the local server runs all of [`routes::consumers`](crate::routes::consumers);
//! [`respond`] is what happens to one batch, [`answer`] what Lambda hears of it.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use serverless_crud::{
//!     app::App,
//!     error::Error,
//!     resources::User,
//!     streams::{self, Change, What},
//! };
//!
//! fn main() -> std::process::ExitCode {
//!     streams::serve(streams::each(greet))
//! }
//!
//! async fn greet(_app: Arc<App>, change: Change<User>) -> Result<(), Error> {
//!     if let What::Created { new } = change.what {
//!         // Deduplicate by the id, or do what does no harm the second time.
//!         send_mail(&new.resource.email, &change.event_id).await?;
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
mod other_shape;
mod users_cascade;

use std::process::ExitCode;

use serde_json::value::RawValue;

pub use aws_lambda_events::dynamodb::EventRecord;

pub use audit_append::audit_append;
pub use batch::{BatchResponse, answer, respond};
pub use change::{Change, What};
pub use cloud_event::{CloudEvent, SCHEMA_VERSION, schema_id};
pub use consumer::{Consumer, WAVE, Wave, each};
pub use decoder::Decoder;
pub use events_publish::events_publish;
pub use users_cascade::{OWNER_INDEX, users_cascade};

use crate::runtime;

/// What Lambda calls this function (Lambda developer guide, "Defined runtime environment variables").
fn function_name() -> String {
    std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default()
}

/// Runs a consumer as a Lambda function behind the streams of its tables.
pub fn serve(consumer: impl Consumer) -> ExitCode {
    let function = function_name();
    runtime::serve_events(async move |app, event: Box<RawValue>, remaining| {
        let limit = remaining.saturating_sub(runtime::ANSWER_MARGIN);
        Ok(answer(&app, &function, &consumer, event.get(), limit).await?)
    })
}
