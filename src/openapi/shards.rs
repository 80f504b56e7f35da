//! Checks changes of the shards of released indexes, which already contain records.

use serde_json::Value;

/// Returns every change of an index's shards that would hide records from lists, one line each.
///
/// Functions are deployed one after the other, so that the lists of the last release must find what the new release
/// writes. Records stay in the shard they were written to, so that this shard must always be read.
pub fn hidden_records(released: &Value, current: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (place, old) in indexes(released) {
        let Some((_, new)) = indexes(current).find(|(other, _)| *other == place) else { continue };
        let count = |index: &Value, name: &str| index[name].as_u64();
        let (old_read, new_read) = (count(old, "readShards"), count(new, "readShards"));
        match (old_read, new_read, count(new, "writeShards")) {
            // The document of an older release does not contain shards.
            _ if !names_shards(released) => {}
            (None, Some(_), _) | (Some(_), None, _) => found.push(format!(
                "{place} changes the form of its keys between one shard and several, so that lists miss what is stored: \
                 keep its number of shards"
            )),
            (Some(old), Some(new), _) if new < old => {
                found.push(format!("{place} reads {new} shards where {old} hold records: keep `read` at {old}"));
            }
            (Some(old), Some(_), Some(written)) if written > old => found.push(format!(
                "{place} writes {written} shards where lists of the last release read {old}: release `read` first"
            )),
            _ => {}
        }
    }
    found
}

fn names_shards(document: &Value) -> bool {
    indexes(document).any(|(_, index)| index["readShards"].is_u64())
}

/// Returns the indexes of all tables, by the names of index and table.
fn indexes(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    let tables = document["x-tables"].as_array().into_iter().flatten();
    tables.flat_map(|table| {
        let indexes = table["indexes"].as_array().into_iter().flatten();
        let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
        indexes.map(move |index| (format!("the index {} of {}", name(index), name(table)), index))
    })
}
