//! Writes the generated files, or checks with `--check` that they are up to date.

use std::{
    ffi::OsString,
    fs, io, iter,
    path::{Path, PathBuf},
    process::ExitCode,
};

use crate::{functions::Service, openapi};
use clap::Parser;

/// Writes openapi.json and every other file that is generated from the operations and types.
#[derive(Parser)]
#[command(name = "contract")]
struct Arguments {
    /// Write nothing, and fail if a file differs.
    #[arg(long)]
    check: bool,
    /// Also save the document as the released one, which later versions must stay compatible with.
    #[arg(long, conflicts_with = "check")]
    release: bool,
    /// The root folder of the repository.
    #[arg(long, default_value = ".")]
    root: PathBuf,
}

/// Writes or checks the generated files.
pub fn contract(service: Service, arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments = Arguments::parse_from(iter::once("contract".into()).chain(arguments));
    match refusals(&service, &arguments.root) {
        Ok(refusals) if refusals.is_empty() => {}
        Ok(refusals) => {
            refusals.iter().for_each(|refusal| eprintln!("contract: {refusal}"));
            return ExitCode::FAILURE;
        }
        Err(error) => {
            eprintln!("contract: {}: {error}", openapi::RELEASED);
            return ExitCode::FAILURE;
        }
    }
    let outcome = if arguments.check {
        check(&service, &arguments.root)
    } else {
        write(&service, &arguments.root, arguments.release)
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("contract: {error}");
        ExitCode::FAILURE
    })
}

/// Returns the changes that a stage running the last release could not be updated to.
fn refusals(service: &Service, root: &Path) -> io::Result<Vec<String>> {
    let unindexed = openapi::unindexed_reads(service);
    if !unindexed.is_empty() {
        return Ok(unindexed);
    }
    let released = match fs::read_to_string(root.join(openapi::RELEASED)) {
        Ok(text) => serde_json::from_str(&text)?,
        // There is no release yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    Ok(openapi::compatibility::index_changes(&released, &openapi::document(service)))
}

fn write(service: &Service, root: &Path, release: bool) -> io::Result<ExitCode> {
    for file in openapi::files(service) {
        write_file(&root.join(&file.path), &file.content)?;
        if release && file.path == openapi::DOCUMENT {
            write_file(&root.join(openapi::RELEASED), &file.content)?;
        }
    }
    for path in openapi::leftovers(service, root)? {
        fs::remove_file(root.join(path))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write_file(path: &Path, content: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content)
}

fn check(service: &Service, root: &Path) -> io::Result<ExitCode> {
    let drift = openapi::drift(service, root)?;
    for path in &drift {
        eprintln!("{path} is out of date: run `make contract`");
    }
    Ok(if drift.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
