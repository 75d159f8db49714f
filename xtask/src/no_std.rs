//! The proof that core and systems link without the standard library, and that the proof bites.
//!
//! `xtask/no-std-proof` is built on stable for this machine's own target; then again with a dependency that uses `std`,
//! which the compiler must refuse because two panic handlers would meet.
use crate::process;
use crate::workspace::Workspace;
use std::fs;

/// What the compiler says when `std` meets another panic handler.
const REFUSED_AS: &str = "panic_impl";

/// Builds what must link, then what must not.
///
/// # Errors
/// When the first does not link, or the second does, or it fails for another reason.
pub fn check(workspace: &Workspace) -> Result<(), String> {
    let folder = workspace.root.join("xtask/no-std-proof");
    // the versions that the workspace uses, and no others
    fs::copy(workspace.root.join("Cargo.lock"), folder.join("Cargo.lock"))
        .map_err(|error| format!("Cargo.lock: {error}"))?;
    let target = workspace.target.join("no-std-proof");
    let mut build = process::cargo(&folder);
    process::run(build.arg("build").arg("--target-dir").arg(&target))?;
    let mut bite = process::cargo(&folder);
    let refused = process::captured(bite.args(["build", "--features", "bite", "--target-dir"]).arg(&target))?;
    let said = String::from_utf8_lossy(&refused.stderr);
    verdict(refused.status.success(), &said)?;
    println!(
        "links without std; with std it is refused: {}",
        said.lines().find(|line| line.contains(REFUSED_AS)).unwrap_or_default()
    );
    Ok(())
}

/// The second build must have failed, and for the right reason.
fn verdict(success: bool, said: &str) -> Result<(), String> {
    if success {
        Err("the proof does not bite: it linked a crate that uses std".to_owned())
    } else if said.contains(REFUSED_AS) {
        Ok(())
    } else {
        Err(format!("the proof failed for another reason than std:\n{said}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_second_panic_handler_counts_as_refused() {
        assert_eq!(verdict(false, "error[E0152]: found duplicate lang item `panic_impl`"), Ok(()));
        assert!(verdict(true, "").unwrap_err().contains("does not bite"));
        assert!(verdict(false, "error: no network").unwrap_err().contains("another reason"));
    }
}
