//! What the secure application keeps.
//!
//! ```text
//!   nonce:     asked ──grants──► wallet ──pay──► underway ──object──► payments ──receipt──► payments, receipt there
//!                                  ▲                │ refused, or no object was made
//!                                  └────────────────┘
//! ```
use symbolon_offline_payment::{
    messages::Preview,
    secure_application::{GrantedNonce, Payment, Wallet},
    trust::Trust,
};
use symbolon_types::{Hash, Secret};
use symbolon_wire::{cbor::Bytes, cbor_map};

cbor_map! {
    /// A payment whose nonce is taken and whose object is not in hand.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Underway {
        /// The nonce.
        1 => nonce: GrantedNonce,
        /// What is to be paid.
        2 => challenge: Bytes,
        /// What the authenticator read in it.
        3 => preview: Preview,
        /// What the payer adds, in minor units.
        4 => tip_minor: Option<u64>,
    }

    /// A payment whose object was made.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct HeldPayment {
        /// SHA-256 of the nonce token.
        1 => token: Hash,
        /// What is paid.
        2 => challenge: Bytes,
        /// The object, and the receipt once it is there.
        3 => payment: Payment,
    }

    /// What the secure application keeps. Never the credential.
    #[derive(Clone, Debug)]
    pub struct SecureState {
        /// The key that credentials are sealed from (X25519).
        1 => key: Secret<[u8; 32]>,
        /// The server's keys, from enrolment on.
        2 => trust: Option<Trust>,
        /// Nonces that may be paid with, oldest first.
        3 => wallet: Wallet,
        /// Nonce tokens whose grants are not in: sent again, the same bytes, until they are.
        4 => asked: Vec<Bytes>,
        /// The payment that was begun.
        5 => underway: Option<Underway>,
        /// Payments, oldest first.
        6 => payments: Vec<HeldPayment>,
    }
}

impl SecureState {
    /// An application that was never used.
    pub fn blank(key: Secret<[u8; 32]>) -> Self {
        Self {
            key,
            trust: None,
            wallet: Wallet::default(),
            asked: Vec::new(),
            underway: None,
            payments: Vec::new(),
        }
    }
}
