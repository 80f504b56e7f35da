//! The recipes of a guide: its code blocks, executed in order.
//!
//! A block `sh` is run. A block of another language with a path is the content of that file. A block `diff` with a path
//! changes the file: its lines that begin with a space or a minus are found once, and replaced by those that begin with a
//! space or a plus.

use crate::copy::Copy;

/// A code block of a guide.
pub struct Block {
    language: String,
    /// The path after the language.
    path: Option<String>,
    text: String,
}

/// Returns the code blocks of a section of a guide.
pub fn blocks(guide: &str, section: &str) -> Vec<Block> {
    let (_, rest) = guide.split_once(&format!("\n## {section}\n")).expect(section);
    let section = rest.split("\n## ").next().unwrap_or_default();
    section.split("\n```").skip(1).step_by(2).map(Block::read).collect()
}

impl Block {
    fn read(text: &str) -> Self {
        let (head, text) = text.split_once('\n').expect("a block has lines");
        let (language, path) = head.split_once(' ').map_or((head, None), |(language, path)| (language, Some(path)));
        Self { language: language.into(), path: path.map(Into::into), text: format!("{text}\n") }
    }

    /// Executes the block in a copy of the project.
    pub fn apply(&self, copy: &Copy) {
        match (self.language.as_str(), &self.path) {
            ("sh", None) => self.text.lines().for_each(|line| drop(copy.succeed(line))),
            ("diff", Some(path)) => copy.write(path, &self.changed(path, &copy.read(path))),
            (_, Some(path)) => copy.write(path, &self.text),
            (language, None) => panic!("a block in {language} has no path"),
        }
    }

    fn changed(&self, path: &str, text: &str) -> String {
        let side = |sign: char| -> String {
            let lines = self.text.lines().filter(|line| line.starts_with([' ', sign]) || line.is_empty());
            lines.map(|line| format!("{}\n", line.get(1..).unwrap_or_default())).collect()
        };
        let (old, new) = (side('-'), side('+'));
        assert_eq!(text.matches(&old).count(), 1, "{path} must have these lines once:\n{old}");
        text.replace(&old, &new)
    }
}
