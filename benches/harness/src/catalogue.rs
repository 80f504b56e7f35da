//! The programs to measure.

use std::path::PathBuf;

use crate::{error::Result, options::Options};

/// The runtime and trust store of a function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A function of this project.
    Ours,
    /// Trusts the certificates in `AWS_CA_BUNDLE`, as this project's functions do.
    SmallStore,
    /// Trusts the system's certificates.
    SystemStore,
    /// Runs in Node.
    Node,
    /// Runs in Python.
    Python,
}

/// A function to measure.
#[derive(Clone, Debug)]
pub struct Program {
    /// The name in the tables.
    pub name: String,
    /// The function whose sample events it receives.
    pub function: String,
    /// The kind of program.
    pub kind: Kind,
    /// The executable and its arguments.
    pub command: Vec<PathBuf>,
    /// The deployed file.
    pub artifact: PathBuf,
    /// The levers that are switched off, separated by commas.
    pub without: String,
}

/// The name of the function that verifies tokens.
pub const AUTHORIZER: &str = "authorizer";

/// The levers, in table order.
pub const LEVERS: [&str; 5] = ["priming", "ring", "small-trust-store", "current-thread", "env-credentials"];

/// Returns the functions of this project and the programs they are compared with.
pub fn functions(options: &Options) -> Result<Vec<Program>> {
    let root = options.root.canonicalize()?;
    let release = root.join("target/release");
    let peers = root.join("benches/peers");
    let native = |name: &str, file: &str, kind| {
        let path = release.join(file);
        program(name, kind, vec![path.clone()], path)
    };
    let mut programs = vec![
        native("hyper hello", "hello", Kind::SmallStore),
        native("DB floor", "floor", Kind::SmallStore),
        native("default Rust", "default-function", Kind::SystemStore),
    ];
    let bundle = peers.join("dist/function.mjs");
    programs.push(program("Node 20", Kind::Node, vec!["node".into(), bundle.clone()], bundle));
    let source = peers.join("function.py");
    programs.push(program("Python", Kind::Python, vec![peers.join(".venv/bin/python"), source.clone()], source));
    // One executable serves every function; each operation has a sample event.
    let executable = root.join("target/bench/functions/bootstrap");
    let events = if executable.exists() { Some(std::fs::read_dir(options.events_folder())?) } else { None };
    let mut names = if executable.exists() { vec![AUTHORIZER.to_owned()] } else { Vec::new() };
    for entry in events.into_iter().flatten() {
        let file = entry?.file_name().into_string().map_err(|_| "an event's name is UTF-8")?;
        names.push(file.trim_end_matches(".json").to_owned());
    }
    for name in names {
        // PATCH shares the function of PUT.
        let is_function = !name.ends_with("_patch");
        let is_selected = options.functions.is_empty() || options.functions.iter().any(|selected| *selected == name);
        if is_function && is_selected {
            let ours = program(&name, Kind::Ours, vec![executable.clone()], executable.clone());
            programs.push(Program { function: name, ..ours });
        }
    }
    programs[5..].sort_by(|a, b| a.name.cmp(&b.name));
    Ok(programs)
}

/// Returns `items_get` with every lever, and with each of them switched off.
pub fn levers(options: &Options) -> Vec<Program> {
    let path = options.root.join("target/release/levers");
    let is_selected = |lever: &&str| options.without.is_empty() || options.without.iter().any(|name| name == lever);
    let all = LEVERS.join(",");
    let variants = [""].into_iter().chain(LEVERS.into_iter().filter(is_selected)).chain([all.as_str()]);
    let named = |without: &str| match without {
        "" => "every lever".to_owned(),
        every if every.contains(',') => "none of them".to_owned(),
        lever => format!("without {lever}"),
    };
    variants
        .map(|without| {
            let base = program(&named(without), Kind::SystemStore, vec![path.clone()], path.clone());
            Program { without: without.to_owned(), ..base }
        })
        .collect()
}

fn program(name: &str, kind: Kind, command: Vec<PathBuf>, artifact: PathBuf) -> Program {
    Program { name: name.to_owned(), function: "items_get".to_owned(), kind, command, artifact, without: String::new() }
}
