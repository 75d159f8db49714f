//! Small files that are written once and last: whole from the moment they have their name, readable by their owner only.
use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};
use symbolon_transport::TransportError;

/// The file's `N` bytes; `None` when it is not there.
///
/// # Errors
/// [`TransportError::Damaged`] when it has another length; [`TransportError::Io`].
pub fn read<const N: usize>(path: &Path) -> Result<Option<[u8; N]>, TransportError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes.try_into().map_err(|_| TransportError::Damaged)?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Writes the file, mode 0600, durable on return; its folder must exist.
///
/// # Errors
/// [`TransportError::Io`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), TransportError> {
    let mut fresh = OsString::from(path);
    fresh.push("~");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(File::open(folder)?.sync_all()?)
}
