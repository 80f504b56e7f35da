//! Detects a disk that is full or cannot be written: logs it once, and fails writes without retries.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use aws_sdk_dynamodb::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::FinalizerInterceptorContextMut},
    error::BoxError,
};
use aws_smithy_runtime_api::{client::orchestrator::Metadata, http::StatusCode};
use serde_json::json;

use super::error::MALFORMED;
use crate::{app::LogLevel, telemetry};

/// The operations that do not write.
const READS: [&str; 5] = ["DescribeTable", "GetItem", "ListTables", "Query", "Scan"];
/// SQLite's messages for `SQLITE_FULL` and `SQLITE_IOERR` (<https://www.sqlite.org/rescode.html>).
const FAULTS: [&str; 2] = ["database or disk is full", "disk I/O error"];

/// An interceptor that turns the response of a database whose file cannot be written, or is damaged, into one that the
/// client does not retry.
#[derive(Debug)]
pub struct DiskWatch {
    file: PathBuf,
    /// True if the error has been logged, and no write has succeeded since.
    is_logged: AtomicBool,
}

impl DiskWatch {
    /// Returns an interceptor for the client of the database in this file.
    pub fn new(file: PathBuf) -> Self {
        Self { file, is_logged: AtomicBool::new(false) }
    }

    fn log(&self, fault: &str) {
        if !self.is_logged.swap(true, Ordering::Relaxed) {
            let cause = format!("{} cannot be written: {fault}", self.file.display());
            let advice = "free some space: the server goes on by itself";
            telemetry::write_line(json!({ "level": LogLevel::Error.name(), "cause": cause, "advice": advice }));
        }
    }
}

impl Intercept for DiskWatch {
    fn name(&self) -> &'static str {
        "DiskWatch"
    }

    fn modify_before_attempt_completion(
        &self,
        context: &mut FinalizerInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = bag.load::<Metadata>().map(|metadata| metadata.name().to_owned()).unwrap_or_default();
        let is_read = READS.contains(&operation.as_str());
        let Some(response) = context.response_mut() else { return Ok(()) };
        if response.status().is_success() {
            if !is_read {
                self.is_logged.store(false, Ordering::Relaxed);
            }
            return Ok(());
        }
        let text = String::from_utf8_lossy(response.body().bytes().unwrap_or_default()).into_owned();
        let fault = FAULTS.iter().find(|fault| !is_read && text.contains(*fault));
        if let Some(fault) = fault {
            self.log(fault);
        }
        if fault.is_some() || text.contains(MALFORMED) {
            // The SDK's retry mode `standard` retries a 500, which cannot succeed here.
            *response.status_mut() = StatusCode::try_from(400)?;
        }
        Ok(())
    }
}
