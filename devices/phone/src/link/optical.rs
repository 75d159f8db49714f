//! Phone and payee see each other's screens: pictures `challenge` and `receipt` of the payee, `object` of the phone, in one folder.
use super::PayeeLink;
use crate::Failure;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use symbolon_transport::{TransportError, clock::Deadline, optical};

/// Between two looks at what was no receipt of this payment.
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

    fn left(&self) -> Duration {
        self.deadline.left().unwrap_or_default()
    }
}

impl PayeeLink for QrLink {
    fn challenge(&mut self) -> Result<Vec<u8>, TransportError> {
        optical::see(&self.dir, "challenge", self.left())
    }

    fn hand_over(
        &mut self,
        _challenge: &[u8],
        object: &[u8],
        take: &mut dyn FnMut(&[u8]) -> Result<bool, Failure>,
    ) -> Result<bool, Failure> {
        optical::show(&self.dir, "object", object)?;
        loop {
            match optical::see(&self.dir, "receipt", self.left()) {
                Ok(seen) if take(&seen)? => break,
                // A receipt of an earlier payment is still on the screen.
                Ok(_) => {}
                // Time is up, or what is there at the end cannot be read: then there is no receipt.
                Err(TransportError::Timeout | TransportError::Unreadable | TransportError::Parts(_)) => {
                    return Ok(false);
                }
                Err(error) => return Err(error.into()),
            }
            if !self.deadline.pause(LOOK_AGAIN) {
                return Ok(false);
            }
        }
        optical::hide(&self.dir, "object")?;
        Ok(true)
    }
}
