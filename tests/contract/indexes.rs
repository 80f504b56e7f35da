//! A release adds or removes at most one index of a table: `make contract` rejects more.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};
use serverless_crud::openapi::{RELEASED, compatibility::index_changes, document};

use crate::{released, support::service};

/// Returns a table with these indexes and their keys.
fn with(indexes: &[(&str, &str)]) -> Value {
    let index = |(name, key): &(&str, &str)| json!({ "name": name, "partitionKey": key, "sortKey": "id" });
    json!({ "x-tables": [{ "name": "things", "indexes": indexes.iter().map(index).collect::<Value>() }] })
}

const BASE: [(&str, &str); 2] = [("list", "listShard"), ("kind", "kindKey")];

#[test]
fn one_index_change_is_accepted() {
    let more = [BASE[0], BASE[1], ("size", "sizeKey")];
    for current in [with(&BASE), with(&BASE[..1]), with(&more), json!({ "x-tables": [] })] {
        assert_eq!(index_changes(&with(&BASE), &current), Vec::<String>::new());
    }
    assert_eq!(index_changes(&json!({ "x-tables": [] }), &with(&more)), Vec::<String>::new(), "a new table has any");
}

#[test]
fn shards_are_no_change_of_an_index() {
    let mut current = with(&BASE);
    for index in current["x-tables"][0]["indexes"].as_array_mut().expect("indexes") {
        (index["writeShards"], index["readShards"]) = (4.into(), 4.into());
    }
    assert_eq!(index_changes(&with(&BASE), &current), Vec::<String>::new());
}

#[test]
fn two_index_changes_of_one_table_are_rejected_with_advice() {
    let cases = [
        (with(&[BASE[0], BASE[1], ("a", "aKey"), ("b", "bKey")]), "the table things adds `a`, `b` in one release"),
        (with(&[]), "the table things removes `list`, `kind` in one release"),
        (with(&[BASE[0], ("sort", "kindKey")]), "the table things adds `sort` and removes `kind` in one release"),
        (with(&[BASE[0], ("kind", "otherKey")]), "the table things adds `kind` and removes `kind` in one release"),
    ];
    for (current, expected) in cases {
        let refusals = index_changes(&with(&BASE), &current);
        assert_eq!(refusals.len(), 1);
        assert!(refusals[0].starts_with(expected), "{refusals:?}");
        assert!(refusals[0].contains("contract -- --release") && refusals[0].contains("then make the next"));
    }
}

fn make_contract(root: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fixtures")).args(["contract", "--root"]).arg(root).output().expect("it runs")
}

#[test]
fn make_contract_writes_nothing_that_cannot_be_deployed() {
    let root = tempfile::tempdir().expect("a folder");
    let release = |indexes: usize| {
        let mut released = document(&service());
        let tables = released["x-tables"].as_array_mut().expect("tables");
        let items = tables.iter_mut().find(|table| table["name"] == "items").expect("items");
        items["indexes"].as_array_mut().expect("indexes").truncate(indexes);
        let path = root.path().join(RELEASED);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder");
        fs::write(path, released.to_string()).expect("it is writable");
    };
    let all = document(&service())["x-tables"][0]["indexes"].as_array().expect("indexes").len();
    release(all - 2);
    let output = make_contract(root.path());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.starts_with("contract: the table items adds "), "{text}");
    assert!(!root.path().join("openapi.json").exists());
    release(all - 1);
    assert!(make_contract(root.path()).status.success());
    assert!(root.path().join("openapi.json").exists());
}

#[test]
fn stages_of_the_last_release_can_be_updated_to_this_contract() {
    let Some(released) = released() else { return };
    assert_eq!(index_changes(&released, &document(&serverless_crud::service())), Vec::<String>::new());
}
