//! Loads migration files, either compiled into the program or from a folder.

use std::{fs, path::Path};

use super::{Failure, file::Migration};

/// The files of `migrations/`, embedded by the build script.
const COMPILED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// Returns the migrations compiled into this program. The Lambda, the command and the local server share them.
///
/// # Errors
/// [`Failure::Refused`] with every fault found.
pub fn compiled() -> Result<Vec<Migration>, Failure> {
    parse(COMPILED.iter().map(|(file, content)| ((*file).to_owned(), (*content).to_owned())).collect())
}

/// Reads the migrations of a folder.
///
/// # Errors
/// [`Failure::Refused`] with every fault found.
pub fn read(folder: &Path) -> Result<Vec<Migration>, Failure> {
    let failed = |error| Failure::Refused(vec![format!("{} cannot be read: {error}", folder.display())]);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if name.ends_with(".toml") || name.ends_with(".json") {
            files.push((name, fs::read_to_string(&path).map_err(failed)?));
        }
    }
    files.sort();
    parse(files)
}

fn parse(files: Vec<(String, String)>) -> Result<Vec<Migration>, Failure> {
    let (mut migrations, mut faults) = (Vec::new(), Vec::new());
    for (file, content) in files {
        match Migration::parse(&file, &content) {
            Ok(migration) => migrations.push(migration),
            Err(more) => faults.extend(more),
        }
    }
    migrations.sort_by_key(|migration: &Migration| migration.number);
    for pair in migrations.windows(2) {
        if pair[0].number == pair[1].number {
            let (first, second) = (pair[0].title(), pair[1].title());
            faults.push(format!("{first} and {second} have the same number: give the later one the next free number"));
        }
    }
    let numbers = || migrations.iter().map(|migration| migration.number);
    // An unreadable file also leaves a gap in the numbers; report only the first problem.
    let gaps = (1..=numbers().max().unwrap_or_default()).filter(|number| !numbers().any(|known| known == *number));
    if faults.is_empty() {
        faults.extend(gaps.map(|gap| format!("migration {gap:04} is missing: numbers must be consecutive")));
    }
    if faults.is_empty() { Ok(migrations) } else { Err(Failure::Refused(faults)) }
}
