//! A file system that is soon full.
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A small file system of its own; gone when it is dropped.
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    pub fn mounted(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let option = format!("size={size}");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &option, "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        mount.is_ok_and(|status| status.success()).then_some(Self(folder))
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Takes all room that is left.
    pub fn fill(&self) {
        let mut file = std::fs::File::options().create(true).append(true).open(self.at("filler")).unwrap();
        for chunk in [1 << 20, 1 << 12, 1] {
            while file.write_all(&vec![0xAA; chunk]).is_ok() {}
        }
    }

    pub fn free(&self) {
        std::fs::remove_file(self.at("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}
