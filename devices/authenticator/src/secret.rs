//! What the hardware keeps: the secret that all keys of one machine are derived from.
use crate::file;
use std::path::{Path, PathBuf};
use symbolon_transport::{TransportError, entropy};
use symbolon_types::Secret;

/// The device secret: 32 bytes, the same at every start, of no use outside this machine.
pub trait DeviceSecret {
    /// The secret.
    ///
    /// # Errors
    /// [`TransportError`] when the hardware, or what stands for it, has none to give.
    fn secret(&self) -> Result<Secret<[u8; 32]>, TransportError>;
}

/// Simulated hardware: a file of mode 0600 with 32 random bytes, made at the first use. Whoever can read it has the machine's keys, which is
/// why a product puts a secure element or a trusted execution environment in its place.
#[derive(Clone, Debug)]
pub struct FileSecret(PathBuf);

impl FileSecret {
    /// The file `device-secret` in the folder, which must exist when the secret is read.
    #[must_use]
    pub fn within(store: &Path) -> Self {
        Self(store.join("device-secret"))
    }
}

impl DeviceSecret for FileSecret {
    fn secret(&self) -> Result<Secret<[u8; 32]>, TransportError> {
        if let Some(known) = file::read(&self.0)? {
            return Ok(Secret::new(known));
        }
        let fresh = entropy::seed()?;
        file::write(&self.0, fresh.reveal())?;
        Ok(fresh)
    }
}
