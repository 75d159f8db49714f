//! What only a real file system shows: a full one, and the permissions of what is written.
use crate::common::{all, append, told};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use symbolon_log::{FileDisk, Log, LogError, Options, verify};

/// A file system of its own, unmounted when dropped.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn tmpfs(path: &'a Path, size: &str) -> Result<Self, String> {
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(path)
            .output()
            .map_err(|error| format!("mount: {error}"))?;
        if output.status.success() {
            Ok(Self(path))
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn a_full_file_system_refuses_the_batch_and_takes_it_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = match Mounted::tmpfs(folder.path(), "1m") {
        Ok(mounted) => mounted,
        Err(why) => {
            println!("SKIPPED: a small file system cannot be mounted here: {}", why.trim());
            return;
        }
    };
    let path = mounted.0.join("log");
    let filler = mounted.0.join("filler");
    fs::write(&filler, vec![1; 300 * 1024]).unwrap();
    let options = Options { segment_bytes: 128 * 1024, ..Options::default() };
    let (mut log, _) = Log::open(FileDisk::open(&path).unwrap(), options).unwrap();
    let refused = (0..10_000).find(|n| append(&mut log, &told(*n)).is_err()).unwrap();
    assert_eq!(append(&mut log, &told(refused)).err(), Some(LogError::Full));
    let written: Vec<_> = (0..refused).map(told).collect();
    assert_eq!(all(&log), written);
    drop(log);

    fs::remove_file(filler).unwrap();
    let (mut log, opened) = Log::open(FileDisk::open(&path).unwrap(), options).unwrap();
    assert_eq!(opened.torn, None);
    assert_eq!(all(&log), written);
    append(&mut log, &told(refused)).unwrap();
    drop(log);
    let verified = verify(FileDisk::open(&path).unwrap()).unwrap();
    assert_eq!(verified.batches, refused + 1);
}

#[test]
fn only_the_owner_may_read_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let options = Options { segment_bytes: 8192, ..Options::default() };
    let (mut log, _) = Log::open(FileDisk::open(&path).unwrap(), options).unwrap();
    for n in 0..10 {
        append(&mut log, &told(n)).unwrap();
    }
    log.archive_below(u64::MAX).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for entry in fs::read_dir(&path).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[test]
fn a_folder_whose_parent_is_missing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(FileDisk::open(folder.path().join("a/b")).is_err());
    assert!(FileDisk::open(folder.path().join("a")).is_ok());
}

#[test]
fn the_processors_checksum_is_ours() {
    let bytes: Vec<u8> = (0..2000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    for begin in 0..20 {
        for end in (begin..bytes.len()).step_by(37) {
            let part = &bytes[begin..end];
            let ours = symbolon_state::frame::crc32c(7, part);
            assert_eq!(ours, crc32c::crc32c_append(7, part), "{begin}..{end}");
        }
    }
    assert_eq!(crc32c::crc32c(b"123456789"), 0xE306_9283);
}
