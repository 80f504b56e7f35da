//! The DynamoDB permissions of the CRUD operations.

use crate::{
    operations::{Collection, Grant},
    store::{BOOKKEEPING, HISTORY},
};

/// Returns the grants of a create, which writes the record, its unique values and the idempotency key in a transaction.
pub fn create(collection: &Collection) -> Vec<Grant> {
    let own = [own(collection, &["PutItem"]), Grant::on(BOOKKEEPING, &["PutItem"])];
    Grant::merged(own.into_iter().chain(references(collection)))
}

/// Returns the grants of a list, which queries an index.
pub fn list(collection: &Collection) -> Vec<Grant> {
    let indexes = collection.indexes.iter().map(|index| index.name.clone()).collect();
    vec![Grant { indexes, ..own(collection, &["Query"]) }]
}

/// Returns the grants of a get.
pub fn get(collection: &Collection) -> Vec<Grant> {
    vec![own(collection, &["GetItem"])]
}

/// Returns the grants of an update. It reads the record to detect a write whose response was lost.
pub fn update(collection: &Collection) -> Vec<Grant> {
    let own = [own(collection, &["GetItem", "UpdateItem"])];
    let unique = uniques(collection, &["DeleteItem", "PutItem"]);
    Grant::merged(own.into_iter().chain(unique).chain(references(collection)))
}

/// Returns the grants of a delete, which reads unique values to release them, and stores the principal for the history.
pub fn delete(collection: &Collection) -> Vec<Grant> {
    let read_first = uniques(collection, &[]).map(|_| own(collection, &["GetItem"]));
    let write = [own(collection, &["DeleteItem"]), Grant::on(BOOKKEEPING, &["PutItem"])];
    Grant::merged(read_first.into_iter().chain(write).chain(uniques(collection, &["DeleteItem"])))
}

/// Returns the grants of a history, which reads the record to distinguish an empty history from an unknown id.
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
