//! What the reader keeps.
use symbolon_offline_payment::{Refusal, payee::PayeeState};
use symbolon_types::{Amount, Hash, Secret, UnixSeconds};
use symbolon_wire::{cbor::Bytes, cbor_map};

cbor_map! {
    /// An object that the server did not judge.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RefusedUpload {
        /// The object's id.
        1 => object: Hash,
        /// Why.
        2 => refusal: Refusal,
    }

    /// What the reader keeps.
    #[derive(Clone, Debug)]
    pub struct ReaderState {
        /// The seed of the payee's signing key (Ed25519).
        1 => seed: Secret<[u8; 32]>,
        /// Certificate, open challenges and accepted objects, from enrolment on.
        2 => payee: Option<PayeeState>,
        /// The highest time known: a clock that shows less has lost it.
        3 => time: UnixSeconds,
        /// What the server did not judge when it was uploaded last; it is uploaded again. What it refused for good is in the payee's book.
        4 => refused: Vec<RefusedUpload>,
        /// The challenge that was asked last.
        5 => last: Option<Bytes>,
        /// The code that it enrolled with: the certificate is renewed with it.
        6 => code: Option<[u8; 16]>,
        /// Refunds that the server has not answered, sent again, the same bytes, until it has.
        7 => refunds: Vec<PendingRefund>,
    }

    /// A refund on its way.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct PendingRefund {
        /// Of which object.
        1 => object: Hash,
        /// How much; `None` for all that was taken.
        2 => amount: Option<Amount>,
        /// The signed refund.
        3 => refund: Bytes,
    }
}
