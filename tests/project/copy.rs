//! A copy of the project with a build of its own.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use crate::top;

/// Folders that are not copied: builds, installed packages and data.
const SKIPPED: [&str; 6] = [".git", ".local", ".venv", "dist", "node_modules", "target"];

/// A copy of the project, which is deleted with the value.
pub struct Copy {
    pub folder: PathBuf,
    target: PathBuf,
}

impl Copy {
    /// Copies the project. The build starts with the compiled dependencies of this one.
    pub fn make(name: &str) -> Self {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let copy = Self { folder: scratch.join("project"), target: scratch.join("target") };
        copy.remove();
        copy_folder(top(), &copy.folder);
        let build = Path::new(env!("CARGO_BIN_EXE_local")).parent().expect("programs are in a folder");
        for folder in [".fingerprint", "build", "deps"] {
            copy_build(&build.join(folder), &copy.target.join("debug").join(folder));
        }
        copy
    }

    /// Runs a shell command of a guide in the copy, and returns its output.
    pub fn run(&self, command: &str) -> Output {
        // The client's generator needs installed packages, and has its own tests.
        let command = if command == "make contract" { "cargo run --bin contract" } else { command };
        let mut shell = Command::new("sh");
        shell.args(["-euc", command]).current_dir(&self.folder).env("CARGO_TARGET_DIR", &self.target);
        // The copy is in a folder that the repository ignores.
        shell.env("GIT_CEILING_DIRECTORIES", self.folder.parent().unwrap());
        shell.env("CARGO_NET_OFFLINE", "true").env("CARGO_TERM_QUIET", "true");
        // What cargo sets for this test would compile the dependencies again.
        for name in std::env::vars().map(|(name, _)| name) {
            if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "OUT_DIR"].iter().any(|start| name.starts_with(start)) {
                shell.env_remove(name);
            }
        }
        shell.output().unwrap()
    }

    /// Runs a shell command, which must succeed.
    pub fn succeed(&self, command: &str) -> String {
        let output = self.run(command);
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{command}: {text}");
        text
    }

    /// Returns a command that runs one of its programs.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.target.join("debug").join(name));
        command.current_dir(&self.folder);
        command
    }

    /// Returns the text of a file.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.join(path)).expect(path)
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.folder.join(path), text).expect(path);
    }

    /// Returns a generated file.
    pub fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.read(path)).expect(path)
    }

    /// Returns the files that contain a text.
    pub fn files_with(&self, text: &str) -> Vec<PathBuf> {
        files(&self.folder)
            .into_iter()
            .filter(|file| fs::read_to_string(file).is_ok_and(|content| content.contains(text)))
            .collect()
    }

    fn remove(&self) {
        let scratch = self.folder.parent().expect("it is in a folder");
        if scratch.exists() {
            fs::remove_dir_all(scratch).unwrap();
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // A failed test leaves its copy to look into.
        if !std::thread::panicking() {
            self.remove();
        }
    }
}

fn is_skipped(path: &Path) -> bool {
    path.file_name().is_some_and(|name| SKIPPED.iter().any(|skipped| name == *skipped))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| !is_skipped(path));
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn copy_folder(from: &Path, to: &Path) {
    for file in files(from) {
        let copy = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(file, copy).unwrap();
    }
}

/// Copies a folder of a build, except the files of this package. Compiled crates are linked, since they are only read.
fn copy_build(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        let is_own = name.to_string_lossy().replace('-', "_").contains(&env!("CARGO_PKG_NAME").replace('-', "_"));
        let target = to.join(name);
        // A file of a build that runs at the same time can disappear.
        let _ = match (is_own, path.is_dir()) {
            (true, _) => Ok(()),
            (false, true) => {
                copy_build(&path, &target);
                Ok(())
            }
            (false, false) if from.ends_with("deps") => fs::hard_link(&path, &target),
            (false, false) => copy_with_time(&path, &target),
        };
    }
}

/// Copies a file with its time, by which cargo sees that it is up to date.
fn copy_with_time(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    File::options().write(true).open(to)?.set_modified(fs::metadata(from)?.modified()?)
}
