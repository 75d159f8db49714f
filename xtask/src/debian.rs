//! Programs that the checks need and that a fresh Debian machine lacks: installed where that is allowed, else a clear sentence.
use crate::process::{self, command, succeeds};
use std::path::Path;

/// Sees to it that what `usable` asks for is there.
///
/// # Errors
/// A sentence that says what to install, when it is missing and cannot be installed from here.
pub fn install(root: &Path, what: &str, usable: fn(&Path) -> bool, packages: &[&str]) -> Result<(), String> {
    if usable(root) {
        return Ok(());
    }
    let names = packages.join(" ");
    let Some(prefix) = privileged(root) else {
        return Err(format!("{what} is needed and cannot be installed from here: apt-get install {names}"));
    };
    let apt = |args: &[&str]| {
        let mut words = prefix.iter().copied().chain(["apt-get", "-q", "-y", "--no-install-recommends"]);
        let mut run = command(words.next().unwrap_or("apt-get"), root);
        process::run(run.env("DEBIAN_FRONTEND", "noninteractive").args(words).args(args))
    };
    apt(&["update"])?;
    apt(&[&["install"], packages].concat())?;
    if usable(root) { Ok(()) } else { Err(format!("{names} are installed and {what} is still missing")) }
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
    fn what_is_there_is_not_installed() {
        assert_eq!(install(Path::new("."), "anything", |_| true, &["no-such-package-here"]), Ok(()));
    }
}
