//! Parsing of the files' expressions: clauses, placeholders and written attributes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use crate::store::RawExpression;

/// The clauses of an update expression.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clauses {
    /// The assignments of `SET`, without the keyword.
    pub set: String,
    /// The other clauses, with their keywords.
    pub other_clauses: String,
    /// The first element of each written path, as spelled in the expression.
    targets: Vec<String>,
}

/// Splits an update expression into its clauses.
///
/// The keywords are reserved words, so an attribute of that name always has a placeholder.
///
/// # Errors
/// Describes the fault.
pub fn parse_clauses(update: &str) -> Result<Clauses, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut current: Option<String> = None;
    for word in tokenize(update) {
        let upper = word.to_uppercase();
        if ["SET", "REMOVE", "ADD", "DELETE"].contains(&upper.as_str()) {
            if found.insert(upper.clone(), String::new()).is_some() {
                return Err(format!("has {upper} twice: combine the two clauses"));
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
            return Err(format!("has nothing after {name}"));
        }
        clauses.targets.extend(split_assignments(body).into_iter().map(target_attribute));
        match name.as_str() {
            "SET" => clauses.set = body.to_owned(),
            _ => clauses.other_clauses.push_str(&format!("{name} {body} ")),
        }
    }
    Ok(clauses)
}

impl Clauses {
    /// Returns the attributes that the clauses write.
    pub fn attributes(&self, names: &HashMap<String, String>) -> BTreeSet<String> {
        self.targets.iter().map(|target| names.get(target).unwrap_or(target).clone()).collect()
    }
}

/// Returns an expression with only the names and values it uses: DynamoDB refuses unused ones.
///
/// # Errors
/// Names a placeholder that is not defined.
pub fn bind_placeholders(
    text: &str,
    names: &HashMap<String, String>,
    values: &HashMap<String, Value>,
) -> Result<RawExpression, String> {
    let mut raw = RawExpression { text: text.to_owned(), ..RawExpression::default() };
    for placeholder in placeholders(text) {
        if let Some(name) = names.get(placeholder) {
            raw.names.insert(placeholder.to_owned(), name.clone());
        } else if let Some(value) = values.get(placeholder) {
            raw.values.insert(placeholder.to_owned(), value.clone());
        } else {
            return Err(format!("uses {placeholder}, which is not in `names` or `values`"));
        }
    }
    Ok(raw)
}

/// Returns the `#name` and `:value` placeholders of an expression. Expressions contain no string literals.
pub fn placeholders(text: &str) -> BTreeSet<&str> {
    tokenize(text).into_iter().filter(|word| word.starts_with(['#', ':']) && word.len() > 1).collect()
}

/// Splits text into words and the separators between them, without loss.
fn tokenize(text: &str) -> Vec<&str> {
    let is_word = |character: char| character.is_alphanumeric() || matches!(character, '_' | '#' | ':');
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut was_word = None;
    for (index, character) in text.char_indices() {
        if was_word.is_some_and(|was_word| was_word != is_word(character)) {
            tokens.push(&text[start..index]);
            start = index;
        }
        was_word = Some(is_word(character));
    }
    tokens.push(&text[start..]);
    tokens.retain(|word| !word.is_empty());
    tokens
}

/// Splits a clause at its commas outside of parentheses.
fn split_assignments(body: &str) -> Vec<&str> {
    let (mut assignments, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (index, character) in body.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                assignments.push(&body[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    assignments.push(&body[start..]);
    assignments
}

/// Returns the first element of the path that an assignment writes.
fn target_attribute(part: &str) -> String {
    part.trim()
        .chars()
        .take_while(|character| character.is_alphanumeric() || matches!(character, '_' | '-' | '#'))
        .collect()
}
