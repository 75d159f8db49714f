//! Somebody else's code as judge and as party: it checks the tour's evidence, and it takes part in payments as payee and as secure application.
//!
//! ```text
//!   xtask/foreign/requirements.txt ─► Python environment ─► xtask/evidence/check.py EVIDENCE
//!                                                        └► xtask/foreign/check.py SYMBOLON   payee, secure application
//! ```
//! **Invariant:** what is missing is a failure that says what to run; the first check that does not hold ends the step.
use crate::process;
use crate::python;
use crate::workspace::Workspace;
use std::path::{Path, PathBuf};

/// The packages, each with its version.
const REQUIREMENTS: &str = "xtask/foreign/requirements.txt";

/// Runs both checks.
///
/// # Errors
/// What is missing, or the check that failed.
pub fn check(workspace: &Workspace) -> Result<(), String> {
    let evidence = there(&workspace.root, "xtask/evidence/check.py")?;
    let parties = there(&workspace.root, "xtask/foreign/check.py")?;
    let requirements = there(&workspace.root, REQUIREMENTS)?;
    let seen = of_the_tour(&workspace.target, "evidence")?;
    let symbolon = of_the_tour(&workspace.target, "ci/symbolon")?;
    let python = python::environment(&workspace.root, &workspace.target, &requirements)?;
    for (program, about) in [(evidence, seen), (parties, symbolon)] {
        let mut run = process::command(&python, &workspace.root);
        process::run(run.env("PYTHONDONTWRITEBYTECODE", "1").arg(program).arg(about))?;
    }
    Ok(())
}

fn there(root: &Path, name: &str) -> Result<PathBuf, String> {
    let path = root.join(name);
    if path.exists() { Ok(path) } else { Err(format!("{name} is missing")) }
}

fn of_the_tour(target: &Path, name: &str) -> Result<PathBuf, String> {
    let path = target.join(name);
    let advice = || format!("there is no {name} to check: run `cargo xtask ci --only tour` first");
    if path.exists() { Ok(path) } else { Err(advice()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn whatever_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_path_buf();
        let workspace = Workspace { target: root.join("target"), root, crates: Vec::new() };
        for name in ["xtask/evidence/check.py", "xtask/foreign/check.py", REQUIREMENTS] {
            assert_eq!(check(&workspace), Err(format!("{name} is missing")));
            let path = workspace.root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        assert!(check(&workspace).unwrap_err().starts_with("there is no evidence to check"));
        fs::create_dir_all(workspace.target.join("evidence")).unwrap();
        assert!(check(&workspace).unwrap_err().starts_with("there is no ci/symbolon to check"));
    }
}
