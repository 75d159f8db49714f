//! Python for the foreign checks: found, or installed where that is allowed, else a clear sentence.
use crate::debian;
use crate::process::{self, command, succeeds};
use std::fs;
use std::path::{Path, PathBuf};

/// Debian's names for what makes a virtual environment.
const DEBIAN: [&str; 2] = ["python3", "python3-venv"];

/// The interpreter of an environment under `target` that has the packages of `requirements`, each in its version.
///
/// # Errors
/// When Python is missing and cannot be installed, or the packages cannot be, or one of them is not pinned.
pub fn environment(root: &Path, target: &Path, requirements: &Path) -> Result<PathBuf, String> {
    let text =
        fs::read_to_string(requirements).map_err(|error| format!("{}: {error}", requirements.display()))?;
    let there = versions(&pins(&text)?);
    debian::install(root, "Python with venv", usable, &DEBIAN)?;
    let folder = target.join("venv");
    let python = folder.join("bin/python3");
    if !succeeds(command(&python, root).arg("--version")) {
        process::run(command("python3", root).args(["-m", "venv", "--clear"]).arg(&folder))?;
    }
    if !succeeds(command(&python, root).args(["-c", &there])) {
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"];
        process::run(command(&python, root).args(pip).arg(requirements))?;
        process::run(command(&python, root).args(["-m", "pip", "check", "--disable-pip-version-check"]))?;
    }
    Ok(python)
}

/// The packages of a requirements file, which names each with one version; comments are lines of their own.
fn pins(text: &str) -> Result<Vec<(&str, &str)>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once("==").ok_or_else(|| format!("`{line}` is not pinned"))).collect()
}

/// A program that fails unless each package is there in its version.
fn versions(pins: &[(&str, &str)]) -> String {
    let checks = pins.iter().map(|(name, version)| format!("assert m.version('{name}') == '{version}'"));
    format!("import importlib.metadata as m; {}", checks.collect::<Vec<_>>().join("; "))
}

/// Whether Python can make a virtual environment with pip in it.
fn usable(root: &Path) -> bool {
    succeeds(command("python3", root).args(["-c", "import venv, ensurepip"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_package_is_asked_for_its_version() {
        let pinned = pins("# why\ncwt==3.3.0\n\npyhpke==0.6.5\n").unwrap();
        assert_eq!(
            versions(&pinned),
            "import importlib.metadata as m; assert m.version('cwt') == '3.3.0'; assert m.version('pyhpke') == '0.6.5'"
        );
    }

    #[test]
    fn a_package_without_its_version_is_refused() {
        assert!(pins("cwt==3.3.0").is_ok());
        assert_eq!(pins("cwt>=3.3.0"), Err("`cwt>=3.3.0` is not pinned".to_owned()));
    }
}
