//! The programs that a tour starts: this very binary, as other processes.
use super::steps::Fault;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process that was started and goes on until it is stopped or has ended by itself.
pub struct Process {
    name: String,
    child: Child,
    output: Option<std::thread::JoinHandle<String>>,
}

fn command(words: &[&str]) -> Result<Command, Fault> {
    let program = std::env::current_exe().map_err(|error| format!("this program's own path: {error}"))?;
    let mut command = Command::new(program);
    command.args(words).arg("--json").stdin(Stdio::null()).stdout(Stdio::piped());
    command.env_clear();
    if std::env::var_os("SYMBOLON_TOUR_VERBOSE").is_none() {
        command.stderr(Stdio::null());
    }
    Ok(command)
}

/// Runs a command to its end: its exit code and its one JSON value.
pub fn run(words: &[&str]) -> Result<(i32, Value), Fault> {
    Process::start(words)?.finished()
}

/// Runs a command that must hold.
pub fn held(words: &[&str]) -> Result<Value, Fault> {
    match run(words)? {
        (0, value) => Ok(value),
        (code, value) => Err(format!("`symbolon {}` ended with {code}: {value}", words.join(" "))),
    }
}

impl Process {
    /// Starts a command whose one answer comes at its end.
    pub fn start(words: &[&str]) -> Result<Self, Fault> {
        let name = words.join(" ");
        let mut child = command(words)?.spawn().map_err(|error| format!("{name}: {error}"))?;
        let stdout = child.stdout.take();
        let output = std::thread::spawn(move || {
            let mut read = String::new();
            if let Some(mut stdout) = stdout {
                let _ = stdout.read_to_string(&mut read);
            }
            read
        });
        Ok(Self { name, child, output: Some(output) })
    }

    /// Starts a command that says one line when it is ready and then goes on; the line comes with it.
    pub fn ready(words: &[&str]) -> Result<(Self, Value), Fault> {
        let name = words.join(" ");
        let mut child = command(words)?.spawn().map_err(|error| format!("{name}: {error}"))?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let mut reader = BufReader::new(stdout);
        let mut line = String::new();
        reader.read_line(&mut line).map_err(|error| format!("{name}: {error}"))?;
        let value: Value =
            serde_json::from_str(&line).map_err(|_| format!("{name}: said `{}`", line.trim()))?;
        let started = Self { name, child, output: None };
        if value.get("error").is_some() || value.get("refusal").is_some() {
            Err(value.to_string())
        } else {
            Ok((started, value))
        }
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end: exit code and the one JSON value.
    pub fn finished(mut self) -> Result<(i32, Value), Fault> {
        let status = self.child.wait().map_err(|error| format!("{}: {error}", self.name))?;
        let output = self.output.take().and_then(|output| output.join().ok()).unwrap_or_default();
        let value = serde_json::from_str(output.trim()).map_err(|_| {
            format!("`symbolon {}` ended with {status} and said `{}`", self.name, output.trim())
        })?;
        Ok((status.code().unwrap_or(-1), value))
    }

    /// Asks the process to end, and waits until it has.
    pub fn stop(mut self) -> Result<(), Fault> {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(0));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM)
            .map_err(|error| format!("{}: {error}", self.name))?;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(15) {
            match self.child.try_wait() {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => std::thread::sleep(Duration::from_millis(10)),
                Err(error) => return Err(format!("{}: {error}", self.name)),
            }
        }
        Err(format!("{}: did not end", self.name))
    }

    /// Lets the process go on when the tour ends.
    pub fn leave(self) {
        std::mem::forget(self);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A path as a word of a command.
pub fn word(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
