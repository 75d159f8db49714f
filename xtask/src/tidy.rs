//! The house rules that no compiler checks.
//!
//! Every file: opens with `//!`, at most 600 lines, no open ends. Every crate: the workspace's lints. Pure crates:
//! `no_std`, the deny block, no word of `std`. The whole: ARCHITECTURE.md names the crates there are, CHANGELOG.md is
//! there, the no_std proof links every pure crate, core and systems share one `clippy.toml`, and the registries hold.
use crate::lexer::{Kind, starts_with};
use crate::registry::Registry;
use crate::source::{self, Source};
use crate::workspace::{Crate, Workspace};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

/// The most lines a Rust file may have.
const LINES_MAX: usize = 600;
/// The most lines ARCHITECTURE.md may have.
const ARCHITECTURE_LINES_MAX: usize = 300;
/// What a pure crate denies outside its tests.
pub const PURE_LINTS: [&str; 7] = [
    "unwrap_used",
    "expect_used",
    "panic",
    "indexing_slicing",
    "as_conversions",
    "arithmetic_side_effects",
    "float_arithmetic",
];
/// What may not stand in product code or tests, as tokens and as it is written.
const OPEN_ENDS: [&str; 3] = ["todo !", "unimplemented !", "# [ ignore"];
/// A word that marks unfinished work, split so that this line is not one.
const FIX_ME: &str = concat!("FIX", "ME");

/// Every break of the house rules, as sentences.
///
/// # Errors
/// When a file that must be there to be judged cannot be read.
pub fn check(workspace: &Workspace) -> io::Result<Vec<String>> {
    let mut faults = Vec::new();
    let mut registry = Registry::default();
    for one in &workspace.crates {
        let sources = source::load(&workspace.root, &one.path, one.path == "xtask")?;
        sources.iter().for_each(|source| check_file(source, &mut faults));
        check_manifest(&workspace.root, one, &mut faults);
        if one.is_pure() {
            check_pure(one, &sources, &mut faults);
        }
        registry.add(one, &sources);
    }
    faults.extend(registry.check());
    check_architecture(workspace, &mut faults);
    check_proof(workspace, &mut faults);
    check_clippy(&workspace.root, &mut faults);
    if !workspace.root.join("CHANGELOG.md").exists() {
        faults.push("CHANGELOG.md: is missing".to_owned());
    }
    Ok(faults)
}

fn check_file(source: &Source, faults: &mut Vec<String>) {
    let path = &source.path;
    if !source.text.starts_with("//!") {
        faults.push(format!("{path}:1: must open with //!"));
    }
    let lines = source.text.lines().count();
    if lines > LINES_MAX {
        faults.push(format!("{path}: has {lines} lines, at most {LINES_MAX} are allowed"));
    }
    for (at, token) in source.tokens.iter().enumerate() {
        for end in OPEN_ENDS.iter().filter(|end| starts_with(&source.tokens[at..], end)) {
            faults.push(format!("{path}:{}: {} is not allowed", token.line, end.replace(' ', "")));
        }
    }
    for (number, _) in (1..).zip(source.text.lines()).filter(|(_, line)| line.contains(FIX_ME)) {
        faults.push(format!("{path}:{number}: {FIX_ME} is not allowed"));
    }
}

fn check_manifest(root: &Path, one: &Crate, faults: &mut Vec<String>) {
    let path = format!("{}/Cargo.toml", one.path);
    match read_toml(root, &path) {
        Ok(manifest) => {
            let inherits =
                manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
            if inherits != Some(true) {
                faults.push(format!("{path}: must say [lints] workspace = true"));
            }
        }
        Err(fault) => faults.push(fault),
    }
}

fn check_pure(one: &Crate, sources: &[Source], faults: &mut Vec<String>) {
    let path = format!("{}/src/lib.rs", one.path);
    let Some(lib) = sources.iter().find(|source| source.path == path) else {
        faults.push(format!("{path}: is missing"));
        return;
    };
    if !(0..lib.product.len()).any(|at| starts_with(&lib.product[at..], "# ! [ no_std ]")) {
        faults.push(format!("{path}: must say #![no_std]"));
    }
    let denied = denied_lints(lib);
    for lint in PURE_LINTS.iter().filter(|lint| !denied.contains(**lint)) {
        faults.push(format!("{path}: must deny clippy::{lint} outside tests"));
    }
    for source in sources {
        for token in source.product.iter().filter(|token| token.kind.is_word("std")) {
            faults.push(format!("{}:{}: uses std, which only tests may", source.path, token.line));
        }
    }
}

/// The clippy lints in `#![cfg_attr(not(test), deny(…))]`.
fn denied_lints(lib: &Source) -> BTreeSet<&str> {
    let tokens = &lib.product;
    let open =
        (0..tokens.len()).find(|at| starts_with(&tokens[*at..], "# ! [ cfg_attr ( not ( test ) , deny ("));
    let block = open.map_or(&[][..], |at| &tokens[at..]);
    let inside = block.iter().take_while(|token| !token.kind.is(']'));
    inside
        .filter_map(|token| match &token.kind {
            Kind::Word(word) => Some(word.as_str()),
            _ => None,
        })
        .collect()
}

fn check_architecture(workspace: &Workspace, faults: &mut Vec<String>) {
    let Ok(text) = fs::read_to_string(workspace.root.join("ARCHITECTURE.md")) else {
        faults.push("ARCHITECTURE.md: is missing".to_owned());
        return;
    };
    if text.lines().count() >= ARCHITECTURE_LINES_MAX {
        faults.push(format!("ARCHITECTURE.md: must have fewer than {ARCHITECTURE_LINES_MAX} lines"));
    }
    let named: BTreeSet<&str> = text.lines().filter_map(row_crate).collect();
    let there: BTreeSet<&str> = workspace.crates.iter().map(|one| one.path.as_str()).collect();
    faults.extend(there.difference(&named).map(|path| format!("ARCHITECTURE.md: has no row for `{path}`")));
    faults.extend(
        named.difference(&there).map(|path| format!("ARCHITECTURE.md: names `{path}`, which is no crate")),
    );
}

/// The crate that a row of a table or list begins with: `core/types` in backticks, and not a file inside it.
fn row_crate(line: &str) -> Option<&str> {
    let row = line.trim_start().trim_start_matches(['|', '-', '*', '#']).trim_start();
    let (path, _) = row.strip_prefix('`')?.split_once('`')?;
    let is_crate = match path.split_once('/') {
        Some((group, name)) => {
            matches!(group, "core" | "systems" | "node" | "devices")
                && !name.is_empty()
                && !name.contains(['/', '*', '<'])
        }
        None => matches!(path, "cli" | "sim" | "xtask"),
    };
    is_crate.then_some(path)
}

/// The proof must link exactly the pure crates: its manifest names them and its source pulls each in.
fn check_proof(workspace: &Workspace, faults: &mut Vec<String>) {
    let folder = "xtask/no-std-proof";
    let source = fs::read_to_string(workspace.root.join(folder).join("src/lib.rs")).unwrap_or_default();
    let manifest = match read_toml(&workspace.root, &format!("{folder}/Cargo.toml")) {
        Ok(manifest) => manifest,
        Err(fault) => return faults.push(fault),
    };
    for one in workspace.crates.iter().filter(|one| one.is_pure()) {
        let dependency = manifest.get("dependencies").and_then(|all| all.get(&one.name));
        if dependency.and_then(|entry| entry.get("path")?.as_str()) != Some(&format!("../../{}", one.path)) {
            faults.push(format!("{folder}/Cargo.toml: must depend on {} by path", one.name));
        }
        if !source.contains(&format!("extern crate {} as _;", one.name.replace('-', "_"))) {
            faults.push(format!(
                "{folder}/src/lib.rs: must say extern crate {} as _;",
                one.name.replace('-', "_")
            ));
        }
    }
}

/// Clippy takes the nearest `clippy.toml` alone, so the two pure groups must have the same one.
fn check_clippy(root: &Path, faults: &mut Vec<String>) {
    let core = fs::read_to_string(root.join("core/clippy.toml"));
    let systems = fs::read_to_string(root.join("systems/clippy.toml"));
    match (core, systems) {
        (Ok(core), Ok(systems)) if core == systems => {}
        (Ok(_), Ok(_)) => faults.push("systems/clippy.toml: must equal core/clippy.toml".to_owned()),
        _ => faults.push("core/clippy.toml and systems/clippy.toml: both must be there".to_owned()),
    }
}

fn read_toml(root: &Path, path: &str) -> Result<toml::Table, String> {
    let text = fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"))?;
    text.parse().map_err(|error| format!("{path}: {error}"))
}

#[cfg(test)]
mod tests;
