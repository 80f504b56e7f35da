//! The generated files, and the comparison with the files on disk.

use std::{collections::BTreeSet, fs, io, path::Path};

use super::{catalogue, document, events::sample_event, file::File, model::model, postman, telemetry};
use crate::{
    functions::Service,
    operations::{Body, Operation},
};

/// The document.
pub const DOCUMENT: &str = "openapi.json";
/// The document of the last release.
pub const RELEASED: &str = "docs/released/openapi.json";

/// The folders in which every file is generated.
const FOLDERS: [&str; 3] = ["events", "postman", "schemas"];

/// Returns every generated file.
pub fn files(service: &Service) -> Vec<File> {
    let (resources, operations) = (service.resources(), service.operations());
    let document = File::pretty(DOCUMENT, &document(service));
    let postman =
        postman::files(service).into_iter().map(|(name, content)| File::pretty(format!("postman/{name}"), &content));
    std::iter::once(document)
        .chain(models(&operations))
        .chain(events(&operations))
        .chain(catalogue::files(&resources))
        .chain(telemetry::files(service))
        .chain(postman)
        .collect()
}

/// Returns API Gateway's models. They are compact, because their size is limited.
fn models(operations: &[Operation]) -> Vec<File> {
    let file = |body: Body| File {
        path: format!("schemas/{}.json", body.content.name),
        content: format!("{}\n", model(&body)),
    };
    operations.iter().filter_map(|operation| operation.contract().body).map(file).collect()
}

/// Returns a sample event for each operation.
fn events(operations: &[Operation]) -> Vec<File> {
    let file =
        |operation: &Operation| File::pretty(format!("events/{}.json", operation.name), &sample_event(operation));
    operations.iter().map(file).collect()
}

/// Returns the paths of the files under `root` that differ from the generated ones, are missing, or are left over.
///
/// # Errors
/// When a folder cannot be read.
pub fn drift(service: &Service, root: &Path) -> io::Result<Vec<String>> {
    let differs = |file: &File| fs::read_to_string(root.join(&file.path)).ok().as_ref() != Some(&file.content);
    let changed = files(service).into_iter().filter(differs).map(|file| file.path);
    Ok(changed.chain(leftovers(service, root)?).collect())
}

/// Returns the files in generated folders that are not generated any more, as after a resource was removed.
///
/// # Errors
/// When a folder cannot be read.
pub fn leftovers(service: &Service, root: &Path) -> io::Result<Vec<String>> {
    let known: BTreeSet<String> = files(service).into_iter().map(|file| file.path).collect();
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
