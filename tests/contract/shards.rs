//! No release hides a record: the shards of an index are raised in two steps, and never read less.

use std::fs;

use serde_json::{Value, json};
use serverless_crud::openapi::{RELEASED, document, shards::hidden_records};

use crate::top;

/// A document with a list index of this many shards, and a filter's with these.
fn with_shards(list: (u8, u8), filter: Option<(u8, u8)>) -> Value {
    let index = |name: &str, shards: Option<(u8, u8)>| match shards {
        Some((write, read)) => json!({ "name": name, "writeShards": write, "readShards": read }),
        None => json!({ "name": name }),
    };
    json!({ "x-tables": [{ "name": "things", "indexes": [index("list", Some(list)), index("kind", filter)] }] })
}

fn found(released: &Value, current: &Value) -> usize {
    hidden_records(released, current).len()
}

#[test]
fn nothing_stored_is_hidden_from_the_lists_of_the_last_release_or_of_this_one() {
    let released = fs::read_to_string(top().join(RELEASED)).expect(RELEASED);
    let released = serde_json::from_str(&released).expect("the released document is JSON");
    assert_eq!(hidden_records(&released, &document()), Vec::<String>::new());
}

#[test]
fn shards_are_raised_by_reading_first_and_writing_next() {
    let four = with_shards((4, 4), None);
    let reading = with_shards((4, 8), None);
    let eight = with_shards((8, 8), None);
    assert_eq!(found(&four, &reading), 0);
    assert_eq!(found(&reading, &eight), 0);
    assert_eq!(
        hidden_records(&four, &eight),
        ["the index list of things writes 8 shards where lists of the last release read 4: release `read` first"]
    );
}

#[test]
fn shards_that_hold_records_are_read_for_good() {
    let eight = with_shards((8, 8), None);
    assert_eq!(found(&eight, &with_shards((2, 8), None)), 0);
    assert_eq!(
        hidden_records(&eight, &with_shards((4, 4), None)),
        ["the index list of things reads 4 shards where 8 hold records: keep `read` at 8"]
    );
}

#[test]
fn a_filter_stays_with_one_shard_or_with_several() {
    let one = with_shards((4, 4), None);
    let several = with_shards((4, 4), Some((2, 2)));
    assert_eq!((found(&one, &several), found(&several, &one)), (1, 1));
}

#[test]
fn a_new_index_and_a_document_without_shards_are_taken() {
    let four = with_shards((4, 4), None);
    assert_eq!(found(&json!({ "x-tables": [] }), &four), 0);
    let unnamed = json!({ "x-tables": [{ "name": "things", "indexes": [{ "name": "list" }] }] });
    assert_eq!(found(&unnamed, &four), 0);
}
