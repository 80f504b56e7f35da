//! Generates the list of the files in `migrations/`, which the executable includes.

use std::{env, fs, io, path::Path};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=migrations");
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    let mut files = Vec::new();
    for entry in fs::read_dir(Path::new(&root).join("migrations"))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if name.ends_with(".toml") || name.ends_with(".json") {
            files.push(format!("    ({name:?}, include_str!({:?})),\n", path.display().to_string()));
        }
    }
    files.sort();
    fs::write(Path::new(&out).join("migrations.rs"), format!("&[\n{}]\n", files.concat()))
}
