//! COSE_Mac0 (RFC 9052 §6.2) in the one form of Symbolon's own proofs:
//! `17([<<{1: 5, 16: typ}>>, {}, <<claims>>, tag])`, HMAC 256/256 (RFC 9053 §3.1), no external data.
//!
//! For two parties that share a key, or for one that recognises its own tokens. **Invariant:** a key that is not 32 bytes authenticates nothing.
use crate::envelope::{ALG, BadSignature, Claims, Parts, Raw, TYP, claims, structure};
use alloc::vec::Vec;
use symbolon_keys::{Crypto, HashAlgorithm};
use symbolon_types::{Hash, Secret};
use symbolon_wire::cbor::{Encoder, Malformed, to_vec};

/// COSE_Mac0 (RFC 9052 §2).
const TAG: u64 = 17;
/// HMAC 256/256 (RFC 9053 §3.1).
const HMAC_256: i64 = 5;
/// The length of the key in bytes: that of the hash, which RFC 9053 §3.1 asks for.
pub const KEY_LEN: usize = 32;

fn protected(typ: u16) -> Vec<u8> {
    let mut out = Encoder::new();
    out.map(2).int(ALG).int(HMAC_256).int(TYP).uint(u64::from(typ));
    out.finish()
}

fn tag_of(crypto: &dyn Crypto, key: &[u8], protected: &[u8], payload: &[u8]) -> Secret<Vec<u8>> {
    crypto.hmac(HashAlgorithm::Sha256, key, &[&structure("MAC0", protected, payload)])
}

/// The message that proves to a holder of `key` that another holder of it wrote `claims`. The key must have [`KEY_LEN`] bytes; under any other
/// nothing verifies.
#[must_use]
pub fn authenticate<T: Claims>(crypto: &dyn Crypto, key: &[u8], claims: &T) -> Vec<u8> {
    let (protected, payload) = (protected(T::TYPE), to_vec(claims));
    let mut seal = [0; 32];
    seal.iter_mut()
        .zip(tag_of(crypto, key, &protected, &payload).reveal())
        .for_each(|(to, from)| *to = *from);
    Parts { protected: &protected, payload: &payload, seal }.write(TAG)
}

impl Raw<'_> {
    /// Reads a MACed proof of the kind `T`.
    ///
    /// # Errors
    /// [`Malformed`] as for [`Raw::parse`].
    pub fn parse_mac<T: Claims>(self) -> Result<Maced<T>, Malformed> {
        let parts = Parts::<32>::read(self.0, TAG)?;
        // The header has no field that varies, so it is compared, not read.
        if parts.protected != protected(T::TYPE) {
            return Err(Malformed);
        }
        let claims = claims(parts.payload)?;
        Ok(Maced { claims, payload: parts.payload.into(), tag: parts.seal, bytes: self.0.into() })
    }
}

/// A well-formed proof whose MAC has not been looked at.
#[derive(Clone, Debug)]
pub struct Maced<T> {
    claims: T,
    payload: Vec<u8>,
    tag: [u8; 32],
    bytes: Vec<u8>,
}

impl<T: Claims> Maced<T> {
    /// The claims, which anybody may have written: only for finding the key to verify with.
    #[must_use]
    pub fn danger_unverified(&self) -> &T {
        &self.claims
    }

    /// Verifies the MAC under `key`, in constant time.
    ///
    /// # Errors
    /// [`BadSignature`] when the MAC is not right, or the key has not [`KEY_LEN`] bytes.
    pub fn verify(self, crypto: &dyn Crypto, key: &[u8]) -> Result<Authenticated<T>, BadSignature> {
        let tag = tag_of(crypto, key, &protected(T::TYPE), &self.payload);
        if key.len() != KEY_LEN || !tag.equals(&self.tag) {
            return Err(BadSignature);
        }
        Ok(Authenticated { claims: self.claims, payload: self.payload, bytes: self.bytes })
    }
}

/// A proof whose MAC was verified. It proves nothing to a third party: every holder of the key could have written it.
#[derive(Clone, Debug)]
pub struct Authenticated<T> {
    claims: T,
    payload: Vec<u8>,
    bytes: Vec<u8>,
}

impl<T> Authenticated<T> {
    /// What was authenticated.
    #[must_use]
    pub fn claims(&self) -> &T {
        &self.claims
    }

    /// What was authenticated, by value.
    #[must_use]
    pub fn into_claims(self) -> T {
        self.claims
    }

    /// The whole message, as it came.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the payload: names the claims.
    #[must_use]
    pub fn payload_hash(&self, crypto: &dyn Crypto) -> Hash {
        crypto.sha256(&[&self.payload])
    }
}
