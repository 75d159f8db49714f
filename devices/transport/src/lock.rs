//! One process at a time: an advisory lock on a file, which the operating system lets go when the process ends, however it ends.
use crate::TransportError;
use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::ErrorKind,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Opens or makes the file, mode 0600, and locks it.
pub fn locked(path: &Path) -> Result<File, TransportError> {
    let file = private(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(TransportError::InUse),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Opens or makes the file to read and write, mode 0600 whatever it was before.
pub fn private(path: &Path) -> Result<File, TransportError> {
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

/// Makes the folder with those above it, and its mode 0700. What is made is durable.
pub fn private_dir(path: &Path) -> Result<(), TransportError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o700))?;
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        sync_dir(parent)?;
    }
    sync_dir(path)
}

/// Makes the entries of a folder durable.
pub fn sync_dir(path: &Path) -> Result<(), TransportError> {
    Ok(File::open(path)?.sync_all()?)
}

/// The path with more at the end of its name.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Removes the file if it is there.
pub fn remove(path: &Path) -> Result<(), TransportError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
