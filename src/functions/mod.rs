//! The Lambda functions. One executable contains all of them, and Lambda's handler setting selects the one to run.

mod consumers;
mod jobs;

use std::process::ExitCode;

pub use consumers::{ConsumerDefinition, Source, Start, consumers, decoders};
pub use jobs::{Job, JobFuture, jobs};

use crate::{authorizer, operations::operations, runtime, streams};

/// Runs the function with this name: an operation, a consumer, the authorizer or a job.
///
/// An unknown name is logged in one line, and fails the start of the Lambda function.
pub fn serve(name: &str) -> ExitCode {
    if let Some(operation) = operations().into_iter().find(|operation| operation.function == name) {
        return runtime::serve(move |app, request| (operation.handler)(app, request));
    }
    if let Some(consumer) = consumers().into_iter().find(|consumer| consumer.name == name) {
        return match consumer.source {
            Source::Streams { consumer, .. } => streams::serve(consumer),
            Source::Events { consumer, .. } => streams::serve_messages(consumer),
        };
    }
    if name == authorizer::FUNCTION {
        return authorizer::serve(operations());
    }
    match jobs().into_iter().find(|job| job.name == name) {
        Some(job) => runtime::serve_job(job.run),
        None => runtime::stop(&format!("there is no function `{name}`: the handler setting names one")),
    }
}
