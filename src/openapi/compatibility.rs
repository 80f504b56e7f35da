//! What a new document breaks for clients of a released one.
//!
//! A client sends what the released document allows and reads what it promises: a request may be taken in
//! more generously than before, an answer may hold more than before, never the other way round.

use serde_json::Value;

/// Keywords whose value may only grow where clients send, and those whose value may only shrink.
const UPPER_BOUNDS: [&str; 3] = ["maxLength", "maximum", "maxItems"];
const LOWER_BOUNDS: [&str; 3] = ["minLength", "minimum", "minItems"];
/// The members of an index that DynamoDB knows.
const KEYS: [&str; 3] = ["name", "partitionKey", "sortKey"];
/// Keywords that clients who send must not meet anew or changed.
const FIXED: [&str; 5] = ["pattern", "format", "uniqueItems", "exclusiveMinimum", "exclusiveMaximum"];

/// Everything that breaks clients, one line each.
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

/// The tables that gain or lose more than one index since a released document, a line each with what to do.
///
/// DynamoDB makes or removes one index of a table at a time, and CloudFormation sends both in one request
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

/// Whether the changelog's section of unreleased changes has a line that starts with `Breaking:`.
pub fn announces_break(changelog: &str) -> bool {
    let unreleased = changelog.lines().skip_while(|line| !line.starts_with("## [Unreleased]")).skip(1);
    let mut section = unreleased.take_while(|line| !line.starts_with("## "));
    section.any(|line| line.trim_start_matches(['-', '*', ' ']).starts_with("Breaking:"))
}

/// Who writes what a schema describes.
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
        let same = |one: &Value, other: &Value| one["name"] == other["name"] && one["in"] == other["in"];
        for parameter in &old {
            let place = format!("{place} parameter {}", text(&parameter["name"]));
            match new.iter().find(|candidate| same(parameter, candidate)) {
                Some(found) => self.schema(&place, &parameter["schema"], &found["schema"], Writer::Client),
                None => self.found.push(format!("{place} is gone")),
            }
        }
        for parameter in new.iter().filter(|parameter| parameter["required"] == true) {
            if !old.iter().any(|candidate| same(parameter, candidate) && candidate["required"] == true) {
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

    /// What a client may send no longer.
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
        let anew = elements(&new["required"]).filter(|name| !elements(&old["required"]).any(|known| known == *name));
        found.extend(anew.map(|name| format!("{place} /{} is required", text(name))));
        self.found.extend(found);
    }

    /// What a client may rely on no longer.
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

/// What a `$ref` stands for, in the document it is in.
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
