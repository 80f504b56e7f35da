//! Who may look into which room: the house of `lib.rs`, held against the `use crate::` lines of the code.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The rooms a room may look into. `local` and the tools in `bin` may look everywhere.
const ALLOWED: [(&str, &[&str]); 17] = [
    ("config", &[]),
    ("deadline", &[]),
    ("record", &[]),
    ("error", &[]),
    ("resources", &["record"]),
    ("cursors", &["error", "record"]),
    ("store", &["record", "error", "deadline", "cursors"]),
    ("http", &["record", "error"]),
    ("app", &["store", "config", "deadline", "cursors"]),
    ("handlers", &["app", "http", "record", "error"]),
    ("actions", &["app", "http", "error", "operations", "resources"]),
    // `store` for the table definitions, `app`, `http` and `error` for the type of a handler. It lists the `actions`,
    // which describe themselves in its words: the two are one layer.
    ("operations", &["actions", "handlers", "resources", "record", "store", "app", "http", "error"]),
    // The functions by name: all the others, and the `runtime` they run in.
    ("functions", &["operations", "streams", "migrate", "runtime", "record", "resources", "store", "app", "error"]),
    // `store` for the rows in stream records, `runtime` to be run, `config` for the bus; `resources` for a consumer
    // that is about some of them.
    ("streams", &["app", "store", "record", "error", "runtime", "resources", "config"]),
    // `http` and `error` for the problems as they are really written, `local` and `streams` for the shape of an event.
    ("openapi", &["operations", "functions", "record", "http", "error", "local", "streams"]),
    // `operations` for the tables there are, `app` for the store a Lambda has.
    ("migrate", &["store", "record", "error", "operations", "app"]),
    // `record` for the format of times.
    ("runtime", &["app", "http", "error", "record"]),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// Each source file's room, and its text without comments.
fn files() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let room = |path: &Path| {
        let first = path.strip_prefix(&root).unwrap().components().next().unwrap();
        first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
    };
    let code = |text: String| {
        text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
    };
    sources(&root)
        .into_iter()
        .map(|path| (room(&path), path.clone(), code(fs::read_to_string(path).unwrap())))
        .collect()
}

/// The rooms named after `crate::`, in `use` lists too.
fn rooms_used(code: &str) -> BTreeSet<String> {
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
    let (mut names, mut depth, mut starts) = (Vec::new(), 0, true);
    for (place, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => starts = true,
            _ if starts && !letter.is_whitespace() => {
                names.push(leading_name(&list[place..]));
                starts = false;
            }
            _ => {}
        }
    }
    names
}

#[test]
fn a_room_looks_only_into_the_rooms_it_may() {
    let allowed: BTreeMap<_, _> = ALLOWED.into_iter().collect();
    let mut seen = BTreeSet::new();
    for (room, path, code) in files() {
        let Some(allowed) = allowed.get(room.as_str()) else { continue };
        seen.insert(room.clone());
        for used in rooms_used(&code) {
            let may = used == room || allowed.contains(&used.as_str());
            assert!(may, "{} is in `{room}` and looks into `{used}`", path.display());
        }
    }
    assert_eq!(seen.len(), ALLOWED.len(), "every room is there");
}

#[test]
fn only_the_store_and_the_app_name_the_sdk_of_dynamodb() {
    for (room, path, code) in files() {
        let may = ["store", "app", "local", "bin"].contains(&room.as_str());
        assert!(may || !code.contains("aws_sdk_dynamodb"), "{} names the AWS SDK", path.display());
    }
}

#[test]
fn only_http_names_headers_and_statuses() {
    for (room, path, code) in files() {
        let may = ["http", "local", "openapi", "bin"].contains(&room.as_str());
        for detail in ["StatusCode::", "header::", "HeaderValue", "HeaderName"] {
            assert!(may || !code.contains(detail), "{} names {detail}", path.display());
        }
    }
}

#[test]
fn every_file_says_what_is_in_it() {
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//! "), "{} has no opening sentence", path.display());
    }
}
