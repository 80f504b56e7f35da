//! The generated files, and whether the ones on disk are the same.

use std::{collections::BTreeSet, fs, io, path::Path};

use serde_json::Value;

use super::{catalogue, dialect, document, events::sample_event, model_name, postman, request_schema};
use crate::routes::{Route, resources};

/// The document.
pub const DOCUMENT: &str = "openapi.json";
/// The document of the last release.
pub const RELEASED: &str = "docs/released/openapi.json";

/// The folders in which every file is generated.
const FOLDERS: [&str; 3] = ["events", "postman", "schemas"];

/// A generated file.
pub struct File {
    /// The path from the top of the repository, with `/` between its parts.
    pub path: String,
    /// What is in it.
    pub content: String,
}

/// Every generated file.
pub fn files() -> Vec<File> {
    let document = File::pretty(DOCUMENT, &document());
    let postman = postman::files().into_iter().map(|(name, content)| File::pretty(format!("postman/{name}"), &content));
    std::iter::once(document).chain(models()).chain(events()).chain(catalogue::files()).chain(postman).collect()
}

impl File {
    /// A JSON file as people read it.
    pub fn pretty(path: impl Into<String>, content: &Value) -> Self {
        let content = serde_json::to_string_pretty(content).expect("a JSON value") + "\n";
        Self { path: path.into(), content }
    }
}

/// API Gateway's models, compact, since their size is limited.
fn models() -> Vec<File> {
    let mut models = Vec::new();
    for collection in resources() {
        for route in &collection.routes {
            let model = request_schema(&collection, route.verb).map(dialect::draft4);
            let path = format!("schemas/{}.json", model_name(route));
            models.extend(model.map(|model| File { path, content: format!("{model}\n") }));
        }
    }
    models
}

/// An event for each function, and one more for PATCH, which shares the function of PUT.
fn events() -> Vec<File> {
    let mut events = Vec::new();
    for collection in resources() {
        let event =
            |route: &Route| File::pretty(format!("events/{}.json", route.operation), &sample_event(&collection, route));
        events.extend(collection.routes.iter().map(event));
    }
    events
}

/// The paths of the files under `root` that are not what the code would write, missing and left-over ones too.
///
/// # Errors
/// When a folder cannot be read.
pub fn drift(root: &Path) -> io::Result<Vec<String>> {
    let differs = |file: &File| fs::read_to_string(root.join(&file.path)).ok().as_ref() != Some(&file.content);
    let changed = files().into_iter().filter(differs).map(|file| file.path);
    Ok(changed.chain(leftovers(root)?).collect())
}

/// The files in generated folders that nothing generates any more, as after a resource is gone.
///
/// # Errors
/// When a folder cannot be read.
pub fn leftovers(root: &Path) -> io::Result<Vec<String>> {
    let known: BTreeSet<String> = files().into_iter().map(|file| file.path).collect();
    let mut found = Vec::new();
    for folder in FOLDERS.iter().filter(|folder| root.join(folder).exists()) {
        for entry in fs::read_dir(root.join(folder))? {
            let path = format!("{folder}/{}", entry?.file_name().to_string_lossy());
            found.extend((!known.contains(&path)).then_some(path));
        }
    }
    found.sort();
    Ok(found)
}
