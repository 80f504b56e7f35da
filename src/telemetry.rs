//! The log: one JSON line for each event, with the fields that the work on the event adds.

use std::{
    cell::RefCell,
    env,
    io::{self, Write},
    sync::LazyLock,
};

use serde_json::{Map, Value};

/// The log fields that identify the function and its version; empty outside of Lambda (Lambda developer guide, "Defined
/// runtime environment variables"). The alarm on a new version filters by `version`.
static WRITER: LazyLock<Vec<(&str, String)>> = LazyLock::new(|| {
    let variables = [("function", "AWS_LAMBDA_FUNCTION_NAME"), ("version", "AWS_LAMBDA_FUNCTION_VERSION")];
    variables.into_iter().filter_map(|(field, variable)| Some((field, env::var(variable).ok()?))).collect()
});

tokio::task_local! {
    static FIELDS: RefCell<Map<String, Value>>;
}

/// Runs `work` and returns its output with the fields that it added to its log line.
pub async fn with_fields<T>(work: impl Future<Output = T>) -> (T, Map<String, Value>) {
    let observed = async {
        let output = work.await;
        (output, FIELDS.with(RefCell::take))
    };
    FIELDS.scope(RefCell::default(), observed).await
}

/// Adds a field to the log line of the current event, or replaces it. Metric filters can count its values.
pub fn add_field(name: &str, value: impl Into<Value>) {
    // Outside of `with_fields` there is no line.
    let _ = FIELDS.try_with(|fields| fields.borrow_mut().insert(name.to_owned(), value.into()));
}

/// Adds one to a number in the log line of the current event.
pub fn count_field(name: &str) {
    let count = FIELDS.try_with(|fields| fields.borrow().get(name).and_then(Value::as_u64)).ok().flatten();
    add_field(name, count.unwrap_or_default() + 1);
}

/// Writes one line to the log. A failed write is ignored.
pub fn write_line(mut line: Value) {
    for (field, value) in WRITER.iter() {
        line[*field] = value.as_str().into();
    }
    // One write, so that lines from two threads do not interleave, and only one system call is needed.
    let _ = io::stdout().write_all(format!("{line}\n").as_bytes());
}
