//! No release hides records: the number of shards is raised in two steps, and the number that is read never decreases.

use serde_json::{Value, json};
use serverless_crud::openapi::{document, shards::hidden_records};

use crate::released;

/// Returns a document with these read and write shards of the list index and of a filter's index.
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
fn records_stay_visible_to_lists_of_this_and_the_last_release() {
    let Some(released) = released() else { return };
    assert_eq!(hidden_records(&released, &document(&serverless_crud::service())), Vec::<String>::new());
}

#[test]
fn read_shards_are_raised_before_write_shards() {
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
fn read_shards_never_decrease() {
    let eight = with_shards((8, 8), None);
    assert_eq!(found(&eight, &with_shards((2, 8), None)), 0);
    assert_eq!(
        hidden_records(&eight, &with_shards((4, 4), None)),
        ["the index list of things reads 4 shards where 8 hold records: keep `read` at 8"]
    );
}

#[test]
fn filter_cannot_change_between_one_shard_and_several() {
    let one = with_shards((4, 4), None);
    let several = with_shards((4, 4), Some((2, 2)));
    assert_eq!((found(&one, &several), found(&several, &one)), (1, 1));
}

#[test]
fn new_indexes_and_documents_without_shards_are_accepted() {
    let four = with_shards((4, 4), None);
    assert_eq!(found(&json!({ "x-tables": [] }), &four), 0);
    let unnamed = json!({ "x-tables": [{ "name": "things", "indexes": [{ "name": "list" }] }] });
    assert_eq!(found(&unnamed, &four), 0);
}
