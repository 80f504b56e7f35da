//! A disk that is full or cannot be written: the log names it once, and no write waits for it.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use aws_sdk_dynamodb::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeDeserializationInterceptorContextMut},
    error::BoxError,
};
use aws_smithy_runtime_api::{
    client::orchestrator::{HttpResponse, Metadata},
    http::StatusCode,
};
use serde_json::json;

use crate::{app::LogLevel, runtime};

/// What is asked of the database that writes nothing.
const READS: [&str; 5] = ["DescribeTable", "GetItem", "ListTables", "Query", "Scan"];
/// SQLite's words for its results `SQLITE_FULL` and `SQLITE_IOERR` (<https://www.sqlite.org/rescode.html>).
const FAULTS: [&str; 2] = ["database or disk is full", "disk I/O error"];

/// Turns the embedded database's answer to a write the disk refused into one that the client does not repeat.
#[derive(Debug)]
pub struct DiskWatch {
    file: PathBuf,
    /// Whether the log has named the fault, and no write has succeeded since.
    is_named: AtomicBool,
}

impl DiskWatch {
    /// A watch over the disk that holds this database file.
    pub fn new(file: PathBuf) -> Self {
        Self { file, is_named: AtomicBool::new(false) }
    }

    fn refuse(&self, response: &mut HttpResponse, fault: &str) -> Result<(), BoxError> {
        let cause = format!("{} cannot be written: {fault}", self.file.display());
        if !self.is_named.swap(true, Ordering::Relaxed) {
            let advice = "free some space: the server goes on by itself";
            runtime::write_line(json!({ "level": LogLevel::Error.name(), "cause": cause, "advice": advice }));
        }
        // The SDK repeats a 500 (retry mode `standard`), and the disk would refuse it again.
        *response.status_mut() = StatusCode::try_from(400)?;
        *response.body_mut() = json!({ "__type": "DiskFault", "message": cause }).to_string().into();
        Ok(())
    }
}

impl Intercept for DiskWatch {
    fn name(&self) -> &'static str {
        "DiskWatch"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = bag.load::<Metadata>().map(|metadata| metadata.name().to_owned()).unwrap_or_default();
        if READS.contains(&operation.as_str()) {
            return Ok(());
        }
        let response = context.response_mut();
        if response.status().is_success() {
            self.is_named.store(false, Ordering::Relaxed);
        }
        if response.status().as_u16() == 500 {
            let text = String::from_utf8_lossy(response.body().bytes().unwrap_or_default()).into_owned();
            if let Some(fault) = FAULTS.iter().find(|fault| text.contains(*fault)) {
                self.refuse(response, fault)?;
            }
        }
        Ok(())
    }
}
