//! The check that an index serves each list that a read rule allows.

use crate::{functions::Service, operations::Collection};

/// Returns the read rules that no index serves, as one line each. Lists of these resources would fail.
pub fn unindexed_reads(service: &Service) -> Vec<String> {
    service.resources().iter().flat_map(lines).collect()
}

fn lines(collection: &Collection) -> Vec<String> {
    let line = |attributes: &Vec<&str>| {
        let fields = attributes.join("` and `");
        format!("the read rule of {} depends on `{fields}`: add a filter on one of them", collection.name)
    };
    collection.unindexed_reads.iter().map(line).collect()
}
