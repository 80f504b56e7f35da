//! A generated file.

use serde_json::Value;

/// A generated file.
pub struct File {
    /// The path from the root of the repository, with `/` as the separator.
    pub path: String,
    /// The content of the file.
    pub content: String,
}

impl File {
    /// Returns an indented JSON file.
    pub fn pretty(path: impl Into<String>, content: &Value) -> Self {
        let content = serde_json::to_string_pretty(content).expect("a JSON value") + "\n";
        Self { path: path.into(), content }
    }
}
