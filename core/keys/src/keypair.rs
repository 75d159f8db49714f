//! Keys by purpose: a signing key cannot agree on a secret, a KEM key cannot sign. Public keys are COSE_Keys (RFC 9053 §7.2).
//!
//! **Invariant:** a key's id is derived from the key (RFC 9679), so an id cannot be claimed for another key.
use crate::{Crypto, CryptoError};
use symbolon_types::{Hash, Secret, identifier};
use symbolon_wire::cbor::{Cbor, Decoder, Encoder, Malformed, to_vec};

mod p256;
pub use p256::{Es256Key, Es256VerifyingKey, P256KemKey, P256KemPublic};

/// Key type OKP (RFC 9053 §7, table 17).
const OKP: i64 = 1;
/// Curve X25519 (RFC 9053 §7.1, table 18).
const X25519: i64 = 4;
/// Curve Ed25519 (RFC 9053 §7.1, table 18).
const ED25519: i64 = 6;

identifier! {
    /// The first eight bytes of a public key's COSE_Key thumbprint (RFC 9679, SHA-256): the `kid` of a proof.
    pub struct KeyId([u8; 8]);

    /// An X25519 public key (RFC 7748), as its u-coordinate.
    pub struct KemPublic([u8; 32]);

    /// An Ed25519 public key (RFC 8032 §5.1.5).
    pub struct VerifyingKey([u8; 32]);
}
symbolon_wire::cbor_identifier!(KeyId);

impl KeyId {
    /// The first eight bytes of a thumbprint.
    fn of(thumbprint: &Hash) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = thumbprint.0;
        Self([a, b, c, d, e, f, g, h])
    }
}

/// A COSE_Key that holds no more than its thumbprint needs: `{1: OKP, -1: curve, -2: x}` (RFC 9679 §4.1).
fn encode_okp(curve: i64, x: &[u8; 32], out: &mut Encoder) {
    out.map(3).int(1).int(OKP).int(-1).int(curve).int(-2).bytes(x);
}

fn decode_okp(curve: i64, input: &mut Decoder<'_>) -> Result<[u8; 32], Malformed> {
    let (kty, crv, x) = input.map(|fields| {
        Ok((fields.field::<i64>(1)?, fields.field::<i64>(-1)?, fields.field::<[u8; 32]>(-2)?))
    })?;
    if (kty, crv) == (OKP, curve) { Ok(x) } else { Err(Malformed) }
}

/// `{1: 1, -1: 6, -2: x}`; nothing else is read.
impl Cbor for VerifyingKey {
    fn encode(&self, out: &mut Encoder) {
        encode_okp(ED25519, &self.0, out);
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        decode_okp(ED25519, input).map(Self)
    }
}

/// `{1: 1, -1: 4, -2: x}`; nothing else is read.
impl Cbor for KemPublic {
    fn encode(&self, out: &mut Encoder) {
        encode_okp(X25519, &self.0, out);
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        decode_okp(X25519, input).map(Self)
    }
}

impl VerifyingKey {
    /// The COSE_Key thumbprint with SHA-256 (RFC 9679 §3).
    #[must_use]
    pub fn thumbprint(&self, crypto: &dyn Crypto) -> Hash {
        crypto.sha256(&[&to_vec(self)])
    }

    /// The key's id: the thumbprint's first eight bytes.
    #[must_use]
    pub fn id(&self, crypto: &dyn Crypto) -> KeyId {
        KeyId::of(&self.thumbprint(crypto))
    }

    /// # Errors
    /// [`CryptoError`] unless `signature` is this key's on `message`, by the strict rules of [`Crypto::ed25519_verify`].
    pub fn verify(
        &self,
        crypto: &dyn Crypto,
        message: &[u8],
        signature: &[u8; 64],
    ) -> Result<(), CryptoError> {
        crypto.ed25519_verify(&self.0, message, signature)
    }
}

/// An Ed25519 private key: the seed of RFC 8032 §5.1.5.
#[derive(Clone, Debug)]
pub struct SigningKey(Secret<[u8; 32]>);

impl SigningKey {
    /// From 32 bytes, random or derived from a secret.
    #[must_use]
    pub fn from_seed(seed: Secret<[u8; 32]>) -> Self {
        Self(seed)
    }

    /// The seed, for whoever seals it at rest.
    #[must_use]
    pub fn seed(&self) -> &Secret<[u8; 32]> {
        &self.0
    }

    /// The public key.
    #[must_use]
    pub fn verifying(&self, crypto: &dyn Crypto) -> VerifyingKey {
        VerifyingKey(crypto.ed25519_public(self.0.reveal()))
    }

    /// The signature on `message`; the same message gives the same bytes.
    #[must_use]
    pub fn sign(&self, crypto: &dyn Crypto, message: &[u8]) -> [u8; 64] {
        crypto.ed25519_sign(self.0.reveal(), message)
    }
}

/// An X25519 private key (RFC 7748), for HPKE's key encapsulation.
///
/// **Invariant:** a public key that is kept is this private key's.
#[derive(Clone)]
pub struct KemKey {
    private: Secret<[u8; 32]>,
    public: Option<KemPublic>,
}

impl core::fmt::Debug for KemKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("KemKey").field(&self.private).finish()
    }
}

impl KemKey {
    /// From 32 bytes, random or derived from a secret; clamped where it is used.
    #[must_use]
    pub fn from_private(private: Secret<[u8; 32]>) -> Self {
        Self { private, public: None }
    }

    /// The same key, which from now on knows its public key: opening a message takes both, and this one costs a third of it.
    #[must_use]
    pub fn paired(self, crypto: &dyn Crypto) -> Self {
        let public = Some(self.public(crypto));
        Self { public, ..self }
    }

    /// The private bytes, for whoever seals them at rest.
    #[must_use]
    pub fn private(&self) -> &Secret<[u8; 32]> {
        &self.private
    }

    /// The public key.
    #[must_use]
    pub fn public(&self, crypto: &dyn Crypto) -> KemPublic {
        self.public.unwrap_or_else(|| KemPublic(crypto.x25519_public(self.private.reveal())))
    }

    /// The raw shared secret with `other`: input of a key derivation, never a key by itself.
    ///
    /// # Errors
    /// [`CryptoError`] when `other` is of small order, so that the secret would be all zero (RFC 7748 §6.1).
    pub fn agree(&self, crypto: &dyn Crypto, other: &KemPublic) -> Result<Secret<[u8; 32]>, CryptoError> {
        crypto.x25519(self.private.reveal(), &other.0)
    }
}

/// Whoever can sign as one key: a key in memory, or a vault that never gives it out.
pub trait Signer {
    /// The key under which the signatures verify.
    fn verifying_key(&self) -> VerifyingKey;

    /// An Ed25519 signature on `message`; the same message gives the same bytes.
    ///
    /// # Errors
    /// [`CryptoError`] when the key cannot be used now.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], CryptoError>;
}

/// A [`Signer`] over a key in memory.
#[derive(Clone, Copy)]
pub struct LocalSigner<'a> {
    /// Who computes.
    pub crypto: &'a dyn Crypto,
    /// The key.
    pub key: &'a SigningKey,
}

impl Signer for LocalSigner<'_> {
    fn verifying_key(&self) -> VerifyingKey {
        self.key.verifying(self.crypto)
    }
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], CryptoError> {
        Ok(self.key.sign(self.crypto, message))
    }
}
