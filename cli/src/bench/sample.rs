//! What the rows are fed with: the same in every run, and like the real thing in shape and size.
use super::measure::Trouble;
use symbolon_keys::{Crypto, KeyId, LocalSigner, RustCrypto, SigningKey, VerifyingKey};
use symbolon_offline_payment::Refusal;
use symbolon_offline_payment::messages::VerificationRule;
use symbolon_proof::{Claims, Unsigned};
use symbolon_types::{Amount, Currency, Refused, Secret, UnixMs};

/// The time of all samples.
pub const NOW: UnixMs = UnixMs(1_800_000_000_000);
/// The provider of all rows.
pub static CRYPTO: RustCrypto = RustCrypto;

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Refused::from(refusal))
    }
}

/// 32 bytes that look random, another for each label and number.
pub fn random32(label: &str, number: u32) -> [u8; 32] {
    CRYPTO.sha256(&[b"symbolon/bench/", label.as_bytes(), &number.to_be_bytes()]).0
}

/// The first 16 of [`random32`].
pub fn random16(label: &str, number: u32) -> [u8; 16] {
    let (mut out, bytes) = ([0; 16], random32(label, number));
    out.copy_from_slice(&bytes[..16]);
    out
}

/// So many bytes that do not compress.
pub fn noise(length: usize) -> Vec<u8> {
    (0..).flat_map(|number| random32("noise", number)).take(length).collect()
}

/// A signing key, another for each label and number.
pub fn signing_key(label: &str, number: u32) -> SigningKey {
    SigningKey::from_seed(Secret::new(random32(label, number)))
}

/// An amount in euro cents.
pub fn eur(minor: u64) -> Result<Amount, Trouble> {
    Amount::new(minor, Currency::EUR).map_err(|_| Trouble::Unmeasurable)
}

/// A PIN from nothing on, a one-time password too from 30.00 on.
pub fn verification() -> Vec<VerificationRule> {
    let rule = |from_minor, otp| VerificationRule { from_minor, user: 1, otp };
    vec![rule(0, false), rule(3000, true)]
}

/// One bare signature operation: the key, the bytes that are signed, the signature.
#[derive(Clone)]
pub struct Bare {
    /// Whose signature.
    pub key: VerifyingKey,
    /// What is signed: the Sig_structure (RFC 9052 §4.4).
    pub message: Vec<u8>,
    /// The signature.
    pub signature: [u8; 64],
}

impl Bare {
    /// Signs claims: what is inside a proof, and the proof itself.
    pub fn sign<T: Claims>(key: &SigningKey, claims: &T) -> Result<(Self, Vec<u8>), Trouble> {
        let public = key.verifying(&CRYPTO);
        let proof = symbolon_proof::sign(&CRYPTO, &LocalSigner { crypto: &CRYPTO, key }, claims)?;
        let message = to_be_signed(public.id(&CRYPTO), claims);
        Ok((Self { key: public, message, signature: signature(&proof)? }, proof))
    }

    /// Whether the provider takes the signature.
    pub fn verifies(&self) -> bool {
        CRYPTO.ed25519_verify(&self.key.0, &self.message, &self.signature).is_ok()
    }
}

/// The bytes under a proof's signature.
pub fn to_be_signed<T: Claims>(kid: KeyId, claims: &T) -> Vec<u8> {
    Unsigned::new(kid, claims).to_be_signed()
}

/// The signature of a proof: its last 64 bytes.
pub fn signature(proof: &[u8]) -> Result<[u8; 64], Trouble> {
    proof.last_chunk::<64>().copied().ok_or(Trouble::Unmeasurable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_differ_and_repeat() {
        assert_eq!(random32("a", 1), random32("a", 1));
        assert_ne!(random32("a", 1), random32("a", 2));
        assert_ne!(random32("a", 1), random32("b", 1));
        assert_eq!(random16("a", 1), random32("a", 1)[..16]);
        assert_eq!(noise(70).len(), 70);
        assert_ne!(noise(64)[..32], noise(64)[32..]);
    }
}
