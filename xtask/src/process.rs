//! Running other programs: what they print streams through, and a failure is a sentence that names the command.
use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The cargo that runs us, or the one on the path, in `folder`.
#[must_use]
pub fn cargo(folder: &Path) -> Command {
    command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), folder)
}

/// `program` in `folder`.
#[must_use]
pub fn command(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    command
}

/// Runs it to its end, its output streaming through.
///
/// # Errors
/// When it cannot be started or does not exit with 0.
pub fn run(command: &mut Command) -> Result<(), String> {
    println!("$ {}", shown(command));
    let status = command.status().map_err(|error| format!("{}: {error}", shown(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", shown(command))) }
}

/// Runs it to its end and returns what it wrote to standard output; standard error streams through.
///
/// # Errors
/// When it cannot be started, does not exit with 0, or writes something other than UTF-8.
pub fn output(command: &mut Command) -> Result<String, String> {
    let done =
        command.stderr(Stdio::inherit()).output().map_err(|error| format!("{}: {error}", shown(command)))?;
    if !done.status.success() {
        print!("{}", String::from_utf8_lossy(&done.stdout));
        return Err(format!("{}: {}", shown(command), done.status));
    }
    String::from_utf8(done.stdout).map_err(|_| format!("{}: its output is not UTF-8", shown(command)))
}

/// Runs it to its end, whatever it exits with, and returns everything it wrote.
///
/// # Errors
/// When it cannot be started.
pub fn captured(command: &mut Command) -> Result<Output, String> {
    println!("$ {}", shown(command));
    command.output().map_err(|error| format!("{}: {error}", shown(command)))
}

/// Whether it starts and exits with 0; what it writes is dropped.
pub fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
    let args = command.get_args().map(OsStr::to_string_lossy);
    std::iter::once(program).chain(args).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_its_command() {
        let here = Path::new(".");
        assert_eq!(run(command("sh", here).args(["-c", "exit 0"])), Ok(()));
        let failed = run(command("sh", here).args(["-c", "exit 3"])).unwrap_err();
        assert!(failed.starts_with("sh -c exit 3: ") && failed.contains('3'), "{failed}");
        assert!(
            run(&mut command("no-such-program-here", here))
                .unwrap_err()
                .starts_with("no-such-program-here: ")
        );
    }

    #[test]
    fn output_is_returned_only_of_what_succeeded() {
        let here = Path::new(".");
        assert_eq!(output(command("sh", here).args(["-c", "echo yes"])), Ok("yes\n".into()));
        assert!(output(command("sh", here).args(["-c", "echo yes; exit 1"])).is_err());
        assert!(succeeds(command("sh", here).args(["-c", "exit 0"])));
        assert!(!succeeds(command("sh", here).args(["-c", "exit 1"])));
    }
}
