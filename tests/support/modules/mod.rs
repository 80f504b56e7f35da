//! The modules of the project's crates, and the file that defines each name that they use.

mod parse;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use parse::Source;

/// The maximum number of re-exports between the use of a name and its definition.
const MAX_REEXPORTS: usize = 16;

/// The modules of one or more crates.
#[derive(Default)]
pub struct Modules {
    modules: Vec<Module>,
    /// The root module of each library, by the name of the crate.
    libraries: BTreeMap<String, usize>,
}

/// One module, which is one file.
pub struct Module {
    /// The file.
    pub file: PathBuf,
    /// The names of the modules from the root, without the crate.
    pub path: Vec<String>,
    parent: Option<usize>,
    root: usize,
    children: BTreeMap<String, usize>,
    source: Source,
}

/// The target of a path.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Target {
    /// A module itself.
    Module(usize),
    /// An item that the module defines.
    ItemIn(usize),
}

impl Modules {
    /// Adds the crates of a package: its library, its programs, and the benchmarks in the given files.
    pub fn add_package(&mut self, folder: &Path, benches: &[&str]) {
        let manifest: toml::Table = fs::read_to_string(folder.join("Cargo.toml")).unwrap().parse().unwrap();
        let name = manifest["package"]["name"].as_str().unwrap().replace('-', "_");
        let library = folder.join("src/lib.rs");
        if library.exists() {
            let root = self.add_crate(&library);
            self.libraries.insert(name, root);
        }
        let mut roots = vec![folder.join("src/main.rs")];
        for entry in fs::read_dir(folder.join("src/bin")).into_iter().flatten() {
            let path = entry.unwrap().path();
            roots.push(if path.is_dir() { path.join("main.rs") } else { path });
        }
        roots.extend(benches.iter().map(|file| folder.join(file)));
        for root in roots.iter().filter(|root| root.exists()) {
            self.add_crate(root);
        }
    }

    /// Adds a crate and returns its root module.
    pub fn add_crate(&mut self, root: &Path) -> usize {
        let place = self.modules.len();
        self.add(root.to_owned(), &root.with_file_name(""), Vec::new(), None, place);
        place
    }

    /// Adds a module whose children are in `folder`.
    fn add(&mut self, file: PathBuf, folder: &Path, path: Vec<String>, parent: Option<usize>, root: usize) {
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let place = self.modules.len();
        let source = Source::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let children = source.modules.clone();
        self.modules.push(Module { file, path, parent, root, children: BTreeMap::new(), source });
        for (name, given) in children {
            let own = folder.join(&name);
            let (file, folder) = match given {
                Some(given) => {
                    let file = self.modules[place].file.with_file_name(&given).canonicalize().unwrap();
                    let folder = file.with_file_name("");
                    (file, folder)
                }
                None if own.with_extension("rs").exists() => (own.with_extension("rs"), own),
                None => (own.join("mod.rs"), own),
            };
            let path = [self.modules[place].path.clone(), vec![name.clone()]].concat();
            let child = self.modules.len();
            self.modules[place].children.insert(name, child);
            self.add(file, &folder, path, Some(place), root);
        }
    }

    /// Returns every pair of a module and a module that it uses: by an item, or only by its name if `with_names`.
    pub fn uses(&self, with_names: bool) -> BTreeSet<(usize, usize)> {
        let mut uses = BTreeSet::new();
        for (place, module) in self.modules.iter().enumerate() {
            let imported = module.source.uses.iter().map(|import| &import.path);
            for path in imported.chain(&module.source.paths) {
                match self.resolve(place, path, 0) {
                    Some(Target::ItemIn(other)) => drop(uses.insert((place, other))),
                    Some(Target::Module(other)) if with_names => drop(uses.insert((place, other))),
                    _ => {}
                }
            }
        }
        uses.retain(|(user, used)| user != used);
        uses
    }

    /// Returns the pairs of files that use items of each other.
    pub fn cycles(&self) -> Vec<(&Path, &Path)> {
        let uses = self.uses(false);
        let files: BTreeSet<_> = uses.iter().map(|(user, used)| (self.file(*user), self.file(*used))).collect();
        files.iter().filter(|(user, used)| user < used && files.contains(&(used, user))).copied().collect()
    }

    /// Returns true if a module belongs to the library with this name.
    pub fn is_in_library(&self, place: usize, name: &str) -> bool {
        self.libraries.get(name) == Some(&self.modules[place].root)
    }

    /// Returns the modules that a library's root declares.
    pub fn tops(&self, library: &str) -> BTreeSet<&str> {
        let modules = self.modules.iter().enumerate().filter(|(place, _)| self.is_in_library(*place, library));
        modules.filter_map(|(_, module)| module.top()).collect()
    }

    /// Returns a module.
    pub fn module(&self, place: usize) -> &Module {
        &self.modules[place]
    }

    /// Returns the file of every module.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.modules.iter().map(|module| module.file.as_path())
    }

    fn file(&self, place: usize) -> &Path {
        &self.modules[place].file
    }

    /// Returns the target of a path in a module, or `None` if it leads out of the crates.
    fn resolve(&self, place: usize, path: &[String], depth: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let last = path.len() - 1;
        let start = match first.as_str() {
            "crate" => Target::Module(self.modules[place].root),
            "self" => Target::Module(place),
            "super" => Target::Module(self.modules[place].parent?),
            name => match self.lookup(place, name, last == 0, depth) {
                Some(target) => target,
                None => Target::Module(*self.libraries.get(name).filter(|_| !rest.is_empty())?),
            },
        };
        (1..).zip(rest).try_fold(start, |target, (index, name)| match target {
            Target::ItemIn(_) => Some(target),
            Target::Module(place) if name == "super" => self.modules[place].parent.map(Target::Module),
            Target::Module(place) if name == "self" => Some(Target::Module(place)),
            Target::Module(place) => {
                let target = self.lookup(place, name, index == last, depth);
                // A name that is not imported is defined here, for example by a macro.
                target.or_else(|| (!self.modules[place].source.imports(name)).then_some(Target::ItemIn(place)))
            }
        })
    }

    /// Returns the target of a name in a module: a child, an item, or the target of an import. At the end of a path, an
    /// item comes before a child with the same name.
    fn lookup(&self, place: usize, name: &str, is_last: bool, depth: usize) -> Option<Target> {
        let module = &self.modules[place];
        let child = module.children.get(name).map(|child| Target::Module(*child));
        if depth == MAX_REEXPORTS || child.is_some() && !is_last {
            return child;
        }
        if module.source.items.contains(name) {
            return Some(Target::ItemIn(place));
        }
        let imports = |wanted: Option<&str>| {
            let imports = module.source.uses.iter().filter(move |import| import.name.as_deref() == wanted);
            imports.filter_map(move |import| self.resolve(place, &import.path, depth + 1)).collect::<Vec<_>>()
        };
        let from_globs = || {
            imports(None).into_iter().find_map(|target| match target {
                Target::Module(other) => self.lookup(other, name, is_last, depth + 1),
                Target::ItemIn(_) => None,
            })
        };
        imports(Some(name)).first().copied().or(child).or_else(from_globs)
    }
}

impl Module {
    /// Returns the name of the module of `lib.rs` that this one belongs to.
    pub fn top(&self) -> Option<&str> {
        self.path.first().map(String::as_str)
    }
}
