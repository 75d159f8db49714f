//! The source files of a folder, each as text, as tokens, and as the tokens of its product code alone.
//!
//! Product code is what is left when everything under `#[cfg(test)]`, every `tests/` folder and every file that only a
//! `#[cfg(test)] mod name;` includes are taken away. Fakes for the tests of other crates, under `feature = "testing"`, are
//! tests too; the ladder sees to it that product code never turns that feature on.
use crate::lexer::{self, Kind, Token, starts_with};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The attributes of what exists under test only.
const TEST_ONLY: [&str; 2] = ["#[cfg(test)]", "#[cfg(any(test, feature = \"testing\"))]"];

/// One Rust file.
#[derive(Debug)]
pub struct Source {
    /// Its path below the workspace, with `/` between the parts.
    pub path: String,
    /// Its text.
    pub text: String,
    /// All its tokens.
    pub tokens: Vec<Token>,
    /// Those of its product code; empty when the whole file is a test.
    pub product: Vec<Token>,
}

/// Every `.rs` file below `root/folder`, sorted by path. Folders named `target` and hidden ones are left out, and so
/// is every folder below `folder` that holds a manifest of its own, unless `nested`.
///
/// # Errors
/// When a folder or a file cannot be read, or a file is not UTF-8.
pub fn load(root: &Path, folder: &str, nested: bool) -> io::Result<Vec<Source>> {
    let mut paths = Vec::new();
    walk(&root.join(folder), nested, &mut paths)?;
    paths.sort();
    let mut sources = paths.iter().map(|path| read(root, path)).collect::<io::Result<Vec<_>>>()?;
    drop_test_modules(&mut sources);
    Ok(sources)
}

fn walk(folder: &Path, nested: bool, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            let other_crate = path.join("Cargo.toml").exists() && !nested;
            if name != "target" && !name.starts_with('.') && !other_crate {
                walk(&path, nested, paths)?;
            }
        } else if name.ends_with(".rs") {
            paths.push(path);
        }
    }
    Ok(())
}

fn read(root: &Path, path: &Path) -> io::Result<Source> {
    let text = fs::read_to_string(path)?;
    let below = path.strip_prefix(root).unwrap_or(path);
    let path = below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
    Ok(Source::new(path, text))
}

impl Source {
    /// A file with this path below the workspace and this text.
    #[must_use]
    pub fn new(path: String, text: String) -> Self {
        let tokens = lexer::lex(&text);
        let is_test = path.split('/').any(|part| part == "tests" || part == "tests.rs");
        let product = if is_test { Vec::new() } else { without_tests(&tokens) };
        Self { path, text, tokens, product }
    }

    /// The folder in which this file's `mod name;` are looked for.
    fn module_folder(&self) -> String {
        let (folder, file) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        match file {
            "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
            other => format!("{folder}/{}", other.trim_end_matches(".rs")),
        }
    }

    /// The modules in other files that exist under test only.
    fn test_modules(&self) -> Vec<String> {
        let items = (0..self.tokens.len()).filter_map(|at| test_item(&self.tokens[at..]));
        items
            .filter_map(|item| match item.iter().skip_while(|token| !token.kind.is_word("mod")).nth(1) {
                Some(Token { kind: Kind::Word(name), .. })
                    if item.last().is_some_and(|last| last.kind.is(';')) =>
                {
                    Some(name)
                }
                _ => None,
            })
            .map(|name| format!("{}/{name}", self.module_folder()))
            .collect()
    }
}

fn drop_test_modules(sources: &mut [Source]) {
    let modules: Vec<String> = sources.iter().flat_map(Source::test_modules).collect();
    for source in sources {
        let stem = source.path.trim_end_matches(".rs");
        if modules.iter().any(|module| stem == module || source.path.starts_with(&format!("{module}/"))) {
            source.product.clear();
        }
    }
}

/// The tokens that remain when each item of a test is dropped.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if let Some(item) = test_item(&tokens[at..]) {
            at += item.len();
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// The item that begins here, its attribute included, if it exists under test only.
fn test_item(tokens: &[Token]) -> Option<&[Token]> {
    if !tokens.first()?.kind.is('#') {
        return None;
    }
    let attribute = TEST_ONLY.iter().find(|attribute| starts_with(tokens, attribute))?;
    let attribute = lexer::lex(attribute).len();
    Some(&tokens[..attribute + item_len(&tokens[attribute..])])
}

/// How many tokens the item at the start of `tokens` has: up to its `;` or the end of its braces.
fn item_len(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Punct('{' | '(' | '[') => depth += 1,
            Kind::Punct('}') if depth <= 1 => return at + 1,
            Kind::Punct('}' | ')' | ']') => depth = depth.saturating_sub(1),
            Kind::Punct(';') if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &Source) -> Vec<&str> {
        let words = source.product.iter().filter_map(|token| match &token.kind {
            Kind::Word(word) => Some(word.as_str()),
            _ => None,
        });
        words.collect()
    }

    #[test]
    fn items_under_cfg_test_are_no_product() {
        let text = "#[cfg(test)] extern crate std; fn a() {} #[cfg(test)] #[allow(x)] mod tests { fn b() { c() } } fn d() {}";
        let source = Source::new("core/x/src/lib.rs".into(), text.into());
        assert_eq!(words(&source), ["fn", "a", "fn", "d"]);
    }

    #[test]
    fn files_that_only_tests_include_are_no_product() {
        let lib = "mod kept; #[cfg(test)] mod oracle; #[cfg(any(test, feature = \"testing\"))] pub mod fake;";
        let lib = Source::new("core/x/src/lib.rs".into(), lib.into());
        let fake = Source::new("core/x/src/fake.rs".into(), "extern crate std;".into());
        let kept = Source::new("core/x/src/kept.rs".into(), "#[cfg(test)] mod fixture; fn a() {}".into());
        let oracle = Source::new("core/x/src/oracle.rs".into(), "use std::fs;".into());
        let fixture = Source::new("core/x/src/kept/fixture.rs".into(), "use std::fs;".into());
        let integration = Source::new("core/x/tests/all.rs".into(), "use std::fs;".into());
        let mut sources = [lib, kept, fake, oracle, fixture, integration];
        drop_test_modules(&mut sources);
        let sizes = sources.iter().map(|source| source.product.is_empty());
        assert_eq!(sizes.collect::<Vec<_>>(), [false, false, true, true, true, true]);
    }

    #[test]
    fn folders_with_their_own_manifest_belong_to_another_crate() -> io::Result<()> {
        let root = tempfile::tempdir()?;
        for folder in ["x/src", "x/inner/src", "x/target", "x/.git"] {
            fs::create_dir_all(root.path().join(folder))?;
            fs::write(root.path().join(folder).join("a.rs"), "//! a")?;
        }
        fs::write(root.path().join("x/inner/Cargo.toml"), "")?;
        let paths = |nested| {
            load(root.path(), "x", nested).map(|all| all.into_iter().map(|s| s.path).collect::<Vec<_>>())
        };
        assert_eq!(paths(false)?, ["x/src/a.rs"]);
        assert_eq!(paths(true)?, ["x/inner/src/a.rs", "x/src/a.rs"]);
        Ok(())
    }
}
