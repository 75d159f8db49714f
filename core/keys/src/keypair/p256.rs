//! Keys on P-256 by purpose: ES256 signatures (RFC 9053 §2.1) for hardware that has no Ed25519, and key agreement for HPKE's DHKEM(P-256).
//!
//! A COSE_Key on P-256 does not say what it is for, so its reader does, by the type that it decodes to.
//! **Invariant:** a private key in a type is in range, and its public key is known: both are found once, when the key is taken in.
//! **Invariant:** a public key has its form; that it lies on the curve is checked by the provider at each use.
use super::KeyId;
use crate::{Crypto, CryptoError, Curve, HashAlgorithm};
use symbolon_types::{Hash, Secret, identifier};
use symbolon_wire::cbor::{Cbor, Decoder, Encoder, Malformed, to_vec};

/// Key type EC2 (RFC 9053 §7, table 17).
const EC2: i64 = 2;
/// Curve P-256 (RFC 9053 §7.1, table 18).
const P256: i64 = 1;

identifier! {
    /// A public key of ES256: the x- and y-coordinates of its point, 32 bytes each.
    pub struct Es256VerifyingKey([u8; 64]);

    /// A public key of DHKEM(P-256, HKDF-SHA256): the x- and y-coordinates of its point, 32 bytes each.
    pub struct P256KemPublic([u8; 64]);
}

/// x and y of an uncompressed point (SEC 1 §2.3.3).
fn coordinates(sec1: &[u8]) -> Option<[u8; 64]> {
    sec1.strip_prefix(&[4])?.try_into().ok()
}

fn uncompressed(coordinates: &[u8; 64]) -> [u8; 65] {
    let mut sec1 = [4; 65];
    sec1.iter_mut().skip(1).zip(coordinates).for_each(|(to, from)| *to = *from);
    sec1
}

/// A COSE_Key that holds no more than its thumbprint needs: `{1: EC2, -1: P-256, -2: x, -3: y}` (RFC 9679 §4.2).
fn encode_ec2(coordinates: &[u8; 64], out: &mut Encoder) {
    let (x, y) = coordinates.split_at(32);
    out.map(4).int(1).int(EC2).int(-1).int(P256).int(-2).bytes(x).int(-3).bytes(y);
}

fn decode_ec2(input: &mut Decoder<'_>) -> Result<[u8; 64], Malformed> {
    let (kty, crv, x, y) = input.map(|fields| {
        let (kty, crv) = (fields.field::<i64>(1)?, fields.field::<i64>(-1)?);
        Ok((kty, crv, fields.field::<[u8; 32]>(-2)?, fields.field::<[u8; 32]>(-3)?))
    })?;
    let mut coordinates = [0; 64];
    coordinates.iter_mut().zip(x.iter().chain(&y)).for_each(|(to, from)| *to = *from);
    if (kty, crv) == (EC2, P256) { Ok(coordinates) } else { Err(Malformed) }
}

/// What both public keys have: two forms, a thumbprint and an id.
macro_rules! p256_public {
    ($name:ident) => {
        /// `{1: 2, -1: 1, -2: x, -3: y}`; nothing else is read, no compressed point either.
        impl Cbor for $name {
            fn encode(&self, out: &mut Encoder) {
                encode_ec2(&self.0, out);
            }
            fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
                decode_ec2(input).map(Self)
            }
        }

        impl $name {
            /// From an uncompressed point (SEC 1 §2.3.3), 65 bytes; `None` for any other form.
            #[must_use]
            pub fn from_sec1(sec1: &[u8]) -> Option<Self> {
                coordinates(sec1).map(Self)
            }

            /// The uncompressed point: 04, x, y.
            #[must_use]
            pub fn to_sec1(&self) -> [u8; 65] {
                uncompressed(&self.0)
            }

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
        }
    };
}
p256_public!(Es256VerifyingKey);
p256_public!(P256KemPublic);

fn public_of(crypto: &dyn Crypto, private: &Secret<[u8; 32]>) -> Result<[u8; 64], CryptoError> {
    coordinates(&crypto.ecdsa_public(Curve::P256, private.reveal())?).ok_or(CryptoError)
}

impl Es256VerifyingKey {
    /// # Errors
    /// [`CryptoError`] unless `signature`, r and s, is this key's on `message` (ECDSA on P-256 with SHA-256).
    pub fn verify(
        &self,
        crypto: &dyn Crypto,
        message: &[u8],
        signature: &[u8; 64],
    ) -> Result<(), CryptoError> {
        crypto.ecdsa_verify(Curve::P256, HashAlgorithm::Sha256, &self.to_sec1(), message, signature)
    }
}

/// A private key of ES256.
#[derive(Clone, Debug)]
pub struct Es256Key {
    private: Secret<[u8; 32]>,
    public: Es256VerifyingKey,
}

impl Es256Key {
    /// From a number of 32 bytes, big-endian.
    ///
    /// # Errors
    /// [`CryptoError`] unless it lies between 1 and the curve's order less 1; of random bytes, one in 2^32 does not.
    pub fn from_private(crypto: &dyn Crypto, private: Secret<[u8; 32]>) -> Result<Self, CryptoError> {
        let public = Es256VerifyingKey(public_of(crypto, &private)?);
        Ok(Self { private, public })
    }

    /// The private bytes, for whoever seals them at rest.
    #[must_use]
    pub fn private(&self) -> &Secret<[u8; 32]> {
        &self.private
    }

    /// The public key.
    #[must_use]
    pub fn verifying(&self) -> Es256VerifyingKey {
        self.public
    }

    /// A signature on `message`, r and s. Whether the same message gives the same bytes is the provider's affair: see [`Crypto::ecdsa_sign`].
    ///
    /// # Errors
    /// [`CryptoError`] when the provider lacks ECDSA on P-256, or cannot draw a nonce.
    pub fn sign(&self, crypto: &dyn Crypto, message: &[u8]) -> Result<[u8; 64], CryptoError> {
        let (curve, hash) = (Curve::P256, HashAlgorithm::Sha256);
        let signature = crypto.ecdsa_sign(curve, hash, self.private.reveal(), message)?;
        signature.as_slice().try_into().map_err(|_| CryptoError)
    }
}

/// A private key of DHKEM(P-256, HKDF-SHA256) (RFC 9180 §7.1).
#[derive(Clone, Debug)]
pub struct P256KemKey {
    private: Secret<[u8; 32]>,
    public: P256KemPublic,
}

impl P256KemKey {
    /// From a number of 32 bytes, big-endian.
    ///
    /// # Errors
    /// [`CryptoError`] unless it lies between 1 and the curve's order less 1; of random bytes, one in 2^32 does not.
    pub fn from_private(crypto: &dyn Crypto, private: Secret<[u8; 32]>) -> Result<Self, CryptoError> {
        let public = P256KemPublic(public_of(crypto, &private)?);
        Ok(Self { private, public })
    }

    /// The private bytes, for whoever seals them at rest.
    #[must_use]
    pub fn private(&self) -> &Secret<[u8; 32]> {
        &self.private
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> P256KemPublic {
        self.public
    }

    /// The raw shared secret with `other`, an x-coordinate: input of a key derivation, never a key by itself.
    ///
    /// # Errors
    /// [`CryptoError`] when `other` does not lie on the curve.
    pub fn agree(&self, crypto: &dyn Crypto, other: &P256KemPublic) -> Result<Secret<[u8; 32]>, CryptoError> {
        crypto.p256_ecdh(self.private.reveal(), &other.to_sec1())
    }
}
