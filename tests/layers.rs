//! The dependency rules between modules and files. A name counts as a use of the file that defines it, also through a
//! re-export.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/modules/mod.rs"]
mod modules;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use modules::Modules;

/// The modules that each module may use. The executables in `bin` may use all of them.
const ALLOWED: [(&str, &[&str]); 30] = [
    ("https", &[]),
    // `record` for the format of timestamps.
    ("telemetry", &["record"]),
    // `https` for the addresses and roots that a client of the upstream API may use, `telemetry` for the level of the log.
    ("config", &["https", "telemetry"]),
    ("deadline", &[]),
    ("error", &[]),
    // `error` for the refusal of a principal.
    ("access", &["error"]),
    // The rules of a resource are a part of it.
    ("record", &["access"]),
    ("resources", &["access", "record"]),
    ("secrets", &["error", "telemetry"]),
    ("cursors", &["error", "record", "secrets"]),
    // `record` for the format of timestamps.
    ("upstream", &["config", "deadline", "error", "https", "record", "secrets", "telemetry"]),
    ("store", &["access", "record", "error", "deadline", "cursors", "telemetry"]),
    ("http", &["access", "record", "error"]),
    ("app", &["access", "store", "config", "deadline", "cursors", "error", "telemetry", "upstream"]),
    ("handlers", &["app", "http", "record", "error"]),
    ("actions", &["access", "app", "http", "record", "error", "operations", "resources"]),
    (
        "consumers",
        &["access", "app", "error", "functions", "operations", "record", "resources", "streams", "telemetry"],
    ),
    // `store` for the table definitions, `config` for the names of environment variables; `app`, `http` and `error` for the
    // type of a handler.
    ("operations", &["handlers", "access", "record", "store", "app", "http", "error", "config", "telemetry"]),
    // `operations` for what the policy covers, `runtime` for the event loop.
    ("authorizer", &["access", "config", "https", "operations", "runtime", "telemetry"]),
    // The type of a service, and the `runtime` that runs its functions.
    ("functions", &["authorizer", "operations", "streams", "migrate", "runtime", "record", "store", "app", "error"]),
    // The transforms of the project's migrations.
    ("migrations", &["migrate"]),
    // The TLS of the clients.
    ("operator", &["app"]),
    // The command lines.
    (
        "programs",
        &["app", "cursors", "functions", "local", "migrate", "openapi", "record", "runtime", "store", "telemetry"],
    ),
    // The list of the project.
    ("service", &["actions", "consumers", "functions", "migrations", "resources"]),
    // `store` for the rows in stream records, `runtime` for the event loop, `config` for the bus.
    ("streams", &["access", "app", "store", "record", "error", "runtime", "config", "telemetry"]),
    ("gateway", &["operations", "http"]),
    // `http` and `error` for real examples of problems, `gateway` and `streams` for the format of events.
    (
        "openapi",
        &[
            "access",
            "authorizer",
            "operations",
            "functions",
            "record",
            "http",
            "error",
            "gateway",
            "streams",
            "telemetry",
        ],
    ),
    // `app` for the store of a Lambda function.
    ("migrate", &["store", "record", "error", "app"]),
    // `config` for the log level and the error of a setting.
    ("runtime", &["app", "config", "deadline", "http", "error", "telemetry"]),
    // The local server connects everything.
    (
        "local",
        &[
            "access",
            "app",
            "authorizer",
            "config",
            "cursors",
            "error",
            "functions",
            "gateway",
            "http",
            "migrate",
            "openapi",
            "operations",
            "record",
            "runtime",
            "store",
            "streams",
            "telemetry",
        ],
    ),
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

/// Returns the modules of the service and of the benchmarks.
fn modules() -> Modules {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut modules = Modules::default();
    modules.add_package(root, &["benches/instructions.rs", "benches/pump.rs"]);
    for package in ["default", "floor", "harness", "levers"] {
        modules.add_package(&root.join("benches").join(package), &[]);
    }
    modules
}

#[test]
fn modules_use_only_allowed_modules() {
    let allowed: BTreeMap<_, _> = ALLOWED.into_iter().collect();
    let modules = modules();
    let mut violations = Vec::new();
    let uses = modules.uses(true);
    for (user, used) in uses.iter().filter(|(user, _)| modules.is_in_library(*user, "serverless_crud")) {
        let (user, used) = (modules.module(*user), modules.module(*used));
        let (Some(from), Some(to)) = (user.top(), used.top()) else { continue };
        let Some(allowed) = allowed.get(from) else { continue };
        if from != to && !allowed.contains(&to) {
            violations.push(format!("{} is in `{from}` and uses `{to}`", user.file.display()));
        }
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
    assert_eq!(allowed.into_keys().collect::<BTreeSet<_>>(), modules.tops("serverless_crud"), "each module has a rule");
}

#[test]
fn no_two_files_use_each_other() {
    let modules = modules();
    let cycles = modules.cycles();
    assert!(cycles.is_empty(), "these files use each other: {cycles:#?}");
}

#[test]
fn every_file_is_checked_for_cycles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules = modules();
    let checked: BTreeSet<_> = modules.files().collect();
    let folders = ["src", "benches/default/src", "benches/floor/src", "benches/harness/src", "benches/levers/src"];
    for path in folders.iter().flat_map(|folder| sources(&root.join(folder))) {
        assert!(checked.contains(path.as_path()), "{} is in no module", path.display());
    }
}

/// Writes a crate with these files, and returns the names of the files that use each other.
fn cycles(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let mut modules = Modules::default();
    modules.add_crate(&folder.path().join("lib.rs"));
    let name = |path: &Path| path.strip_prefix(folder.path()).unwrap().display().to_string();
    modules.cycles().into_iter().map(|(one, other)| (name(one), name(other))).collect()
}

#[test]
fn cycles_of_two_files_are_found() {
    let pair = vec![("a.rs".to_owned(), "b.rs".to_owned())];
    let root = ("lib.rs", "mod a; mod b;");
    let direct = [root, ("a.rs", "use crate::b::{self, B};"), ("b.rs", "fn f() { super::a::g(1); }")];
    let in_macro = [
        root,
        ("a.rs", "use super::b; fn g() { print!(\"{}\", b::B) }"),
        ("b.rs", "use crate::a::*; use crate::a::A;"),
    ];
    let one_way = [
        root,
        ("a.rs", "//! crate::b::B\nuse crate::b::B;"),
        ("b.rs", "/// crate::a::A\nconst B: &str = \"crate::a::A\";"),
    ];
    assert_eq!([cycles(&direct), cycles(&in_macro), cycles(&one_way)], [pair.clone(), pair, vec![]]);
}

#[test]
fn cycles_through_re_exports_are_found() {
    let files = [
        ("lib.rs", "mod a; mod facade;"),
        ("facade/mod.rs", "mod inner; mod other; pub use inner::{Inner as Renamed, *};"),
        ("facade/inner.rs", "use crate::a::A; pub struct Inner; pub struct Starred;"),
        ("facade/other.rs", "use super::Starred;"),
        ("a.rs", "pub struct A(crate::facade::Renamed);"),
    ];
    assert_eq!(cycles(&files), [("a.rs".to_owned(), "facade/inner.rs".to_owned())]);
}

#[test]
fn only_store_and_app_use_the_dynamodb_sdk() {
    for (module, path, code) in files() {
        let is_allowed = ["store", "app", "local", "programs"].contains(&module.as_str());
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
