//! Python for the foreign check of the evidence: found, or installed where that is allowed, else a clear sentence.
use crate::process::{self, command, succeeds};
use std::path::{Path, PathBuf};

/// What the foreign check is made with: somebody else's COSE and HPKE.
const PACKAGES: [(&str, &str); 2] = [("cwt", "3.3.0"), ("pyhpke", "0.6.5")];
/// Debian's names for what makes a virtual environment.
const DEBIAN: [&str; 3] = ["install", "python3", "python3-venv"];

/// The interpreter of an environment under `target` that has the packages.
///
/// # Errors
/// When Python is missing and cannot be installed, or the packages cannot be.
pub fn environment(root: &Path, target: &Path) -> Result<PathBuf, String> {
    install(root)?;
    let folder = target.join("venv");
    let python = folder.join("bin/python3");
    if !succeeds(command(&python, root).arg("--version")) {
        process::run(command("python3", root).args(["-m", "venv", "--clear"]).arg(&folder))?;
    }
    if !succeeds(command(&python, root).args(["-c", &versions()])) {
        let wanted = PACKAGES.map(|(name, version)| format!("{name}=={version}"));
        process::run(
            command(&python, root)
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(wanted),
        )?;
    }
    Ok(python)
}

/// A program that fails unless each package is there in its version.
fn versions() -> String {
    let checks = PACKAGES.map(|(name, version)| format!("assert m.version('{name}') == '{version}'"));
    format!("import importlib.metadata as m; {}", checks.join("; "))
}

/// Whether Python can make a virtual environment with pip in it.
fn usable(root: &Path) -> bool {
    succeeds(command("python3", root).args(["-c", "import venv, ensurepip"]))
}

fn install(root: &Path) -> Result<(), String> {
    if usable(root) {
        return Ok(());
    }
    let Some(prefix) = privileged(root) else {
        return Err("Python with venv is needed and cannot be installed from here: apt-get install python3 python3-venv".to_owned());
    };
    let apt = |args: &[&str]| {
        let mut words = prefix.iter().copied().chain(["apt-get", "-q", "-y", "--no-install-recommends"]);
        let mut run = command(words.next().unwrap_or("apt-get"), root);
        process::run(run.env("DEBIAN_FRONTEND", "noninteractive").args(words).args(args))
    };
    apt(&["update"])?;
    apt(&DEBIAN)?;
    if usable(root) {
        Ok(())
    } else {
        Err("python3-venv is installed and python3 still has no venv".to_owned())
    }
}

/// What stands before `apt-get` so that it may install: nothing as root, `sudo -n` where that asks for no password.
fn privileged(root: &Path) -> Option<&'static [&'static str]> {
    if !succeeds(command("apt-get", root).arg("--version")) {
        return None;
    }
    let user = process::output(command("id", root).arg("-u")).unwrap_or_default();
    if user.trim() == "0" {
        return Some(&[]);
    }
    succeeds(command("sudo", root).args(["-n", "true"])).then_some(&["sudo", "-n"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_package_is_asked_for_its_version() {
        assert_eq!(
            versions(),
            "import importlib.metadata as m; assert m.version('cwt') == '3.3.0'; assert m.version('pyhpke') == '0.6.5'"
        );
    }
}
