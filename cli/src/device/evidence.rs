//! `--evidence DIR`: the exact bytes of what a role exchanges, a file a message.
use super::Flags;
use crate::report::Failure;
use std::{fs, path::PathBuf};

/// A folder of messages, or none.
pub struct Evidence {
    dir: Option<PathBuf>,
    failed: Option<String>,
}

impl Evidence {
    /// The folder that the flag names; it is made.
    pub fn of(flags: &mut Flags) -> Result<Self, Failure> {
        let dir = flags.optional("evidence").map(PathBuf::from);
        if let Some(dir) = &dir {
            fs::create_dir_all(dir)
                .map_err(|error| Failure::Misuse(format!("{}: {error}", dir.display())))?;
        }
        Ok(Self { dir, failed: None })
    }

    /// Writes one message. A payment does not stop for its evidence: what fails is told at the end.
    pub fn write(&mut self, name: &str, bytes: &[u8]) {
        let Some(dir) = &self.dir else { return };
        let path = dir.join(format!("{name}.cbor"));
        if let Err(error) = fs::write(&path, bytes) {
            self.failed.get_or_insert_with(|| format!("{}: {error}", path.display()));
        }
    }

    /// What could not be written, on standard error.
    pub fn tell(&self) {
        if let Some(failed) = &self.failed {
            eprintln!("evidence: {failed}");
        }
    }
}
