//! COSE_Sign1 (RFC 9052 §4.2) in the one form of Symbolon's own proofs:
//! `18([<<{1: -8, 4: kid, 16: typ}>>, {}, <<claims>>, signature])`, Ed25519, no external data.
//!
//! ```text
//! bytes ─Raw::parse─► Signed ─verify─► Verified            claims ─Unsigned::new─► Unsigned ─attach─► bytes
//! ```
//! **Invariant:** a [`Verified`] was signed under the key that it was verified with, whose id its header names, as the kind of proof that it is.
use crate::envelope::{ALG, BadSignature, Claims, KID, MESSAGE_LEN_MAX, Parts, Raw, TYP, claims, structure};
use alloc::vec::Vec;
use core::marker::PhantomData;
use symbolon_keys::{Crypto, CryptoError, KeyId, Signer, VerifyingKey};
use symbolon_types::Hash;
use symbolon_wire::cbor::{Decoder, Encoder, Malformed, to_vec};

/// COSE_Sign1 (RFC 9052 §2).
const TAG: u64 = 18;
/// EdDSA (RFC 9053 §2.2); the kid's key says that it is Ed25519.
const EDDSA: i64 = -8;

fn protected(kid: KeyId, typ: u16) -> Vec<u8> {
    let mut out = Encoder::new();
    out.map(3).int(ALG).int(EDDSA).int(KID).value(&kid).int(TYP).uint(u64::from(typ));
    out.finish()
}

/// The kid of a protected header that is otherwise the one that `typ` must have.
fn kid_of(header: &[u8], typ: u16) -> Result<KeyId, Malformed> {
    let mut input = Decoder::new(header);
    let (alg, kid, found) = input.map(|fields| {
        Ok((fields.field::<i64>(ALG)?, fields.field::<KeyId>(KID)?, fields.field::<u16>(TYP)?))
    })?;
    input.finish()?;
    if (alg, found) == (EDDSA, typ) { Ok(kid) } else { Err(Malformed) }
}

impl Raw<'_> {
    /// Reads a signed proof of the kind `T`.
    ///
    /// # Errors
    /// [`Malformed`] for anything but the one form: another tag, algorithm or type, a header too many, bytes that are not deterministic CBOR,
    /// claims that are not `T`'s, more than [`MESSAGE_LEN_MAX`] bytes.
    pub fn parse<T: Claims>(self) -> Result<Signed<T>, Malformed> {
        let parts = Parts::<64>::read(self.0, TAG)?;
        Ok(Signed {
            kid: kid_of(parts.protected, T::TYPE)?,
            claims: claims(parts.payload)?,
            payload: parts.payload.into(),
            signature: parts.seal,
            bytes: self.0.into(),
        })
    }
}

/// A well-formed proof whose signature has not been looked at.
#[derive(Clone, Debug)]
pub struct Signed<T> {
    kid: KeyId,
    claims: T,
    payload: Vec<u8>,
    signature: [u8; 64],
    bytes: Vec<u8>,
}

impl<T: Claims> Signed<T> {
    /// The id of the key under which the proof says it was signed: for looking the key up, and for nothing else.
    #[must_use]
    pub fn kid(&self) -> KeyId {
        self.kid
    }

    /// The claims, which anybody may have written: only for finding the key to verify with.
    #[must_use]
    pub fn danger_unverified(&self) -> &T {
        &self.claims
    }

    /// Verifies the signature under `key`.
    ///
    /// # Errors
    /// [`BadSignature`] when the header names another key, or the signature is not right.
    pub fn verify(self, crypto: &dyn Crypto, key: &VerifyingKey) -> Result<Verified<T>, BadSignature> {
        if key.id(crypto) != self.kid {
            return Err(BadSignature);
        }
        let signed = structure("Signature1", &protected(self.kid, T::TYPE), &self.payload);
        key.verify(crypto, &signed, &self.signature).map_err(|_| BadSignature)?;
        Ok(Verified { key: *key, claims: self.claims, payload: self.payload, bytes: self.bytes })
    }
}

/// A proof whose signature was verified.
#[derive(Clone, Debug)]
pub struct Verified<T> {
    key: VerifyingKey,
    claims: T,
    payload: Vec<u8>,
    bytes: Vec<u8>,
}

impl<T> Verified<T> {
    /// The key that signed.
    #[must_use]
    pub fn key(&self) -> VerifyingKey {
        self.key
    }

    /// What was signed.
    #[must_use]
    pub fn claims(&self) -> &T {
        &self.claims
    }

    /// What was signed, by value.
    #[must_use]
    pub fn into_claims(self) -> T {
        self.claims
    }

    /// The whole message, as it came.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the payload: names the claims, whoever signed them and however often.
    #[must_use]
    pub fn payload_hash(&self, crypto: &dyn Crypto) -> Hash {
        crypto.sha256(&[&self.payload])
    }

    /// SHA-256 of the whole message. It depends on the signature: never use it as an identity.
    #[must_use]
    pub fn hash(&self, crypto: &dyn Crypto) -> Hash {
        crypto.sha256(&[&self.bytes])
    }
}

/// A proof that waits for its signature. Made of the same kid and payload it is the same to the bit.
#[derive(Clone, Debug)]
pub struct Unsigned<T> {
    kid: KeyId,
    payload: Vec<u8>,
    kind: PhantomData<fn() -> T>,
}

impl<T: Claims> Unsigned<T> {
    /// A proof of `claims`, to be signed by the key `kid`.
    #[must_use]
    pub fn new(kid: KeyId, claims: &T) -> Self {
        Self { kid, payload: to_vec(claims), kind: PhantomData }
    }

    /// The same from a stored payload.
    ///
    /// # Errors
    /// [`Malformed`] when it is not the encoding of claims of the kind `T`.
    pub fn from_payload(kid: KeyId, payload: Vec<u8>) -> Result<Self, Malformed> {
        claims::<T>(&payload)?;
        Ok(Self { kid, payload, kind: PhantomData })
    }

    /// The claims' bytes, for keeping.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The bytes to sign: `["Signature1", protected, h'', payload]` (RFC 9052 §4.4).
    #[must_use]
    pub fn to_be_signed(&self) -> Vec<u8> {
        structure("Signature1", &protected(self.kid, T::TYPE), &self.payload)
    }

    /// The message. The signature is not looked at; a wrong one makes a message that no one accepts.
    #[must_use]
    pub fn attach(&self, signature: [u8; 64]) -> Vec<u8> {
        let protected = protected(self.kid, T::TYPE);
        Parts { protected: &protected, payload: &self.payload, seal: signature }.write(TAG)
    }
}

/// Signs `claims`; the whole message.
///
/// # Errors
/// [`CryptoError`] when the signer cannot sign now, or the message would be longer than [`MESSAGE_LEN_MAX`].
pub fn sign<T: Claims>(crypto: &dyn Crypto, signer: &dyn Signer, claims: &T) -> Result<Vec<u8>, CryptoError> {
    let unsigned = Unsigned::new(signer.verifying_key().id(crypto), claims);
    let message = unsigned.attach(signer.sign(&unsigned.to_be_signed())?);
    if message.len() > MESSAGE_LEN_MAX { Err(CryptoError) } else { Ok(message) }
}
