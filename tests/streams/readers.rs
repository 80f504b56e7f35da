//! The consumers and the streams they read.

use std::collections::BTreeMap;

use serde_json::Value;
use serverless_crud::openapi;

#[test]
fn no_stream_has_more_than_two_readers() {
    let document = openapi::document();
    let mut readers: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for consumer in document["x-consumers"].as_array().unwrap() {
        for table in consumer["tables"].as_array().into_iter().flatten() {
            readers.entry(table.as_str().unwrap()).or_default().push(&consumer["name"]);
        }
    }
    assert!(!readers.is_empty());
    for (table, readers) in readers {
        assert!(readers.len() <= 2, "{table} is read by {readers:?}");
    }
}
