//! Any valid COSE_Sign1, COSE_Mac0 or COSE_Encrypt0 (RFC 9052), for checking what others wrote. Symbolon's own proofs have one strict form and
//! never pass here: see [`crate::sign1`] and [`crate::mac0`].
//!
//! ```text
//! bytes ─Message::read─► Message ─attach (detached content)─► Message ─verify──► payload
//!                                                                    └─decrypt─► plaintext
//! ```
//! **Invariant:** content is reached only through a signature, a MAC or an AEAD tag that was right under the caller's key. What a tag, the shape
//! and the algorithm say of the kind of message must agree.
//! **Invariant:** an algorithm is used only with a key of its own type and length; a parameter that is critical and not understood is a refusal.
use alloc::vec::Vec;
use symbolon_keys::Crypto;
use symbolon_types::{CoreRefusal, Refused, Secret};
use symbolon_wire::cbor::{Encoder, Malformed, any::Item};

mod algorithm;
mod header;
mod key;

pub use algorithm::{Algorithm, Family};
pub use header::Headers;
pub use key::Key;

/// Why a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoseError {
    /// Not CBOR, not one of the three messages, a header that RFC 9052 §3 does not allow, or no initialisation vector of the right length.
    Malformed,
    /// The algorithm is not in the table, the provider lacks it, or its curve is not computed here.
    AlgorithmUnsupported,
    /// The key is of another type or length than the algorithm takes.
    KeyUnfit,
    /// A critical parameter is not understood (RFC 9052 §3.1).
    Critical,
    /// The signature or the MAC is not right.
    BadSignature,
    /// The ciphertext does not open.
    OpenFailed,
    /// The content lies outside of the message and was not attached, or lies in both places (RFC 9052 §4.1, §5.2).
    Detached,
    /// The message has a Partial IV and the key no Base IV (RFC 9052 §3.1).
    BaseIvMissing,
}

impl From<Malformed> for CoseError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<CoseError> for Refused {
    fn from(error: CoseError) -> Self {
        match error {
            CoseError::Malformed | CoseError::Detached | CoseError::BaseIvMissing => CoreRefusal::Malformed,
            CoseError::AlgorithmUnsupported => CoreRefusal::AlgorithmUnsupported,
            CoseError::KeyUnfit => CoreRefusal::KeyUnfit,
            CoseError::Critical => CoreRefusal::HeaderCritical,
            CoseError::BadSignature => CoreRefusal::BadSignature,
            CoseError::OpenFailed => CoreRefusal::OpenFailed,
        }
        .refused()
    }
}

/// CWT (RFC 8392 §6): may stand before the tag of a COSE message.
const CWT: u64 = 61;

/// The family that a tag announces (RFC 9052 §2); the messages with several signers or recipients (98, 97, 96) are not read.
fn family_of(tag: u64) -> Option<Family> {
    match tag {
        18 => Some(Family::Signature),
        17 => Some(Family::Mac),
        16 => Some(Family::Encryption),
        _ => None,
    }
}

/// A well-formed message of which nothing was verified.
#[derive(Clone, Debug)]
pub struct Message {
    headers: Headers,
    algorithm: Algorithm,
    /// The payload, or the ciphertext with its tag; `None` while it is detached.
    content: Option<Vec<u8>>,
    /// The signature or the MAC; empty where the content is encrypted.
    seal: Vec<u8>,
}

impl Message {
    /// Reads a message, tagged or not. Without a tag the number of its parts and its algorithm say what it is.
    ///
    /// # Errors
    /// [`CoseError::Malformed`], [`CoseError::Critical`], [`CoseError::AlgorithmUnsupported`].
    pub fn read(bytes: &[u8]) -> Result<Self, CoseError> {
        let (announced, parts) = untagged(Item::read(bytes)?)?;
        let (protected, unprotected, content, seal) = split(parts)?;
        let headers = Headers::read(protected, unprotected)?;
        let algorithm = headers.algorithm()?;
        // Three parts are an encryption, four a signature or a MAC (RFC 9052 §4.2, §5.2, §6.2).
        let fits_parts = (algorithm.family() == Family::Encryption) == seal.is_none();
        if !fits_parts || announced.is_some_and(|family| family != algorithm.family()) {
            return Err(CoseError::Malformed);
        }
        Ok(Self { headers, algorithm, content, seal: seal.unwrap_or_default() })
    }

    /// The algorithm that the message names.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The headers, which anybody may have written until the message is verified.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Whether the content lies outside of the message.
    #[must_use]
    pub fn is_detached(&self) -> bool {
        self.content.is_none()
    }

    /// Brings the content of a detached message: the payload, or the ciphertext with its tag.
    ///
    /// # Errors
    /// [`CoseError::Detached`] when the message has its own.
    pub fn attach(self, content: Vec<u8>) -> Result<Self, CoseError> {
        if self.content.is_some() {
            return Err(CoseError::Detached);
        }
        Ok(Self { content: Some(content), ..self })
    }

    /// What is signed, MACed or taken as associated data: Sig_structure (RFC 9052 §4.4), MAC_structure (§6.3) or Enc_structure (§5.3).
    fn structure(&self, external_aad: &[u8], payload: Option<&[u8]>) -> Vec<u8> {
        let mut out = Encoder::new();
        out.array(if payload.is_some() { 4 } else { 3 }).text(self.algorithm.family().context());
        out.bytes(self.headers.protected()).bytes(external_aad);
        if let Some(payload) = payload {
            out.bytes(payload);
        }
        out.finish()
    }

    /// Verifies a signature or a MAC; the payload is returned.
    ///
    /// # Errors
    /// [`CoseError::BadSignature`]; [`CoseError::KeyUnfit`]; [`CoseError::AlgorithmUnsupported`]; [`CoseError::Malformed`] for an encrypted
    /// message; [`CoseError::Detached`].
    pub fn verify(self, crypto: &dyn Crypto, key: &Key, external_aad: &[u8]) -> Result<Vec<u8>, CoseError> {
        let payload = self.content.as_deref().ok_or(CoseError::Detached)?;
        let structure = self.structure(external_aad, Some(payload));
        self.algorithm.verify(crypto, key, &structure, &self.seal)?;
        self.content.ok_or(CoseError::Detached)
    }

    /// Decrypts; the plaintext is returned.
    ///
    /// # Errors
    /// [`CoseError::OpenFailed`]; [`CoseError::KeyUnfit`]; [`CoseError::AlgorithmUnsupported`]; [`CoseError::Malformed`] for a message that is not
    /// encrypted and for an initialisation vector of another length; [`CoseError::BaseIvMissing`]; [`CoseError::Detached`].
    pub fn decrypt(
        self,
        crypto: &dyn Crypto,
        key: &Key,
        base_iv: Option<&[u8]>,
        external_aad: &[u8],
    ) -> Result<Secret<Vec<u8>>, CoseError> {
        let aead = self.algorithm.aead(crypto)?;
        let nonce = self.headers.nonce(aead.nonce_len(), base_iv)?;
        let ciphertext = self.content.as_deref().ok_or(CoseError::Detached)?;
        let key = key.symmetric(aead.key_len())?;
        let aad = self.structure(external_aad, None);
        crypto.aead_open(aead, key, &nonce, &aad, ciphertext).map_err(|_| CoseError::OpenFailed)
    }
}

/// The family that the tags announce, if there are any, and the message's parts.
fn untagged(item: Item) -> Result<(Option<Family>, Vec<Item>), CoseError> {
    let (item, cwt) = match item {
        Item::Tag(CWT, inner) => (*inner, true),
        item => (item, false),
    };
    match item {
        Item::Tag(tag, inner) => match (family_of(tag), *inner) {
            (Some(family), Item::Array(parts)) => Ok((Some(family), parts)),
            _ => Err(CoseError::Malformed),
        },
        // After the tag of a CWT comes the tag of a message (RFC 8392 §6).
        Item::Array(parts) if !cwt => Ok((None, parts)),
        _ => Err(CoseError::Malformed),
    }
}

/// Protected bytes, unprotected map, content, and signature or MAC.
type Parts = (Vec<u8>, Item, Option<Vec<u8>>, Option<Vec<u8>>);

fn split(parts: Vec<Item>) -> Result<Parts, CoseError> {
    let mut parts = parts.into_iter();
    let (Some(Item::Bytes(protected)), Some(unprotected)) = (parts.next(), parts.next()) else {
        return Err(CoseError::Malformed);
    };
    let content = match parts.next() {
        Some(Item::Bytes(content)) => Some(content),
        Some(Item::NULL) => None,
        _ => return Err(CoseError::Malformed),
    };
    match (parts.next(), parts.next()) {
        (None, None) => Ok((protected, unprotected, content, None)),
        (Some(Item::Bytes(seal)), None) => Ok((protected, unprotected, content, Some(seal))),
        _ => Err(CoseError::Malformed),
    }
}
