//! What must be known of a file's expressions before DynamoDB reads them: clauses, placeholders, attributes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use crate::store::Raw;

/// The clauses of an update expression, without their words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clauses {
    /// What `SET` assigns.
    pub set: String,
    /// The other clauses, with their words.
    pub others: String,
    /// The first name of each path that is written, as it is spelled.
    targets: Vec<String>,
}

/// Splits an update expression into its clauses.
///
/// Their words are reserved: no attribute is called so without a placeholder.
///
/// # Errors
/// Says what is wrong with it.
pub fn clauses(update: &str) -> Result<Clauses, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut current: Option<String> = None;
    for word in words(update) {
        let upper = word.to_uppercase();
        if ["SET", "REMOVE", "ADD", "DELETE"].contains(&upper.as_str()) {
            if found.insert(upper.clone(), String::new()).is_some() {
                return Err(format!("has {upper} twice: put its parts together"));
            }
            current = Some(upper);
            continue;
        }
        let name = current.as_ref().ok_or("must begin with SET, REMOVE, ADD or DELETE")?;
        found.entry(name.clone()).or_default().push_str(word);
    }
    if found.is_empty() {
        return Err("is empty".into());
    }
    let mut clauses = Clauses::default();
    for (name, body) in found {
        let body = body.trim();
        if body.is_empty() {
            return Err(format!("says nothing after {name}"));
        }
        clauses.targets.extend(parts(body).into_iter().map(target));
        match name.as_str() {
            "SET" => clauses.set = body.to_owned(),
            _ => clauses.others.push_str(&format!("{name} {body} ")),
        }
    }
    Ok(clauses)
}

impl Clauses {
    /// The attributes that are written.
    pub fn attributes(&self, names: &HashMap<String, String>) -> BTreeSet<String> {
        self.targets.iter().map(|target| names.get(target).unwrap_or(target).clone()).collect()
    }
}

/// An expression with those of the names and values that it uses: DynamoDB refuses the others.
///
/// # Errors
/// Names a placeholder that stands for nothing.
pub fn raw(text: &str, names: &HashMap<String, String>, values: &HashMap<String, Value>) -> Result<Raw, String> {
    let mut raw = Raw { text: text.to_owned(), ..Raw::default() };
    for placeholder in placeholders(text) {
        if let Some(name) = names.get(placeholder) {
            raw.names.insert(placeholder.to_owned(), name.clone());
        } else if let Some(value) = values.get(placeholder) {
            raw.values.insert(placeholder.to_owned(), value.clone());
        } else {
            return Err(format!("uses {placeholder}, which neither `names` nor `values` has"));
        }
    }
    Ok(raw)
}

/// The `#name`s and `:value`s in an expression; it has no texts in quotes.
pub fn placeholders(text: &str) -> BTreeSet<&str> {
    words(text).into_iter().filter(|word| word.starts_with(['#', ':']) && word.len() > 1).collect()
}

/// The text cut into words and what is between them; nothing is lost.
fn words(text: &str) -> Vec<&str> {
    let is_word = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '#' | ':');
    let mut words = Vec::new();
    let mut start = 0;
    let mut before = None;
    for (place, letter) in text.char_indices() {
        if before.is_some_and(|before| before != is_word(letter)) {
            words.push(&text[start..place]);
            start = place;
        }
        before = Some(is_word(letter));
    }
    words.push(&text[start..]);
    words.retain(|word| !word.is_empty());
    words
}

/// The parts of a clause, at its commas outside of parentheses.
fn parts(body: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (place, letter) in body.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&body[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    parts.push(&body[start..]);
    parts
}

/// The first name of the path a part writes.
fn target(part: &str) -> String {
    part.trim().chars().take_while(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '#')).collect()
}
