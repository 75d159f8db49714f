//! Where the disk rows write, and what machine this is.
//!
//! **Invariant:** a [`Folder`] was made by this process and is removed when it is dropped; nothing else is.
use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A fresh folder.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes one in `parent`, readable by its owner only.
    ///
    /// # Errors
    /// [`io::Error`] when `parent` is not there or cannot be written.
    pub fn create(parent: &Path) -> io::Result<Self> {
        for number in 0u32.. {
            let path = parent.join(format!("symbolon-bench-{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} is left behind: {error}", self.0.display());
        }
    }
}

/// Cores, processor, and the file system under `path`.
pub fn machine(path: &Path) -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (model, system) =
        (model(&cpuinfo).unwrap_or("unknown"), file_system(&mounts, &path).unwrap_or_default());
    format!("{cores} cores, {model}, {}", if system.is_empty() { "file system unknown" } else { &system })
}

fn model(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, model)| model.trim())
}

/// `type on device` of the longest mount point above `path`; of two the later, which covers the other.
fn file_system(mounts: &str, path: &Path) -> Option<String> {
    let above = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (device, point, kind) = (words.next()?, words.next()?, words.next()?);
        path.starts_with(point).then(|| (point.len(), format!("{kind} on {device}")))
    });
    above.max_by_key(|(length, _)| *length).map(|(_, system)| system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_fresh_and_goes_with_all_that_is_in_it() {
        let (one, two) =
            (Folder::create(&std::env::temp_dir()).unwrap(), Folder::create(&std::env::temp_dir()).unwrap());
        assert_ne!(one.path(), two.path());
        fs::write(one.path().join("file"), b"x").unwrap();
        let path = one.path().to_owned();
        drop(one);
        assert!(!path.exists() && two.path().exists());
        assert!(Folder::create(&path).is_err());
    }

    #[test]
    fn the_machine_is_read_from_what_the_kernel_says() {
        assert_eq!(
            model("processor\t: 0\nmodel name\t: Some Processor @ 2 GHz\n"),
            Some("Some Processor @ 2 GHz")
        );
        assert_eq!(model("processor\t: 0\n"), None);
        let mounts = "/dev/a / ext4 rw 0 0\nnone /home tmpfs rw 0 0\n/dev/b /home/data xfs rw 0 0\n/dev/c /home/dat btrfs rw 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/home/data/x")), Some("xfs on /dev/b".into()));
        assert_eq!(file_system(mounts, Path::new("/srv")), Some("ext4 on /dev/a".into()));
        assert_eq!(file_system("", Path::new("/srv")), None);
    }
}
