//! The list of consumers.

use std::collections::BTreeMap;

use serde_json::Value;
use serverless_crud::openapi;

use crate::support::service;

#[test]
fn streams_have_at_most_two_readers() {
    let document = openapi::document(&service());
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

#[test]
fn event_consumers_subscribe_to_existing_events() {
    let document = openapi::document(&service());
    let types = document["x-consumers"].as_array().unwrap().iter().filter_map(|consumer| consumer["types"].as_array());
    let types: Vec<&str> = types.flatten().map(|kind| kind.as_str().unwrap()).collect();
    assert!(!types.is_empty());
    let files = openapi::files(&service());
    for kind in types {
        assert!(files.iter().any(|file| file.path == format!("schemas/{kind}.v1.json")), "{kind}");
    }
}
