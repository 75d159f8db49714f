//! Reader and payer see each other's screens: pictures `challenge` and `receipt` of the reader, `object` of the payer, in one folder.
use super::{PayerLink, Take};
use crate::Failure;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use symbolon_transport::{TransportError, clock::Deadline, optical};

/// Between two looks at what was no object for this charge.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Screens and cameras.
#[derive(Debug)]
pub struct QrLink {
    dir: PathBuf,
    deadline: Deadline,
}

impl QrLink {
    /// Pictures in `dir`, for as long as `timeout`.
    #[must_use]
    pub fn new(dir: &Path, timeout: Duration) -> Self {
        Self { dir: dir.into(), deadline: Deadline::after(timeout) }
    }

    /// Waits for an object that has a receipt. A screen may still show the object of an earlier payment, so a refused one ends nothing.
    fn await_receipt(&self, take: &mut Take<'_>) -> Result<Vec<u8>, Failure> {
        let mut refused = Vec::new();
        loop {
            let seen = optical::see(&self.dir, "object", self.deadline.left().unwrap_or_default())?;
            if seen != refused {
                match take(&seen)? {
                    Some(receipt) => return Ok(receipt),
                    None => refused = seen,
                }
            }
            if !self.deadline.pause(LOOK_AGAIN) {
                return Err(TransportError::Timeout.into());
            }
        }
    }
}

impl PayerLink for QrLink {
    fn charge(&mut self, challenge: &[u8], take: &mut Take<'_>) -> Result<(), Failure> {
        optical::hide(&self.dir, "receipt")?;
        optical::show(&self.dir, "challenge", challenge)?;
        let receipt = self.await_receipt(take);
        optical::hide(&self.dir, "challenge")?;
        optical::show(&self.dir, "receipt", &receipt?)?;
        Ok(())
    }
}
