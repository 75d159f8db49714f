//! The names of what a provider computes, with their lengths. Nothing here is computed.
//!
//! **Invariant:** a length that a standard fixes is a type or a method of one, never a loose integer.

/// What a provider can do; a vector for an algorithm that it lacks is skipped by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-1 (only for HMAC in RFC 4226 and RFC 6287, and for data that old standards fix).
    Sha1,
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// SHA-384 (FIPS 180-4).
    Sha384,
    /// SHA-512 (FIPS 180-4).
    Sha512,
    /// AES-128-GCM (SP 800-38D), 96-bit nonce, 128-bit tag.
    Aes128Gcm,
    /// AES-192-GCM (SP 800-38D), 96-bit nonce, 128-bit tag.
    Aes192Gcm,
    /// AES-256-GCM (SP 800-38D), 96-bit nonce, 128-bit tag.
    Aes256Gcm,
    /// AES-CCM (SP 800-38C) in the eight forms of RFC 9053 §4.2.
    AesCcm,
    /// ChaCha20-Poly1305 (RFC 8439).
    ChaCha20Poly1305,
    /// AES-CMAC (SP 800-38B, RFC 4493) with keys of 128, 192 and 256 bits.
    AesCmac,
    /// AES-CBC-MAC as COSE has it (RFC 9053 §3.2).
    AesCbcMac,
    /// ECDSA (FIPS 186-5) on P-256 with SHA-256.
    EcdsaP256Sha256,
    /// ECDSA on P-256 with SHA-512, of which the leftmost 256 bits are signed.
    EcdsaP256Sha512,
    /// ECDSA on P-384 with SHA-384.
    EcdsaP384Sha384,
    /// ECDSA on P-521 with SHA-512.
    EcdsaP521Sha512,
    /// The nonces of ECDSA signatures are those of RFC 6979: the same message gives the same bytes.
    EcdsaRfc6979,
    /// Elliptic-curve Diffie-Hellman on P-256 (SP 800-56A §5.7.1.2).
    EcdhP256,
    /// Ed25519 (RFC 8032), strict: no small-order keys, no malleable signatures.
    Ed25519,
    /// X25519 (RFC 7748); an all-zero result is refused.
    X25519,
    /// Argon2id version 0x13 (RFC 9106).
    Argon2id,
}

impl Algorithm {
    /// ECDSA on this curve with this hash; `None` for a pair that no standard of ours has.
    #[must_use]
    pub const fn ecdsa(curve: Curve, hash: HashAlgorithm) -> Option<Self> {
        match (curve, hash) {
            (Curve::P256, HashAlgorithm::Sha256) => Some(Self::EcdsaP256Sha256),
            (Curve::P256, HashAlgorithm::Sha512) => Some(Self::EcdsaP256Sha512),
            (Curve::P384, HashAlgorithm::Sha384) => Some(Self::EcdsaP384Sha384),
            (Curve::P521, HashAlgorithm::Sha512) => Some(Self::EcdsaP521Sha512),
            _ => None,
        }
    }
}

/// Hash functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// 20 bytes.
    Sha1,
    /// 32 bytes.
    Sha256,
    /// 48 bytes.
    Sha384,
    /// 64 bytes.
    Sha512,
}

impl HashAlgorithm {
    /// The digest's length in bytes.
    #[must_use]
    pub const fn digest_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// Authenticated encryption; the tag is appended to the ciphertext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aead {
    /// 16-byte key, 12-byte nonce, 16-byte tag.
    Aes128Gcm,
    /// 24-byte key, 12-byte nonce, 16-byte tag.
    Aes192Gcm,
    /// 32-byte key, 12-byte nonce, 16-byte tag.
    Aes256Gcm,
    /// 32-byte key, 12-byte nonce, 16-byte tag.
    ChaCha20Poly1305,
    /// One of the eight of RFC 9053 §4.2.
    AesCcm(AesCcm),
}

/// An AES-CCM of RFC 9053 §4.2: `AES-CCM-16-64-128` is [`CcmNonce::Bytes13`], [`CcmTag::Bits64`], [`CcmKey::Bits128`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AesCcm {
    /// The key's length.
    pub key: CcmKey,
    /// The tag's length.
    pub tag: CcmTag,
    /// The nonce's length, and with it the longest message.
    pub nonce: CcmNonce,
}

/// The length of an AES-CCM key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CcmKey {
    /// 16 bytes.
    Bits128,
    /// 32 bytes.
    Bits256,
}

/// The length of an AES-CCM tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CcmTag {
    /// 8 bytes.
    Bits64,
    /// 16 bytes.
    Bits128,
}

/// The length of an AES-CCM nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CcmNonce {
    /// 7 bytes: messages of up to 2^64 - 1 bytes (L = 64 bits).
    Bytes7,
    /// 13 bytes: messages of up to 65,535 bytes (L = 16 bits).
    Bytes13,
}

impl Aead {
    /// The key's length in bytes.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::AesCcm(AesCcm { key: CcmKey::Bits128, .. }) => 16,
            Self::Aes192Gcm => 24,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 | Self::AesCcm(AesCcm { key: CcmKey::Bits256, .. }) => {
                32
            }
        }
    }

    /// The nonce's length in bytes. A nonce of another length is refused, also where the cipher could take it.
    #[must_use]
    pub const fn nonce_len(self) -> usize {
        match self {
            Self::AesCcm(AesCcm { nonce: CcmNonce::Bytes7, .. }) => 7,
            Self::AesCcm(AesCcm { nonce: CcmNonce::Bytes13, .. }) => 13,
            _ => 12,
        }
    }

    /// The tag's length in bytes: what sealing adds.
    #[must_use]
    pub const fn tag_len(self) -> usize {
        match self {
            Self::AesCcm(AesCcm { tag: CcmTag::Bits64, .. }) => 8,
            _ => 16,
        }
    }

    /// Under which name a provider lists it.
    #[must_use]
    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::Aes128Gcm => Algorithm::Aes128Gcm,
            Self::Aes192Gcm => Algorithm::Aes192Gcm,
            Self::Aes256Gcm => Algorithm::Aes256Gcm,
            Self::ChaCha20Poly1305 => Algorithm::ChaCha20Poly1305,
            Self::AesCcm(_) => Algorithm::AesCcm,
        }
    }
}

/// The curves of SP 800-186 §3.2.1 that ECDSA takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// P-256 (secp256r1).
    P256,
    /// P-384 (secp384r1).
    P384,
    /// P-521 (secp521r1).
    P521,
}

impl Curve {
    /// The length in bytes of a coordinate, of a private key, and of each half of a signature.
    #[must_use]
    pub const fn field_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// Whether `public` has the tag and the length of a point that every provider takes: uncompressed (04) or compressed (02, 03), SEC 1 §2.3.3.
    /// Hybrid (06, 07) and compact (05) points, and infinity (00), are refused.
    #[must_use]
    pub fn takes_form(self, public: &[u8]) -> bool {
        let coordinates = match public.first() {
            Some(4) => self.field_len().saturating_mul(2),
            Some(2 | 3) => self.field_len(),
            _ => return false,
        };
        public.len() == coordinates.saturating_add(1)
    }
}

/// How dear one Argon2id computation is (RFC 9106 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Cost {
    /// Memory in KiB, at least 8.
    pub memory_kib: u32,
    /// Passes, at least 1.
    pub passes: u32,
}

impl Argon2Cost {
    /// 19 MiB, two passes: what a phone's authenticator affords for one entry of a PIN.
    pub const DEVICE: Self = Self { memory_kib: 19 * 1024, passes: 2 };

    /// The most memory that a provider gives one computation: 1 GiB. A cost read from a file cannot exhaust the machine.
    pub const MEMORY_KIB_MAX: u32 = 1024 * 1024;

    /// The most passes that a provider makes.
    pub const PASSES_MAX: u32 = 64;

    /// Whether memory is 8..=[`Self::MEMORY_KIB_MAX`] KiB and passes are 1..=[`Self::PASSES_MAX`]. Every provider refuses any other cost.
    #[must_use]
    pub const fn in_range(self) -> bool {
        8 <= self.memory_kib
            && self.memory_kib <= Self::MEMORY_KIB_MAX
            && 1 <= self.passes
            && self.passes <= Self::PASSES_MAX
    }
}
