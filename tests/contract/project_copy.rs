//! A copy of the project with a third resource, another filter and another migration.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::top;

/// A fourth migration, which adds a description to items without one.
const MIGRATION: &str = r#"table = "items"
description = "Describe items that are not described"
filter = "attribute_not_exists(description)"
update = "SET description = :text"

[values]
":text" = "As it was before."
"#;

/// A copy of the project under `target`, with orders in it.
pub struct Copy {
    pub folder: PathBuf,
    target: PathBuf,
    /// The number of lines written by hand: non-blank lines, including comments.
    pub lines: usize,
}

impl Copy {
    /// Creates the copy, and reuses the unchanged files and the build of an earlier run.
    pub fn make() -> Self {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let target = scratch.parent().expect("it is in the target folder").to_owned();
        let mut copy = Self { folder: scratch.join("orders"), target, lines: 0 };
        let files = ["Cargo.toml", "Cargo.lock", "build.rs", "benches/instructions.rs", "benches/pump.rs"];
        for path in files.into_iter().chain(["migrations", "src"]) {
            copy.copy_path(Path::new(path));
        }
        copy.prune(Path::new("src"));
        copy.prune(Path::new("migrations"));
        copy.add_orders();
        copy.add_gadgets();
        copy.add_migration();
        copy
    }

    /// Removes files that the project no longer has, except for the orders of an earlier run.
    fn prune(&self, folder: &Path) {
        for entry in fs::read_dir(self.folder.join(folder)).expect("a folder can be read") {
            let path = folder.join(entry.expect("a folder can be read").file_name());
            if self.folder.join(&path).is_dir() {
                self.prune(&path);
            } else if !top().join(&path).exists() && !path.to_string_lossy().contains("order") {
                fs::remove_file(self.folder.join(path)).expect("a copy can be removed");
            }
        }
    }

    /// Adds the resource that `make resource NAME=gadget` writes.
    fn add_gadgets(&self) {
        self.copy_path(Path::new("scripts/resource"));
        let written = Command::new("sh").args(["scripts/resource", "gadget"]).current_dir(&self.folder).status();
        assert!(written.expect("a shell runs").success(), "make resource NAME=gadget succeeds");
    }

    /// Copies a file or folder. Unchanged files are not written, so that little is compiled again.
    fn copy_path(&self, path: &Path) {
        let source = top().join(path);
        if source.is_dir() {
            for entry in fs::read_dir(source).expect("a folder can be read") {
                self.copy_path(&path.join(entry.expect("a folder can be read").file_name()));
            }
        } else {
            let text = fs::read_to_string(source).expect("sources are text");
            let text = edits(path).iter().fold(text, |text, (old, new)| {
                assert!(text.contains(old), "{} has no `{old}`", path.display());
                text.replace(old, new)
            });
            self.write(path, &text);
        }
    }

    /// Adds the files of the guide. `edits` adds the lines to existing files.
    fn add_orders(&mut self) {
        let resource = fs::read_to_string(top().join("tests/contract/orders/order.rs")).expect("the fixture");
        self.write(Path::new("src/resources/order.rs"), &resource);
        self.lines = count(&resource) + "mod order;\npub use\n.resource".lines().count();
    }

    /// Adds the migration.
    fn add_migration(&self) {
        let own = fs::read_dir(top().join("migrations")).expect("a folder can be read");
        let count =
            own.filter(|file| file.as_ref().is_ok_and(|file| file.path().extension().is_some_and(|end| end == "toml")));
        let file = format!("migrations/{:04}_items_description.toml", count.count() + 1);
        self.write(Path::new(&file), MIGRATION);
    }

    fn write(&self, path: &Path, text: &str) {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder");
        if fs::read_to_string(&path).ok().as_deref() != Some(text) {
            fs::write(path, text).expect("a file");
        }
    }

    /// Compiles the tools of the copy.
    pub fn build(&self) {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([
            "build",
            "--quiet",
            "--offline",
            "--bin",
            "orders_contract",
            "--bin",
            "orders_local",
            "--target-dir",
        ]);
        // The environment that cargo sets for this test's package would cause dependencies to be compiled again.
        let about_us =
            |name: &String| ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|start| name.starts_with(start));
        for name in std::env::vars().map(|(name, _)| name).filter(about_us) {
            cargo.env_remove(name);
        }
        let built = cargo.arg(&self.target).current_dir(&self.folder).status().expect("cargo runs");
        assert!(built.success(), "the copy with orders compiles");
    }

    /// Returns a command that runs one of its programs.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.target.join("debug").join(name));
        command.current_dir(&self.folder);
        command
    }

    /// Returns one of its generated files.
    pub fn json(&self, path: &str) -> Value {
        serde_json::from_str(&fs::read_to_string(self.folder.join(path)).expect(path))
            .expect("generated files are JSON")
    }
}

fn count(text: &str) -> usize {
    text.lines().filter(|line| !line.trim().is_empty()).count()
}

/// Returns the edits to a file of the project. The tools get other names, so that they do not replace the project's.
fn edits(path: &Path) -> Vec<(String, String)> {
    let edit = |old: &str, new: &str| (old.to_owned(), new.to_owned());
    match path.to_str().expect("paths are text") {
        "Cargo.toml" => {
            let own = |tool: &str| {
                let old = format!("name = \"{tool}\"\nrequired");
                (old, format!("name = \"orders_{tool}\"\npath = \"src/bin/{tool}.rs\"\nrequired"))
            };
            vec![
                // In a shared target folder, cargo cannot tell packages of the same name apart.
                edit(
                    "[package]\nname = \"serverless-crud\"",
                    "[lib]\nname = \"serverless_crud\"\n\n[package]\nname = \"orders-crud\"",
                ),
                edit("default-run = \"local\"", "default-run = \"orders_local\""),
                own("local"),
                own("contract"),
                edit("[[test]]\nname = \"functions\"\nrequired-features = [\"lambda\"]\n\n", ""),
            ]
        }
        "Cargo.lock" => vec![edit("name = \"serverless-crud\"", "name = \"orders-crud\"")],
        "src/resources/item.rs" => {
            let filter =
                "Filter { field: \"ownerId\", normalization: Normalization::Lowercase, shards: Shards::new(1) },\n";
            let price = "        Filter { field: \"priceCents\", normalization: Normalization::None, shards: Shards::new(1) },\n";
            vec![edit(filter, &format!("{filter}{price}"))]
        }
        "src/resources/mod.rs" => vec![
            edit("mod item;\n", "mod item;\nmod order;\n"),
            edit("pub use user::", "pub use order::{Address, Line, Order, OrderStatus};\npub use user::"),
        ],
        "src/service.rs" => vec![edit(
            ".resource::<resources::Item>()",
            ".resource::<resources::Item>().resource::<resources::Order>()",
        )],
        _ => Vec::new(),
    }
}
