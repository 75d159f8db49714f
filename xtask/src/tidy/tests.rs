//! Each house rule: a workspace that keeps it, and the one change that breaks it.
use super::*;
use tempfile::TempDir;

const LIB: &str = "//! Types.\n#![no_std]\n#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, \
    clippy::indexing_slicing, clippy::as_conversions, clippy::arithmetic_side_effects, clippy::float_arithmetic))]\n\
    #[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
const MANIFEST: &str = "[package]\nname = \"x\"\n[lints]\nworkspace = true\n";
const PROOF: &str = "[dependencies]\nsymbolon-types = { path = \"../../core/types\" }\n";

/// A small workspace that keeps every rule.
struct World {
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        world.write("core/types/src/lib.rs", LIB);
        world.write("core/types/Cargo.toml", MANIFEST);
        world.write("core/clippy.toml", "a = 1");
        world.write("systems/clippy.toml", "a = 1");
        world.write("cli/src/main.rs", "//! The binary.\nuse std::fs;\n");
        world.write("cli/Cargo.toml", MANIFEST);
        world.write("xtask/no-std-proof/Cargo.toml", PROOF);
        world.write("xtask/no-std-proof/src/lib.rs", "//! Proof.\nextern crate symbolon_types as _;\n");
        world.write(
            "ARCHITECTURE.md",
            "| `core/types` | types |\n- `cli` the binary\n`core/types/src/lib.rs` starts\n",
        );
        world.write("CHANGELOG.md", "");
        world
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn faults(&self) -> Vec<String> {
        let one = |name: &str, path: &str| Crate { name: name.into(), path: path.into(), uses: Vec::new() };
        let root = self.folder.path().to_path_buf();
        let crates = vec![one("symbolon-cli", "cli"), one("symbolon-types", "core/types")];
        check(&Workspace { target: root.join("target"), root, crates }).unwrap()
    }
}

/// The one fault when the file at `path` has this text.
fn check_change(path: &str, text: &str, expect: &str) {
    let world = World::new();
    assert_eq!(world.faults(), [""; 0]);
    world.write(path, text);
    assert_eq!(world.faults(), [expect]);
}

#[test]
fn a_file_opens_with_its_purpose() {
    check_change("cli/src/run.rs", "fn run() {}\n", "cli/src/run.rs:1: must open with //!");
}

#[test]
fn a_file_has_at_most_600_lines() {
    let lines = |count| "//! Long.\n".repeat(count);
    let world = World::new();
    world.write("cli/src/run.rs", &lines(600));
    assert_eq!(world.faults(), [""; 0]);
    check_change("cli/src/run.rs", &lines(601), "cli/src/run.rs: has 601 lines, at most 600 are allowed");
}

#[test]
fn open_ends_are_refused_in_code_and_allowed_in_prose() {
    let world = World::new();
    world.write(
        "cli/src/run.rs",
        "//! Says todo!() and #[ignore] in prose.\nconst A: &str = \"unimplemented!()\";\n",
    );
    assert_eq!(world.faults(), [""; 0]);
    check_change("cli/src/run.rs", "//! A.\nfn a() { todo!() }\n", "cli/src/run.rs:2: todo! is not allowed");
    check_change(
        "cli/src/run.rs",
        "//! A.\nfn a() { unimplemented!() }\n",
        "cli/src/run.rs:2: unimplemented! is not allowed",
    );
    check_change(
        "cli/tests/a.rs",
        "//! A.\n#[test]\n#[ignore]\nfn a() {}\n",
        "cli/tests/a.rs:3: #[ignore is not allowed",
    );
    check_change(
        "cli/src/run.rs",
        &format!("//! A.\n// {FIX_ME}\n"),
        &format!("cli/src/run.rs:2: {FIX_ME} is not allowed"),
    );
}

#[test]
fn a_manifest_inherits_the_lints() {
    let expect = "cli/Cargo.toml: must say [lints] workspace = true";
    check_change("cli/Cargo.toml", "[package]\nname = \"x\"\n", expect);
    check_change("cli/Cargo.toml", "[lints]\nworkspace = false\n", expect);
}

#[test]
fn a_pure_crate_is_no_std_always() {
    let expect = "core/types/src/lib.rs: must say #![no_std]";
    check_change("core/types/src/lib.rs", &LIB.replace("#![no_std]\n", ""), expect);
    check_change("core/types/src/lib.rs", &LIB.replace("#![no_std]", "// #![no_std]"), expect);
    check_change(
        "core/types/src/lib.rs",
        &LIB.replace("#![no_std]", "#![cfg_attr(not(test), no_std)]"),
        expect,
    );
}

#[test]
fn a_pure_crate_denies_each_lint() {
    for lint in PURE_LINTS {
        let text = LIB.replace(&format!("clippy::{lint}"), "clippy::all");
        check_change(
            "core/types/src/lib.rs",
            &text,
            &format!("core/types/src/lib.rs: must deny clippy::{lint} outside tests"),
        );
    }
}

#[test]
fn a_pure_crate_uses_std_in_tests_only() {
    check_change(
        "core/types/src/time.rs",
        "//! Time.\nuse std::time::Instant;\n",
        "core/types/src/time.rs:2: uses std, which only tests may",
    );
    let world = World::new();
    world.write("core/types/tests/time.rs", "//! Time.\nuse std::time::Instant;\n");
    assert_eq!(world.faults(), [""; 0]);
}

#[test]
fn the_architecture_names_exactly_the_crates() {
    check_change("ARCHITECTURE.md", "- `cli` the binary\n", "ARCHITECTURE.md: has no row for `core/types`");
    check_change(
        "ARCHITECTURE.md",
        "- `cli`\n- `core/types`\n- `core/chain`\n",
        "ARCHITECTURE.md: names `core/chain`, which is no crate",
    );
    let long = format!("- `cli`\n- `core/types`\n{}", "\n".repeat(298));
    check_change("ARCHITECTURE.md", &long, "ARCHITECTURE.md: must have fewer than 300 lines");
}

#[test]
fn the_changelog_is_there() {
    let world = World::new();
    fs::remove_file(world.folder.path().join("CHANGELOG.md")).unwrap();
    assert_eq!(world.faults(), ["CHANGELOG.md: is missing"]);
}

#[test]
fn the_proof_links_every_pure_crate() {
    let folder = "xtask/no-std-proof";
    check_change(
        &format!("{folder}/Cargo.toml"),
        "[dependencies]\n",
        "xtask/no-std-proof/Cargo.toml: must depend on symbolon-types by path",
    );
    check_change(
        &format!("{folder}/src/lib.rs"),
        "//! Proof.\n",
        "xtask/no-std-proof/src/lib.rs: must say extern crate symbolon_types as _;",
    );
}

#[test]
fn pure_groups_share_one_clippy_configuration() {
    check_change("systems/clippy.toml", "a = 2", "systems/clippy.toml: must equal core/clippy.toml");
}

#[test]
fn registries_are_part_of_it() {
    let text = "//! R.\nrefusals! { pub enum E { 1 A \"A\" \"a\", 1 B \"B\" \"b\", } }\n";
    check_change("cli/src/run.rs", text, "refusal 1 is both A (cli) and B (cli)");
}
