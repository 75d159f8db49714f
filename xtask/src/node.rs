//! Node.js for the foreign checks: found, or installed where that is allowed, with the packages of one lock file.
use crate::debian;
use crate::process::{self, command, succeeds};
use std::fs;
use std::path::{Path, PathBuf};

/// Debian's names for Node.js and its package manager.
const DEBIAN: [&str; 2] = ["nodejs", "npm"];

/// A copy of `folder`'s scripts under `target`, beside the packages of its lock file: a module is looked for beside the script that wants it.
///
/// # Errors
/// When Node.js is missing and cannot be installed, or the packages cannot be.
pub fn environment(root: &Path, target: &Path, folder: &Path) -> Result<PathBuf, String> {
    debian::install(root, "Node.js with npm", usable, &DEBIAN)?;
    let beside = target.join("node");
    let lock = "package-lock.json";
    let locked = |at: &Path| fs::read(at.join(lock)).ok();
    let fresh = locked(folder).is_some() && locked(folder) == locked(&beside);
    let told = |error: std::io::Error| format!("{}: {error}", beside.display());
    fs::create_dir_all(&beside).map_err(told)?;
    for entry in fs::read_dir(folder).map_err(told)? {
        let path = entry.map_err(told)?.path();
        let wanted = path.extension().is_some_and(|end| end == "mjs" || end == "json");
        if let Some(name) = path.file_name().filter(|_| wanted) {
            fs::copy(&path, beside.join(name)).map_err(told)?;
        }
    }
    if !(fresh && beside.join("node_modules").exists()) {
        let words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        process::run(command("npm", &beside).args(words))?;
    }
    Ok(beside)
}

fn usable(root: &Path) -> bool {
    succeeds(command("node", root).arg("--version")) && succeeds(command("npm", root).arg("--version"))
}
