//! The dependency rules between the modules of `lib.rs`, checked against the `crate::` paths in the code.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The modules that each module may use. `local` and the tools in `bin` may use all of them.
const ALLOWED: [(&str, &[&str]); 22] = [
    ("https", &[]),
    ("telemetry", &[]),
    // `https` for the addresses and roots that a client of the upstream API may use.
    ("config", &["https"]),
    ("deadline", &[]),
    ("record", &[]),
    ("error", &[]),
    ("resources", &["record"]),
    ("secrets", &["error"]),
    ("cursors", &["error", "record", "secrets"]),
    // `record` for the format of timestamps.
    ("upstream", &["config", "deadline", "error", "https", "record", "secrets", "telemetry"]),
    ("store", &["record", "error", "deadline", "cursors"]),
    ("http", &["record", "error"]),
    ("app", &["store", "config", "deadline", "cursors", "error", "upstream"]),
    ("handlers", &["app", "http", "record", "error"]),
    ("actions", &["app", "http", "error", "operations", "record", "resources", "telemetry"]),
    // `store` for the table definitions, `config` for the names of environment variables; `app`, `http` and `error` for the type of a handler. It lists the `actions`,
    // which use its types to describe themselves: the two are one layer.
    ("operations", &["actions", "handlers", "resources", "record", "store", "app", "http", "error", "config"]),
    // All functions by name, and the `runtime` that runs them.
    ("functions", &["operations", "streams", "migrate", "runtime", "record", "resources", "store", "app", "error"]),
    // `store` for the rows in stream records, `runtime` for the event loop, `config` for the bus, `resources` for
    // consumers of specific resources.
    ("streams", &["app", "store", "record", "error", "runtime", "resources", "config"]),
    ("gateway", &["operations", "http"]),
    // `http` and `error` for real examples of problems, `gateway` and `streams` for the format of events.
    ("openapi", &["operations", "functions", "record", "http", "error", "gateway", "streams"]),
    // `operations` for the list of tables, `app` for the store of a Lambda function.
    ("migrate", &["store", "record", "error", "operations", "app"]),
    // `record` for the format of timestamps.
    ("runtime", &["app", "http", "error", "record", "telemetry"]),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// Returns the module, the path and the text without comments of each source file.
fn files() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let module = |path: &Path| {
        let first = path.strip_prefix(&root).unwrap().components().next().unwrap();
        first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
    };
    let code = |text: String| {
        text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
    };
    sources(&root)
        .into_iter()
        .map(|path| (module(&path), path.clone(), code(fs::read_to_string(path).unwrap())))
        .collect()
}

/// Returns the modules that follow `crate::` in paths and `use` lists.
fn used_modules(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (start, _) in code.match_indices("crate::") {
        let rest = &code[start + "crate::".len()..];
        let names = match rest.strip_prefix('{') {
            Some(list) => top_level_names(list),
            None => vec![leading_name(rest)],
        };
        used.extend(names.into_iter().filter(|name| !name.is_empty()));
    }
    used
}

fn leading_name(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

fn top_level_names(list: &str) -> Vec<String> {
    let (mut names, mut depth, mut is_start) = (Vec::new(), 0, true);
    for (place, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => is_start = true,
            _ if is_start && !letter.is_whitespace() => {
                names.push(leading_name(&list[place..]));
                is_start = false;
            }
            _ => {}
        }
    }
    names
}

#[test]
fn modules_use_only_allowed_modules() {
    let allowed: BTreeMap<_, _> = ALLOWED.into_iter().collect();
    let mut seen = BTreeSet::new();
    for (module, path, code) in files() {
        let Some(allowed) = allowed.get(module.as_str()) else { continue };
        seen.insert(module.clone());
        for used in used_modules(&code) {
            let is_allowed = used == module || allowed.contains(&used.as_str());
            assert!(is_allowed, "{} is in `{module}` and uses `{used}`", path.display());
        }
    }
    assert_eq!(seen.len(), ALLOWED.len(), "every listed module exists");
}

#[test]
fn only_store_and_app_use_the_dynamodb_sdk() {
    for (module, path, code) in files() {
        let is_allowed = ["store", "app", "local", "bin"].contains(&module.as_str());
        assert!(is_allowed || !code.contains("aws_sdk_dynamodb"), "{} uses the DynamoDB SDK", path.display());
    }
}

#[test]
fn only_http_and_clients_use_headers_and_statuses() {
    for (module, path, code) in files() {
        // The last three are of the client of another service's API.
        let modules = ["http", "gateway", "local", "openapi", "bin", "config", "https", "upstream"];
        let is_allowed = modules.contains(&module.as_str());
        for detail in ["StatusCode::", "header::", "HeaderValue", "HeaderName"] {
            assert!(is_allowed || !code.contains(detail), "{} uses {detail}", path.display());
        }
    }
}

#[test]
fn every_file_opens_with_a_doc_sentence() {
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//! "), "{} has no opening sentence", path.display());
    }
}
