//! The modules, imports, paths and items of one file, from its tokens.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, LexError, TokenStream, TokenTree};

/// The keywords before the name of an item.
const ITEMS: [&str; 9] = ["const", "enum", "fn", "macro_rules", "static", "struct", "trait", "type", "union"];

/// The content of a file.
#[derive(Default)]
pub struct Source {
    /// The declared modules, with the path attribute if there is one.
    pub modules: BTreeMap<String, Option<String>>,
    /// The imports.
    pub uses: Vec<Use>,
    /// The paths of two or more names outside of imports.
    pub paths: BTreeSet<Vec<String>>,
    /// The names of the items.
    pub items: BTreeSet<String>,
}

/// An import or a re-export.
pub struct Use {
    /// The imported name; `None` for `*`.
    pub name: Option<String>,
    /// The path it stands for.
    pub path: Vec<String>,
}

impl Source {
    /// Parses a file. Comments and string literals have no paths.
    pub fn parse(text: &str) -> Result<Self, LexError> {
        let mut source = Self::default();
        source.read(&text.parse::<TokenStream>()?.into_iter().collect::<Vec<_>>(), true);
        Ok(source)
    }

    /// Returns true if a name is imported.
    pub fn imports(&self, name: &str) -> bool {
        self.uses.iter().any(|import| import.name.as_deref() == Some(name))
    }

    /// Reads tokens. Items inside of functions and types are not visible to other files.
    fn read(&mut self, tokens: &[TokenTree], is_top: bool) {
        let mut place = 0;
        while place < tokens.len() {
            let word = word(&tokens[place]);
            match word.as_deref() {
                Some("use") if !is_punct(tokens.get(place + 1), '<') => {
                    let end = place + tokens[place..].iter().position(|token| is_punct(Some(token), ';')).unwrap_or(0);
                    self.read_use(&tokens[place + 1..end], &[]);
                    place = end;
                }
                Some("mod") => {
                    let name = tokens.get(place + 1).and_then(self::word).unwrap_or_default();
                    assert!(is_punct(tokens.get(place + 2), ';'), "the module {name} has no file of its own");
                    self.modules.insert(name, path_attribute(&tokens[..place]));
                    place += 2;
                }
                Some(keyword) if is_top && ITEMS.contains(&keyword) => {
                    let name = place + 1 + usize::from(is_punct(tokens.get(place + 1), '!'));
                    self.items.extend(tokens.get(name).and_then(self::word));
                }
                Some(_) => place = self.read_path(tokens, place),
                None => {
                    if let TokenTree::Group(group) = &tokens[place] {
                        self.read(&group.stream().into_iter().collect::<Vec<_>>(), false);
                    }
                }
            }
            place += 1;
        }
    }

    /// Reads a path that starts at `place`. Returns the place of its last token.
    fn read_path(&mut self, tokens: &[TokenTree], place: usize) -> usize {
        let (mut path, mut last) = (Vec::from_iter(word(&tokens[place])), place);
        while is_separator(tokens, last + 1) {
            let Some(name) = tokens.get(last + 3).and_then(word) else { break };
            path.push(name);
            last += 3;
        }
        if path.len() > 1 {
            self.paths.insert(path);
        }
        last
    }

    /// Reads the tree of an import, which starts with `prefix`.
    fn read_use(&mut self, tokens: &[TokenTree], prefix: &[String]) {
        let (mut path, mut alias, mut place) = (prefix.to_vec(), None, 0);
        while let Some(token) = tokens.get(place) {
            match token {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    let inner: Vec<_> = group.stream().into_iter().collect();
                    inner.split(|token| is_punct(Some(token), ',')).for_each(|part| self.read_use(part, &path));
                    return;
                }
                TokenTree::Punct(punct) if punct.as_char() == '*' => {
                    return self.uses.push(Use { name: None, path });
                }
                TokenTree::Ident(ident) if ident == "as" => {
                    alias = tokens.get(place + 1).and_then(word);
                    break;
                }
                TokenTree::Ident(ident) => path.push(ident.to_string()),
                _ => {}
            }
            place += 1;
        }
        if path.last().is_some_and(|name| name == "self") {
            path.pop();
        }
        let name = alias.or_else(|| path.last().cloned());
        self.uses.extend(name.map(|name| Use { name: Some(name), path }));
    }
}

fn word(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        _ => None,
    }
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn is_separator(tokens: &[TokenTree], place: usize) -> bool {
    is_punct(tokens.get(place), ':') && is_punct(tokens.get(place + 1), ':')
}

/// Returns the value of a `#[path]` attribute at the end of the tokens before a module.
fn path_attribute(before: &[TokenTree]) -> Option<String> {
    let attribute =
        before.iter().rev().take_while(|token| !is_punct(Some(token), ';')).find_map(|token| match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => Some(group.stream().to_string()),
            _ => None,
        })?;
    let value = attribute.strip_prefix("path = \"")?.strip_suffix('"')?;
    Some(value.to_owned())
}
