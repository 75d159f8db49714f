//! The lints are shown to bite: a crate that breaks each is refused by name, and its clean twin is accepted.
//!
//! ```text
//! target/lints-bite/            a workspace with this workspace's lints and the root's clippy.toml
//! ├── core/clippy.toml          a copy of core/clippy.toml
//! ├── core/clean                accepted
//! ├── core/breaks               refused once for each of EXPECTED
//! ├── node/clock                accepted: the edge may read the clock
//! └── getrandom                 stands in for the crate of that name
//! ```
//! The folders mirror ours because clippy takes the nearest `clippy.toml` above a crate.
use crate::process;
use crate::tidy::PURE_LINTS;
use crate::workspace::Workspace;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Each lint with the code that breaks it.
const EXPECTED: [(&str, &str); 15] = [
    ("clippy::unwrap_used", "pub fn a(x: Option<u8>) -> u8 { x.unwrap() }"),
    ("clippy::expect_used", "pub fn b(x: Option<u8>) -> u8 { x.expect(\"some\") }"),
    ("clippy::panic", "pub fn c() { panic!(\"never\") }"),
    ("clippy::indexing_slicing", "pub fn d(x: &[u8], at: usize) -> u8 { x[at] }"),
    ("clippy::as_conversions", "pub fn e(x: u32) -> u8 { x as u8 }"),
    ("clippy::arithmetic_side_effects", "pub fn f(x: u32, y: u32) -> u32 { x + y }"),
    ("clippy::float_arithmetic", "pub fn g(x: f64, y: f64) -> f64 { x * y }"),
    ("clippy::disallowed_methods", "pub fn h() -> std::time::SystemTime { std::time::SystemTime::now() }"),
    ("clippy::disallowed_methods", "pub fn i() -> std::time::Instant { std::time::Instant::now() }"),
    ("clippy::disallowed_methods", "pub fn j(out: &mut [u8]) { getrandom::fill(out) }"),
    ("clippy::todo", "pub fn k() { TODO }"),
    ("clippy::unimplemented", "pub fn l() { UNIMPLEMENTED }"),
    ("clippy::dbg_macro", "pub fn m(x: u8) -> u8 { dbg!(x) }"),
    ("unsafe_code", "pub fn n() { unsafe {} }"),
    ("clippy::float_cmp", "pub fn o(x: f64, y: f64) -> bool { x == y }"),
];

/// What the refusals of `disallowed_methods` must name.
const METHODS: [&str; 3] = ["std::time::SystemTime::now", "std::time::Instant::now", "getrandom::fill"];

/// Builds the small workspace and has clippy judge it.
///
/// # Errors
/// When a lint does not bite, or clippy refuses what is clean.
pub fn check(workspace: &Workspace) -> Result<(), String> {
    let folder = workspace.target.join("lints-bite");
    lay_out(&workspace.root, &folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for clean in ["clean", "clock"] {
        process::run(clippy(&folder, clean).args(["--", "-D", "warnings"]))?;
    }
    let refused = process::captured(clippy(&folder, "breaks").args([
        "--message-format",
        "json",
        "--",
        "-D",
        "warnings",
    ]))?;
    if refused.status.success() {
        return Err("clippy accepted a crate that breaks every rule".to_owned());
    }
    let (codes, messages) = diagnostics(&String::from_utf8_lossy(&refused.stdout));
    let missing = missing(&codes, &messages);
    if missing.is_empty() {
        println!("each bites: {}", codes.into_iter().collect::<Vec<_>>().join(", "));
        return Ok(());
    }
    Err(format!("these do not bite: {}\n{}", missing.join(", "), String::from_utf8_lossy(&refused.stderr)))
}

fn clippy(folder: &Path, package: &str) -> std::process::Command {
    let mut command = process::cargo(folder);
    command
        .args(["clippy", "--quiet", "--offline", "--package", package, "--target-dir"])
        .arg(folder.join("target"));
    command
}

fn lay_out(root: &Path, folder: &Path) -> Result<(), String> {
    let write = |path: &str, text: &str| {
        let path: PathBuf = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&path))
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| error.to_string())
    };
    let copy = |path: &str| fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"));
    write("Cargo.toml", &manifest(&copy("Cargo.toml")?)?)?;
    write("clippy.toml", &copy("clippy.toml")?)?;
    write("core/clippy.toml", &copy("core/clippy.toml")?)?;
    write("core/clean/Cargo.toml", &member("clean", ""))?;
    write(
        "core/clean/src/lib.rs",
        &format!("{}\n/// Adds.\npub fn add(x: u32, y: u32) -> Option<u32> {{ x.checked_add(y) }}\n", head()),
    )?;
    write("core/breaks/Cargo.toml", &member("breaks", "getrandom = { path = \"../../getrandom\" }"))?;
    write("core/breaks/src/lib.rs", &breaks())?;
    write("node/clock/Cargo.toml", &member("clock", ""))?;
    write(
        "node/clock/src/lib.rs",
        "//! Reads the clock.\n/// Now.\npub fn now() -> std::time::SystemTime { std::time::SystemTime::now() }\n",
    )?;
    write("getrandom/Cargo.toml", &member("getrandom", ""))?;
    write(
        "getrandom/src/lib.rs",
        "//! Stands in.\n/// Fills.\npub fn fill(out: &mut [u8]) { out.fill(0) }\n/// Draws.\npub fn u32() -> u32 { 0 }\n/// Draws.\npub fn u64() -> u64 { 0 }\n",
    )
}

/// A workspace with the lints of ours.
fn manifest(ours: &str) -> Result<String, String> {
    let ours: toml::Table = ours.parse().map_err(|error| format!("Cargo.toml: {error}"))?;
    let lints = ours
        .get("workspace")
        .and_then(|all| all.get("lints"))
        .ok_or("Cargo.toml has no [workspace.lints]")?;
    let mut workspace = toml::Table::new();
    workspace.insert("resolver".to_owned(), "3".into());
    let members = ["core/clean", "core/breaks", "node/clock", "getrandom"].map(toml::Value::from);
    workspace.insert("members".to_owned(), members.to_vec().into());
    workspace.insert("lints".to_owned(), lints.clone());
    Ok(toml::Table::from_iter([("workspace".to_owned(), workspace.into())]).to_string())
}

fn member(name: &str, dependency: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\
         [lints]\nworkspace = true\n[dependencies]\n{dependency}\n"
    )
}

/// What a pure crate begins with, but for `no_std`: the clock must be there to be refused.
fn head() -> String {
    let lints = PURE_LINTS.map(|lint| format!("clippy::{lint}")).join(", ");
    format!("//! A pure crate.\n#![cfg_attr(not(test), deny({lints}))]\n")
}

fn breaks() -> String {
    let mut text = head();
    for (_, code) in EXPECTED {
        // these two names are put together here because they may not stand in any source
        let code = code
            .replace("UNIMPLEMENTED", concat!("unimpl", "emented!()"))
            .replace("TODO", concat!("to", "do!()"));
        let _ = writeln!(text, "/// Breaks one rule.\n{code}");
    }
    // without a comment, and longer than 70 lines
    let _ = write!(text, "pub fn undocumented() {{\n{}}}\n", "    drop(0_u8);\n".repeat(71));
    text
}

/// The lints that were named, and all messages with their notes.
fn diagnostics(stdout: &str) -> (BTreeSet<String>, String) {
    let mut codes = BTreeSet::new();
    let mut messages = String::new();
    for line in stdout.lines() {
        let Ok(entry) = serde_json::from_str::<Value>(line) else { continue };
        let Some(message) = entry.get("message") else { continue };
        if let Some(code) = message.get("code").and_then(|code| code.get("code")).and_then(Value::as_str) {
            codes.insert(code.to_owned());
        }
        messages.push_str(message.get("rendered").and_then(Value::as_str).unwrap_or_default());
    }
    (codes, messages)
}

fn missing(codes: &BTreeSet<String>, messages: &str) -> Vec<String> {
    let lints = EXPECTED.iter().map(|(lint, _)| *lint).chain(["missing_docs", "clippy::too_many_lines"]);
    let mut missing: Vec<String> = lints.filter(|lint| !codes.contains(*lint)).map(str::to_owned).collect();
    missing.extend(
        METHODS
            .iter()
            .filter(|method| !messages.contains(&format!("`{method}`")))
            .map(|method| (*method).to_owned()),
    );
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(code: &str, rendered: &str) -> String {
        serde_json::json!({ "reason": "compiler-message", "message": { "code": { "code": code }, "rendered": rendered } }).to_string()
    }

    #[test]
    fn a_lint_that_was_not_named_is_missing() {
        let all: Vec<String> = EXPECTED
            .iter()
            .map(|(lint, _)| *lint)
            .chain(["missing_docs", "clippy::too_many_lines"])
            .map(|lint| {
                line(lint, "`std::time::SystemTime::now` `std::time::Instant::now` `getrandom::fill`")
            })
            .collect();
        let (codes, messages) = diagnostics(&all.join("\n"));
        assert_eq!(missing(&codes, &messages), [""; 0]);
        let (codes, messages) = diagnostics(&all[1..].join("\n"));
        assert_eq!(missing(&codes, &messages), ["clippy::unwrap_used"]);
        let (codes, messages) = diagnostics(&all.join("\n").replace("getrandom::fill", "fill"));
        assert_eq!(missing(&codes, &messages), ["getrandom::fill"]);
    }

    #[test]
    fn the_lints_are_those_of_the_workspace() {
        let made = manifest("[workspace.lints.rust]\nunsafe_code = \"forbid\"\n").unwrap();
        assert!(made.contains("unsafe_code = \"forbid\""), "{made}");
        assert!(manifest("[workspace]\n").is_err());
    }
}
