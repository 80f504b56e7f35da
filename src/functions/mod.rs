//! The Lambda functions of a service. One executable contains all of them, and Lambda's handler setting selects the one
//! to run.

mod consumers;
mod jobs;
mod service;

use std::process::ExitCode;

pub use consumers::{ConsumerDefinition, Source, Start};
pub use jobs::{Job, JobFuture};
pub use service::Service;

use crate::{authorizer, runtime, streams};

/// Runs the function of a service with this name: an operation, a consumer, the authorizer or a job.
///
/// An unknown name is logged in one line, and fails the start of the Lambda function.
pub fn serve(service: &Service, name: &str) -> ExitCode {
    let mut operations = service.operations();
    operations.retain(|operation| operation.function == name);
    if let Some(first) = operations.first().cloned() {
        // The operations of a function differ only in their methods.
        return runtime::serve(move |app, request| {
            let operation = operations.iter().find(|operation| *request.method() == *operation.method);
            (operation.unwrap_or(&first).handler)(app, request)
        });
    }
    if let Some(consumer) = service.consumers().into_iter().find(|consumer| consumer.name == name) {
        return match consumer.source {
            Source::Streams { consumer, .. } => streams::serve(consumer),
            Source::Events { consumer, .. } => streams::serve_messages(consumer),
        };
    }
    if name == authorizer::FUNCTION {
        return authorizer::serve(service.operations());
    }
    match service.jobs().into_iter().find(|job| job.name == name) {
        Some(job) => runtime::serve_job(job.run),
        None => runtime::stop(&format!("there is no function `{name}`: the handler setting names one")),
    }
}
