//! The DynamoDB actions each operation of the preset needs.

use crate::{
    operations::{Collection, Grant},
    store::{BOOKKEEPING, HISTORY},
};

/// Those of a create: the record, its unique values and the idempotency key are one transaction.
pub fn create(collection: &Collection) -> Vec<Grant> {
    let own = [own(collection, &["PutItem"]), Grant::on(BOOKKEEPING, &["PutItem"])];
    Grant::merged(own.into_iter().chain(references(collection)))
}

/// Those of a list: each is served by an index.
pub fn list(collection: &Collection) -> Vec<Grant> {
    let indexes = collection.indexes.iter().map(|index| index.name.clone()).collect();
    vec![Grant { indexes, ..own(collection, &["Query"]) }]
}

/// Those of a read.
pub fn get(collection: &Collection) -> Vec<Grant> {
    vec![own(collection, &["GetItem"])]
}

/// Those of a replacement or a patch: whether one whose answer was lost has been carried out, the record tells.
pub fn update(collection: &Collection) -> Vec<Grant> {
    let own = [own(collection, &["GetItem", "UpdateItem"])];
    let unique = uniques(collection, &["DeleteItem", "PutItem"]);
    Grant::merged(own.into_iter().chain(unique).chain(references(collection)))
}

/// Those of a deletion: unique values are read to be freed, and the deletion is signed for the history.
pub fn delete(collection: &Collection) -> Vec<Grant> {
    let read_first = uniques(collection, &[]).map(|_| own(collection, &["GetItem"]));
    let write = [own(collection, &["DeleteItem"]), Grant::on(BOOKKEEPING, &["PutItem"])];
    Grant::merged(read_first.into_iter().chain(write).chain(uniques(collection, &["DeleteItem"])))
}

/// Those of a history: whether there is a record decides of an empty one.
pub fn history(collection: &Collection) -> Vec<Grant> {
    vec![Grant::on(HISTORY, &["Query"]), own(collection, &["GetItem"])]
}

fn own(collection: &Collection, actions: &[&'static str]) -> Grant {
    Grant::on(collection.name, actions)
}

fn uniques(collection: &Collection, actions: &[&'static str]) -> Option<Grant> {
    (!collection.unique.is_empty()).then(|| Grant::on(BOOKKEEPING, actions))
}

fn references(collection: &Collection) -> impl Iterator<Item = Grant> + '_ {
    collection.references.iter().map(|reference| Grant::on(reference.collection, &["ConditionCheckItem"]))
}
