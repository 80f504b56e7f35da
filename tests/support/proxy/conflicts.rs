//! DynamoDB's transaction conflicts: an item can be in only one open transaction.
//!
//! A transaction with an item of an open one is cancelled, even if both only check it. A plain write of such an item is
//! refused (developer guide, "Amazon DynamoDB Transactions: How it works", "Transaction conflict handling").

use std::{
    collections::HashSet,
    ops::RangeInclusive,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::response::Response;
use serde_json::{Value, json};

use super::{
    Call,
    fault::{cancelled, refusal},
};
use crate::support::service;

/// The items of all open transactions.
pub struct Transactions {
    /// The time in milliseconds that a transaction stays open. 0 stands for the actual duration.
    pub delay: Mutex<RangeInclusive<u64>>,
    open: Arc<Mutex<HashSet<String>>>,
    /// The key attributes of each table.
    keys: Vec<(String, Vec<&'static str>)>,
}

impl Default for Transactions {
    fn default() -> Self {
        let keys = service().tables().into_iter().map(|table| {
            let attributes = [table.partition_key].into_iter().chain(table.sort_key).collect();
            (format!("local-{}", table.name), attributes)
        });
        Self { delay: Mutex::new(0..=0), open: Arc::default(), keys: keys.collect() }
    }
}

/// The items of an open transaction, which end with the drop.
pub struct Open {
    items: Vec<String>,
    open: Arc<Mutex<HashSet<String>>>,
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap();
        for item in &self.items {
            open.remove(item);
        }
    }
}

impl Transactions {
    /// Opens a transaction, or refuses a write that conflicts with an open one.
    pub async fn begin(&self, call: &Call) -> Result<Option<Open>, Box<Response>> {
        match call.operation.as_str() {
            "TransactWriteItems" => {
                let open = self.open(&call.body)?;
                let delay = fastrand::u64(self.delay.lock().unwrap().clone());
                if delay == 0 {
                    return Ok(Some(open));
                }
                // The speed of the embedded engine differs from DynamoDB's, so only the delay counts.
                tokio::time::sleep(Duration::from_millis(delay)).await;
                Ok(None)
            }
            "PutItem" | "UpdateItem" | "DeleteItem" if self.open.lock().unwrap().contains(&self.item(&call.body)) => {
                Err(refusal("TransactionConflictException", json!({})).into())
            }
            _ => Ok(None),
        }
    }

    fn open(&self, body: &Value) -> Result<Open, Box<Response>> {
        let steps = body["TransactItems"].as_array().unwrap().iter();
        let items: Vec<String> =
            steps.map(|step| self.item(step.as_object().unwrap().values().next().unwrap())).collect();
        let mut open = self.open.lock().unwrap();
        let code = |item| if open.contains(item) { "TransactionConflict" } else { "None" };
        let codes: Vec<_> = items.iter().map(code).collect();
        if codes.contains(&"TransactionConflict") {
            return Err(cancelled(&codes).into());
        }
        open.extend(items.iter().cloned());
        Ok(Open { items, open: Arc::clone(&self.open) })
    }

    /// Returns the table and the key of the item of a write.
    fn item(&self, body: &Value) -> String {
        let table = body["TableName"].as_str().unwrap();
        let attributes = self.keys.iter().find(|(name, _)| name == table).map_or(&["id"][..], |(_, keys)| keys);
        let source = if body["Key"].is_object() { &body["Key"] } else { &body["Item"] };
        let key: Vec<_> = attributes.iter().map(|name| source[name].to_string()).collect();
        format!("{table} {}", key.join(" "))
    }
}
