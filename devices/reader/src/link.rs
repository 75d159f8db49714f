//! The way between reader and payer while both are offline: challenge out, object in, receipt out.
use crate::Failure;

mod apdu;
mod optical;

pub use apdu::{AID, ApduLink, INS_CHALLENGE, INS_OBJECT, INS_RECEIPT};
pub use optical::QrLink;

/// Is given the bytes of an object, and gives the receipt to hand out, or nothing for an object that it refuses.
pub type Take<'a> = dyn FnMut(&[u8]) -> Result<Option<Vec<u8>>, Failure> + 'a;

/// One payer in front of the reader.
pub trait PayerLink {
    /// Gives the challenge, and every object that comes back to `take`, until that has a receipt for one; then gives the receipt.
    ///
    /// # Errors
    /// What `take` fails with; [`Failure::Transport`] when time is up, or the receipt did not reach the payer.
    fn charge(&mut self, challenge: &[u8], take: &mut Take<'_>) -> Result<(), Failure>;
}
