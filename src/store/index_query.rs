//! The index queries of a list: one for each conjunction of the read rule's condition.

use super::row::{ID, LIST_INDEX, LIST_SHARD, filter_attribute, filter_key, list_key};
use crate::{
    access::{Condition, Predicate},
    error::Error,
    record::{Filter, Resource, Shards},
};

/// The most operands of `IN` (DynamoDB API reference, "Condition expressions").
const MAX_OPERANDS: u8 = 100;

/// A filter with its value.
pub type FilterValue<'a> = (&'static Filter, &'a str);

/// A query of an index. It returns the records with the key that match the rest.
#[derive(Clone, Debug, Default)]
pub struct IndexQuery<'a> {
    /// The filter whose index is queried, or `None` for the list index.
    key: Option<FilterValue<'a>>,
    /// The only id.
    pub id: Option<&'a str>,
    /// The attributes that must have one of the given values.
    pub rest: Vec<(String, Vec<String>)>,
}

impl<'a> IndexQuery<'a> {
    /// Returns the name of the index.
    pub fn index(&self) -> &'static str {
        self.key.map_or(LIST_INDEX, |(filter, _)| filter.field)
    }

    /// Returns the partition key attribute of the index.
    pub fn attribute(&self) -> String {
        self.key.map_or_else(|| LIST_SHARD.to_owned(), |(filter, _)| filter_attribute(filter))
    }

    /// Returns the shards of the key.
    pub fn shards<R: Resource>(&self) -> Shards {
        self.key.map_or(R::LIST_SHARDS, |(filter, _)| filter.shards)
    }

    /// Returns the partition key of a shard.
    pub fn partition(&self, shard: u8, tenant: Option<&str>) -> String {
        match self.key {
            Some((filter, value)) => filter_key(filter, value, shard, tenant),
            None => list_key(shard, tenant),
        }
    }
}

/// Returns the queries that together return the records that satisfy `condition` and the filter.
///
/// # Errors
/// Returns [`Error::Internal`] for a conjunction without an index, see [`unindexed_reads`].
pub fn index_queries<'a, R: Resource>(
    condition: &Condition<'a>,
    filter: Option<FilterValue<'a>>,
    tenant: Option<&str>,
) -> Result<Vec<IndexQuery<'a>>, Error> {
    match condition {
        Condition::Always => Ok(vec![IndexQuery { key: filter, ..IndexQuery::default() }]),
        Condition::Never => Ok(Vec::new()),
        Condition::Where(conjunctions) => {
            let queries = conjunctions.iter().map(|predicates| index_query::<R>(predicates, filter, tenant));
            queries.filter_map(Result::transpose).collect()
        }
    }
}

/// Returns the query of one conjunction, or `None` if the filter contradicts it.
fn index_query<'a, R: Resource>(
    predicates: &[Predicate<'a>],
    filter: Option<FilterValue<'a>>,
    tenant: Option<&str>,
) -> Result<Option<IndexQuery<'a>>, Error> {
    let mut query = IndexQuery { key: filter, ..IndexQuery::default() };
    let mut others = Vec::new();
    for predicate in predicates {
        match filter {
            _ if predicate.attribute == ID => query.id = Some(predicate.value),
            Some((filter, value)) if filter.field == predicate.attribute => {
                let normalize = |value| filter.normalization.apply(value);
                if normalize(value) != normalize(predicate.value) {
                    return Ok(None);
                }
                if filter.normalization.ignores_case() {
                    query.rest.push(exactly(predicate));
                }
            }
            _ => others.push(*predicate),
        }
    }
    // Of two indexes, the one with fewer shards has fewer records with the same key.
    let indexed = others.iter().filter_map(|predicate| Some((filter_of::<R>(predicate)?, predicate.value)));
    let narrowest = indexed.min_by_key(|(filter, _)| filter.shards.read);
    match (filter, narrowest) {
        (None, Some(key)) => query.key = Some(key),
        (Some((explicit, value)), Some(key))
            if key.0.shards.read < explicit.shards.read && explicit.shards.read <= MAX_OPERANDS =>
        {
            query.key = Some(key);
            let keys = (0..explicit.shards.read).map(|shard| filter_key(explicit, value, shard, tenant));
            query.rest.push((filter_attribute(explicit), keys.collect()));
        }
        (None, None) if query.id.is_none() => {
            return Err(Error::Internal(format!("the read rule of {} has no index", R::COLLECTION).into()));
        }
        _ => {}
    }
    for predicate in others {
        let is_key =
            |(filter, _): FilterValue| filter.field == predicate.attribute && !filter.normalization.ignores_case();
        if !query.key.is_some_and(is_key) {
            query.rest.push(exactly(&predicate));
        }
    }
    Ok(Some(query))
}

fn filter_of<R: Resource>(predicate: &Predicate) -> Option<&'static Filter> {
    R::FILTERS.iter().find(|filter| filter.field == predicate.attribute)
}

/// Returns the requirement of the predicate's value. A rule compares values as they are, so that the index of a filter
/// that ignores their case returns too many records.
fn exactly(predicate: &Predicate) -> (String, Vec<String>) {
    (predicate.attribute.to_owned(), vec![predicate.value.to_owned()])
}

/// Returns the conjunctions of a resource's read rule that no index serves, each with its attributes. A list with such a
/// rule fails, so that the contract refuses it.
pub fn unindexed_reads<R: Resource>() -> Vec<Vec<&'static str>> {
    let mut conjunctions = R::ACCESS.read.conjunctions(R::OWNER);
    let is_indexed = |attribute: &&str| *attribute == ID || R::FILTERS.iter().any(|filter| filter.field == *attribute);
    conjunctions.retain(|attributes| !attributes.is_empty() && !attributes.iter().any(is_indexed));
    conjunctions
}
