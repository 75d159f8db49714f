//! Somebody else's implementations beside the calculator, on random inputs: each script of `xtask/foreign/differential` compares one topic.
//!
//! ```text
//!   TOPIC.py  SYMBOLON SEED   in the environment of xtask/foreign/requirements.txt
//!   TOPIC.mjs SYMBOLON SEED   beside the packages of xtask/foreign/differential/package-lock.json
//! ```
//! **Invariant:** every script there runs; the first difference ends the step, and the seed that gives it again was printed before.
use crate::workspace::Workspace;
use crate::{debian, node, process, python};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const FOLDER: &str = "xtask/foreign/differential";
const REQUIREMENTS: &str = "xtask/foreign/requirements.txt";

/// Runs all scripts on new inputs.
///
/// # Errors
/// What is missing, or the script that found a difference.
pub fn check(workspace: &Workspace) -> Result<(), String> {
    let (root, target) = (&workspace.root, &workspace.target);
    let symbolon = target.join("ci/symbolon");
    if !symbolon.exists() {
        return Err("there is no ci/symbolon to compare: run `cargo xtask ci --only tour` first".to_owned());
    }
    // For the statement of the acquirer's link.
    debian::install(root, "xmllint", has_xmllint, &["libxml2-utils"])?;
    let folder = root.join(FOLDER);
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()).to_string();
    println!("seed {seed}");
    let interpreter = python::environment(root, target, &root.join(REQUIREMENTS))?;
    for script in scripts(&folder, "py")? {
        let mut run = process::command(&interpreter, root);
        process::run(run.env("PYTHONDONTWRITEBYTECODE", "1").arg(script).arg(&symbolon).arg(&seed))?;
    }
    let beside = node::environment(root, target, &folder)?;
    for script in scripts(&beside, "mjs")? {
        process::run(process::command("node", root).arg(script).arg(&symbolon).arg(&seed))?;
    }
    Ok(())
}

fn has_xmllint(root: &Path) -> bool {
    process::succeeds(process::command("xmllint", root).arg("--version"))
}

/// The scripts of a folder by their ending, in the order of their names. None is a fault: then nothing would be compared.
fn scripts(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, String> {
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    let entries = fs::read_dir(folder).map_err(told)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = entries.collect::<Result<_, _>>().map_err(told)?;
    paths.retain(|path| path.extension().is_some_and(|end| end == ending));
    paths.sort();
    if paths.is_empty() {
        Err(format!("{}: no script ends in .{ending}", folder.display()))
    } else {
        Ok(paths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_scripts_is_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("b.py"), "").unwrap();
        fs::write(folder.path().join("a.py"), "").unwrap();
        let names: Vec<_> = scripts(folder.path(), "py").unwrap();
        assert_eq!(names, [folder.path().join("a.py"), folder.path().join("b.py")]);
        assert!(scripts(folder.path(), "mjs").unwrap_err().contains("no script ends in .mjs"));
    }
}
