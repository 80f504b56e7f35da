//! Loads migration files, either compiled into the program or from a folder.

use std::{fs, path::Path};

use super::{Failure, Transform, file::Migration};
use crate::store::RowSchema;

/// The migrations of a service, and what a migration file can name.
#[derive(Clone)]
pub struct Migrations {
    /// The schemas of the tables.
    pub schemas: Vec<RowSchema>,
    /// The names and contents of the files that the program includes.
    pub files: &'static [(&'static str, &'static str)],
    /// The transforms by name.
    pub transforms: &'static [(&'static str, Transform)],
}

impl Migrations {
    /// Parses the files that the program includes. The Lambda, the command and the local server share them.
    ///
    /// # Errors
    /// [`Failure::Refused`] with every fault found.
    pub fn compiled(&self) -> Result<Vec<Migration>, Failure> {
        self.parse_all(self.files.iter().map(|(file, content)| ((*file).to_owned(), (*content).to_owned())).collect())
    }

    /// Reads the migrations of a folder.
    ///
    /// # Errors
    /// [`Failure::Refused`] with every fault found.
    pub fn read(&self, folder: &Path) -> Result<Vec<Migration>, Failure> {
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
        self.parse_all(files)
    }

    /// Parses a file from its name and content.
    ///
    /// # Errors
    /// Returns every fault found, each with its remedy.
    pub fn parse(&self, file: &str, content: &str) -> Result<Migration, Vec<String>> {
        Migration::parse(file, content, &self.schemas, self.transforms)
    }

    fn parse_all(&self, files: Vec<(String, String)>) -> Result<Vec<Migration>, Failure> {
        let (mut migrations, mut faults) = (Vec::new(), Vec::new());
        for (file, content) in files {
            match self.parse(&file, &content) {
                Ok(migration) => migrations.push(migration),
                Err(more) => faults.extend(more),
            }
        }
        in_order(migrations, faults)
    }
}

/// Sorts the migrations, and checks that their numbers are unique and consecutive.
fn in_order(mut migrations: Vec<Migration>, mut faults: Vec<String>) -> Result<Vec<Migration>, Failure> {
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
