//! The way between phone and payee while both are offline: challenge in, object out, receipt in.
use crate::Failure;
use symbolon_transport::TransportError;

mod apdu;
mod optical;

pub use apdu::{AID, ApduLink, INS_CHALLENGE, INS_OBJECT, INS_RECEIPT};
pub use optical::QrLink;

/// One payee in front of the phone.
pub trait PayeeLink {
    /// What the payee asks for.
    ///
    /// # Errors
    /// [`TransportError::Timeout`] when nobody asks; [`TransportError`].
    fn challenge(&mut self) -> Result<Vec<u8>, TransportError>;

    /// Hands the object of this challenge over, and gives what comes back to `take` until it says that it is the receipt; true then, false
    /// when time is up first.
    ///
    /// # Errors
    /// What `take` fails with; [`Failure::Transport`].
    fn hand_over(
        &mut self,
        challenge: &[u8],
        object: &[u8],
        take: &mut dyn FnMut(&[u8]) -> Result<bool, Failure>,
    ) -> Result<bool, Failure>;
}
