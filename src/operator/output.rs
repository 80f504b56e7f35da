//! The output: results on standard output, everything else on standard error.

use serde_json::{Value, json};

use super::{failure::Failure, options::Options};

/// Writes a result, as JSON or as text.
pub fn result(options: &Options, value: &Value, text: &str) {
    if options.json {
        println!("{value}");
    } else if !text.is_empty() {
        println!("{text}");
    }
}

/// Writes a notice for the operator.
pub fn notice(text: &str) {
    eprintln!("{text}");
}

/// Writes a failure in one line.
pub fn failure(options: &Options, failure: &Failure) {
    if options.json {
        println!("{}", json!({ "error": failure.reason }));
    }
    eprintln!("crud: {}", failure.reason);
}
