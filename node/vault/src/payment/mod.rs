//! The payment vault: PIN translation, re-encryption, MACs and cryptograms under keys that stay inside.
//!
//! ```text
//!   host ──Request──► dyn PaymentVault ── SoftwareEngine: keys in memory, from one sealed file
//!        ◄──Answer──┘        ▲
//!                            └── RemoteVault ══ path Unix socket ══► server: the process that holds the engine
//! ```
//! A key has a name and a generation, one [`Role`] and one [`KeyState`]; a [`KeyInfo`] is all that is shown of it. Not a PCI-listed HSM: the
//! software engine's keys lie in this machine's memory.
//!
//! **Invariant:** no answer holds a clear PIN, account number, track or key; what is told of them is a check value, a mask or a token.
//! **Invariant:** a key of one role is used for no other: each operation takes its key typed by [`symbolon_keys::usage`].
//! **Invariant:** time and random bytes are arguments. A change counts once it is on the medium.
mod client;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod contents;
mod engine;
mod error;
mod key;
mod message;
pub mod server;
pub mod wire;

pub use client::RemoteVault;
pub use engine::{AUDIT_LEN, KEYS_MAX, PERIODS_MAX, SoftwareEngine};
pub use error::PaymentError;
pub use key::{Algorithm, Export, KeyInfo, KeyName, KeyRef, KeyState, NAME_LEN_MAX, Role};
pub use message::*;

use symbolon_types::{CoreRefusal, Secret, UnixMs};

/// The period of a time: 30 days of the Unix epoch. Accounts are sealed under their period's key.
#[must_use]
pub fn period(at: UnixMs) -> u32 {
    const PERIOD_MS: u64 = 30 * 24 * 3600 * 1000;
    u32::try_from(at.0 / PERIOD_MS).unwrap_or(u32::MAX)
}

/// 32 random bytes for one operation, used for nothing else.
pub type Entropy = Secret<[u8; 32]>;

/// What every payment vault does. An engine brings [`PaymentVault::perform`]; the rest is the same question with its answer's type.
pub trait PaymentVault: Send + Sync {
    /// Does one thing. `entropy` is 32 random bytes that are used for nothing else, also where the operation needs none.
    ///
    /// # Errors
    /// [`PaymentError`]; every wrong proof is [`CoreRefusal::BadSignature`].
    fn perform(&self, request: &Request, now: UnixMs, entropy: &Entropy) -> Result<Answer, PaymentError>;
}

/// An engine that answers with another kind of answer is broken.
fn other() -> PaymentError {
    PaymentError::Refused(CoreRefusal::Malformed)
}

/// The methods of [`dyn PaymentVault`](PaymentVault): one line each.
macro_rules! asks {
    ($($(#[$doc:meta])* $method:ident($body:ty) $variant:ident -> $answer:ident $type:ty,)*) => {
        impl dyn PaymentVault + '_ {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// [`PaymentError`].
            pub fn $method(&self, body: $body, now: UnixMs, entropy: &Entropy) -> Result<$type, PaymentError> {
                match self.perform(&Request::$variant(body), now, entropy)? {
                    Answer::$answer(answer) => Ok(answer),
                    _ => Err(other()),
                }
            }
        )*}
    };
}

asks! {
    /// All keys, each as it is shown.
    list(()) List -> Keys Vec<KeyInfo>,
    /// A new key, [`KeyState::Loaded`]; its generation follows the last one of its name.
    generate(NewKey) Generate -> Key KeyInfo,
    /// A key from a block. Its usage decides the role; a protection key weaker than it is refused.
    import(Import) Import -> Key KeyInfo,
    /// A key as a block; one that may not leave is refused.
    export(ExportKey) Export -> Block String,
    /// Makes a generation the active one; the one that was is retiring.
    activate(Activate) Activate -> Key KeyInfo,
    /// Ends a generation: it does nothing any more.
    retire(KeyRef) Retire -> Key KeyInfo,
    /// Destroys a generation's bytes, durably. The active one is refused.
    erase(KeyRef) Erase -> Key KeyInfo,
    /// Begins a key of components.
    ceremony_begin(CeremonyBegin) CeremonyBegin -> Done (),
    /// Takes a component; its check value.
    ceremony_component(CeremonyComponent) CeremonyComponent -> Bytes symbolon_wire::cbor::Bytes,
    /// Makes the key, [`KeyState::Loaded`].
    ceremony_finish(KeyName) CeremonyFinish -> Key KeyInfo,
    /// Forgets the components.
    ceremony_abandon(KeyName) CeremonyAbandon -> Done (),
    /// The PIN block for another zone; the account is the same.
    translate_pin(TranslatePin) TranslatePin -> Bytes symbolon_wire::cbor::Bytes,
    /// An account that came enciphered.
    open_account(OpenAccount) OpenAccount -> View AccountView,
    /// An account that came in clear.
    seal_account(SealAccount) SealAccount -> View AccountView,
    /// An account enciphered for another zone.
    reencrypt_account(ReencryptAccount) ReencryptAccount -> Bytes symbolon_wire::cbor::Bytes,
    /// Destroys a period's key, durably: nothing sealed under it opens any more, and it is never made again.
    erase_period(u32) ErasePeriod -> Done (),
    /// A MAC; under a transaction's key that of a response.
    mac(MakeMac) Mac -> Bytes symbolon_wire::cbor::Bytes,
    /// Checks a MAC; under a transaction's key that of a request.
    verify_mac(VerifyMac) VerifyMac -> Done (),
    /// Checks a card's cryptogram and answers with the ARPC.
    check_cryptogram(CheckCryptogram) CheckCryptogram -> Bytes symbolon_wire::cbor::Bytes,
    /// Checks a card verification value. Who asks counts the attempts.
    check_card_value(CheckCardValue) CheckCardValue -> Done (),
    /// Checks a PIN against its verification value. Who asks counts the attempts.
    check_pin(CheckPin) CheckPin -> Done (),
    /// The uses of keys after a sequence number, oldest first.
    take_audit(u64) TakeAudit -> Audit Vec<KeyUse>,
}
