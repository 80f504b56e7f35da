//! Finds breaking changes between a released document and the current one.
//!
//! A client of the released document sends what that document allows and relies on what it promises. A new document may
//! accept more requests and add to responses. It must not accept fewer requests or remove from responses.

use serde_json::Value;

/// Keywords that may only grow in requests.
const UPPER_BOUNDS: [&str; 3] = ["maxLength", "maximum", "maxItems"];
/// Keywords that may only shrink in requests.
const LOWER_BOUNDS: [&str; 3] = ["minLength", "minimum", "minItems"];
/// The members of an index that DynamoDB knows.
const KEYS: [&str; 3] = ["name", "partitionKey", "sortKey"];
/// Keywords that must not be added or changed in requests.
const FIXED: [&str; 5] = ["pattern", "format", "uniqueItems", "exclusiveMinimum", "exclusiveMaximum"];

/// Returns all breaking changes, one line each.
pub fn breaks(released: &Value, current: &Value) -> Vec<String> {
    let mut comparison = Comparison { released, current, found: Vec::new() };
    for (path, operations) in members(&released["paths"]) {
        for (method, old) in members(operations) {
            let place = format!("{} {path}", method.to_uppercase());
            match current["paths"][path].get(method) {
                Some(new) => comparison.operation(&place, old, new),
                None => comparison.found.push(format!("{place} is gone")),
            }
        }
    }
    comparison.found
}

/// Returns the tables that gain or lose more than one index since the released document, one line each with advice.
///
/// DynamoDB creates or deletes one index of a table at a time, but CloudFormation sends both in one request
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html>,
/// `GlobalSecondaryIndexUpdates`): the stack's update would fail.
pub fn index_changes(released: &Value, current: &Value) -> Vec<String> {
    let table_of = |name: &Value| elements(&current["x-tables"]).find(|table| table["name"] == *name);
    let both = elements(&released["x-tables"]).filter_map(|old| Some((old, table_of(&old["name"])?)));
    both.filter_map(|(old, new)| {
        // DynamoDB knows an index by its name and keys; the numbers of shards are the service's own.
        let is_same = |a: &Value, b: &Value| KEYS.iter().all(|member| a[member] == b[member]);
        let missing_in = |table: &Value, index: &Value| !elements(&table["indexes"]).any(|other| is_same(other, index));
        let names = |from: &Value, other: &Value| -> Vec<String> {
            let changed = elements(&from["indexes"]).filter(|index| missing_in(other, index));
            changed.map(|index| format!("`{}`", text(&index["name"]))).collect()
        };
        let (added, removed) = (names(new, old), names(old, new));
        if added.len() + removed.len() < 2 {
            return None;
        }
        let part = |verb: &str, names: &[String]| (!names.is_empty()).then(|| format!("{verb} {}", names.join(", ")));
        let parts: Vec<_> = part("adds", &added).into_iter().chain(part("removes", &removed)).collect();
        Some(format!(
            "the table {} {} in one release, and a stack can add or remove one index of a table at a time. Take back \
             all but one, make the contract, deploy every stage, release it with `cargo run --bin contract -- \
             --release`; then make the next. An index that is keyed anew is removed first and added afterwards.",
            text(&old["name"]),
            parts.join(" and "),
        ))
    })
    .collect()
}

/// Returns true if the changelog's section of unreleased changes has a line that starts with `Breaking:`.
pub fn announces_break(changelog: &str) -> bool {
    let unreleased = changelog.lines().skip_while(|line| !line.starts_with("## [Unreleased]")).skip(1);
    let mut section = unreleased.take_while(|line| !line.starts_with("## "));
    section.any(|line| line.trim_start_matches(['-', '*', ' ']).starts_with("Breaking:"))
}

/// The side that writes the data of a schema.
#[derive(Clone, Copy, PartialEq)]
enum Writer {
    Client,
    Server,
}

struct Comparison<'a> {
    released: &'a Value,
    current: &'a Value,
    found: Vec<String>,
}

impl<'a> Comparison<'a> {
    fn operation(&mut self, place: &str, old: &'a Value, new: &'a Value) {
        if old["operationId"] != new["operationId"] {
            self.found.push(format!("{place} has another operationId"));
        }
        self.parameters(place, old, new);
        let (old_body, new_body) = (&old["requestBody"], &new["requestBody"]);
        if new_body["required"] == true && old_body["required"] != true {
            self.found.push(format!("{place} needs a body"));
        }
        self.content(&format!("{place} body"), old_body, new_body, Writer::Client);
        for (status, old_response) in members(&old["responses"]) {
            let place = format!("{place} {status}");
            let Some(new_response) = new["responses"].get(status) else {
                self.found.push(format!("{place} is gone"));
                continue;
            };
            let (old_response, new_response) = (self.in_released(old_response), self.in_current(new_response));
            for (header, _) in members(&old_response["headers"]) {
                if new_response["headers"].get(header).is_none() {
                    self.found.push(format!("{place} header {header} is gone"));
                }
            }
            self.content(&place, old_response, new_response, Writer::Server);
        }
    }

    fn parameters(&mut self, place: &str, old: &'a Value, new: &'a Value) {
        let old: Vec<&Value> = elements(&old["parameters"]).map(|parameter| self.in_released(parameter)).collect();
        let new: Vec<&Value> = elements(&new["parameters"]).map(|parameter| self.in_current(parameter)).collect();
        let is_same = |left: &Value, right: &Value| left["name"] == right["name"] && left["in"] == right["in"];
        for parameter in &old {
            let place = format!("{place} parameter {}", text(&parameter["name"]));
            match new.iter().find(|candidate| is_same(parameter, candidate)) {
                Some(found) => self.schema(&place, &parameter["schema"], &found["schema"], Writer::Client),
                None => self.found.push(format!("{place} is gone")),
            }
        }
        for parameter in new.iter().filter(|parameter| parameter["required"] == true) {
            if !old.iter().any(|candidate| is_same(parameter, candidate) && candidate["required"] == true) {
                self.found.push(format!("{place} parameter {} is required", text(&parameter["name"])));
            }
        }
    }

    fn content(&mut self, place: &str, old: &'a Value, new: &'a Value, writer: Writer) {
        for (media_type, old) in members(&old["content"]) {
            match new["content"].get(media_type) {
                Some(new) => self.schema(place, &old["schema"], &new["schema"], writer),
                None => self.found.push(format!("{place} as {media_type} is gone")),
            }
        }
    }

    fn schema(&mut self, place: &str, old: &'a Value, new: &'a Value, writer: Writer) {
        let (old, new) = (self.in_released(old), self.in_current(new));
        let becomes_wider = old["type"] == "integer" && new["type"] == "number" && writer == Writer::Client;
        if old["type"] != new["type"] && !becomes_wider {
            self.found.push(format!("{place} is of another type"));
            return;
        }
        match writer {
            Writer::Client => self.narrowed(place, old, new),
            Writer::Server => self.loosened(place, old, new),
        }
        for (name, old_field) in members(&old["properties"]) {
            let place = format!("{place} /{name}");
            match new["properties"].get(name) {
                Some(new_field) => self.schema(&place, old_field, new_field, writer),
                None => self.found.push(format!("{place} is gone")),
            }
        }
        if old["items"].is_object() {
            self.schema(&format!("{place} /*"), &old["items"], &new["items"], writer);
        }
    }

    /// Finds requests that are no longer accepted.
    fn narrowed(&mut self, place: &str, old: &Value, new: &Value) {
        let mut found = Vec::new();
        for keyword in UPPER_BOUNDS {
            let lowered =
                new[keyword].as_f64().is_some_and(|bound| old[keyword].as_f64().is_none_or(|old| bound < old));
            found.extend(lowered.then(|| format!("{place} has a lower {keyword}")));
        }
        for keyword in LOWER_BOUNDS {
            let raised = new[keyword].as_f64().is_some_and(|bound| old[keyword].as_f64().is_none_or(|old| bound > old));
            found.extend(raised.then(|| format!("{place} has a higher {keyword}")));
        }
        let is_new =
            |keyword: &&str| !new[*keyword].is_null() && new[*keyword] != old[*keyword] && new[*keyword] != false;
        found.extend(FIXED.into_iter().filter(is_new).map(|keyword| format!("{place} has another {keyword}")));
        let allows = |value: &Value| elements(&new["enum"]).any(|allowed| allowed == value);
        if new["enum"].is_array() && (!old["enum"].is_array() || !elements(&old["enum"]).all(allows)) {
            found.push(format!("{place} allows fewer values"));
        }
        if old["nullable"] == true && new["nullable"] != true {
            found.push(format!("{place} may not be null any more"));
        }
        if new["additionalProperties"] == false && old["additionalProperties"] != false {
            found.push(format!("{place} refuses unknown fields"));
        }
        let added = elements(&new["required"]).filter(|name| !elements(&old["required"]).any(|known| known == *name));
        found.extend(added.map(|name| format!("{place} /{} is required", text(name))));
        self.found.extend(found);
    }

    /// Finds guarantees of responses that no longer hold.
    fn loosened(&mut self, place: &str, old: &Value, new: &Value) {
        if new["nullable"] == true && old["nullable"] != true {
            self.found.push(format!("{place} may be null"));
        }
        let lost = elements(&old["required"]).filter(|name| !elements(&new["required"]).any(|known| known == *name));
        self.found.extend(lost.map(|name| format!("{place} /{} may be missing", text(name))));
    }

    fn in_released(&self, value: &'a Value) -> &'a Value {
        resolve(self.released, value)
    }

    fn in_current(&self, value: &'a Value) -> &'a Value {
        resolve(self.current, value)
    }
}

/// Returns the target of a `$ref` in its document.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.map_or(value, |pointer| document.pointer(pointer).unwrap_or(&Value::Null))
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn elements(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
