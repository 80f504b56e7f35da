//! The generated files on disk are up to date.

use std::fs;

use serverless_crud::openapi::{drift, files, leftovers};

use crate::{support::service, top};

#[test]
fn generated_files_are_up_to_date() {
    let drift = drift(&serverless_crud::service(), top()).expect("the folders can be read");
    assert!(drift.is_empty(), "run `make contract`: it changes {}", drift.join(", "));
}

#[test]
fn changed_missing_and_left_over_files_are_reported() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in files(&service()) {
        let path = folder.path().join(&file.path);
        fs::create_dir_all(path.parent().expect("files are in the folder")).expect("a folder");
        fs::write(path, file.content).expect("a file");
    }
    assert_eq!(drift(&service(), folder.path()).expect("readable"), Vec::<String>::new());

    fs::write(folder.path().join("openapi.json"), "{}").expect("a file");
    fs::remove_file(folder.path().join("schemas/ItemsCreate.json")).expect("the file is there");
    fs::write(folder.path().join("events/nothing_get.json"), "{}").expect("a file");
    let found = drift(&service(), folder.path()).expect("readable");
    assert_eq!(found, ["openapi.json", "schemas/ItemsCreate.json", "events/nothing_get.json"]);
    assert_eq!(leftovers(&service(), folder.path()).expect("readable"), ["events/nothing_get.json"]);
}
