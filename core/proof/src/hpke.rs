//! HPKE (RFC 9180), modes base and auth, with DHKEM(X25519, HKDF-SHA256) and HKDF-SHA256.
//!
//! ```text
//! Sender::base | Sender::auth ─► (enc, Sender) ─seal, seal, …, export
//! Receiver::base | Receiver::auth ─► Receiver ─open, open, …, export
//! ```
//! **Invariant:** the ephemeral key comes from 32 random bytes that the caller gives and uses for one message or context only.
//! **Invariant:** a nonce is used once: sealing and opening take the next sequence number, and a failed opening takes none.
use alloc::vec::Vec;
use symbolon_keys::{Aead, Crypto, CryptoError, KemKey, KemPublic, hkdf_expand, hkdf_extract};
use symbolon_types::Secret;

mod schedule;
use schedule::Schedule;

/// DHKEM(X25519, HKDF-SHA256) (RFC 9180 §7.1).
const KEM_ID: [u8; 2] = [0x00, 0x20];
/// HKDF-SHA256 (RFC 9180 §7.2).
const KDF_ID: [u8; 2] = [0x00, 0x01];
/// The suite of the KEM's own derivations (RFC 9180 §4.1).
const KEM_SUITE: &[u8] = b"KEM\x00\x20";

/// The AEAD of a suite (RFC 9180 §7.3); KEM and KDF are the module's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// 0x0001.
    Aes128Gcm,
    /// 0x0003.
    ChaCha20Poly1305,
}

impl Suite {
    const fn aead(self) -> Aead {
        match self {
            Self::Aes128Gcm => Aead::Aes128Gcm,
            Self::ChaCha20Poly1305 => Aead::ChaCha20Poly1305,
        }
    }

    /// `"HPKE" | kem_id | kdf_id | aead_id` (RFC 9180 §5.1).
    fn id(self) -> Vec<u8> {
        let aead_id: [u8; 2] = match self {
            Self::Aes128Gcm => [0, 1],
            Self::ChaCha20Poly1305 => [0, 3],
        };
        [b"HPKE".as_slice(), &KEM_ID, &KDF_ID, &aead_id].concat()
    }
}

/// A sealed message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The encapsulated key, which the recipient needs.
    pub enc: [u8; 32],
    /// Ciphertext and tag.
    pub ciphertext: Vec<u8>,
}

/// LabeledExtract (RFC 9180 §4).
fn labeled_extract(
    crypto: &dyn Crypto,
    suite: &[u8],
    salt: &[u8],
    label: &[u8],
    ikm: &[u8],
) -> Secret<[u8; 32]> {
    hkdf_extract(crypto, salt, &[b"HPKE-v1", suite, label, ikm])
}

/// LabeledExpand (RFC 9180 §4).
fn labeled_expand(
    crypto: &dyn Crypto,
    suite: &[u8],
    prk: &Secret<[u8; 32]>,
    label: &[u8],
    info: &[u8],
    len: usize,
) -> Result<Secret<Vec<u8>>, CryptoError> {
    let len_bytes = u16::try_from(len).map_err(|_| CryptoError)?.to_be_bytes();
    hkdf_expand(crypto, prk.reveal(), &[&len_bytes, b"HPKE-v1", suite, label, info], len)
}

fn array32(bytes: &Secret<Vec<u8>>) -> Result<Secret<[u8; 32]>, CryptoError> {
    bytes.reveal().as_slice().try_into().map(Secret::new).map_err(|_| CryptoError)
}

/// DeriveKeyPair for X25519 (RFC 9180 §7.1.3): the key of this much secret input, of at least 32 bytes.
///
/// # Errors
/// [`CryptoError`] when the input is shorter.
pub fn derive_key_pair(crypto: &dyn Crypto, ikm: &[u8]) -> Result<KemKey, CryptoError> {
    if ikm.len() < 32 {
        return Err(CryptoError);
    }
    let prk = labeled_extract(crypto, KEM_SUITE, &[], b"dkp_prk", ikm);
    array32(&labeled_expand(crypto, KEM_SUITE, &prk, b"sk", &[], 32)?).map(KemKey::from_private)
}

/// ExtractAndExpand over the agreed secrets (RFC 9180 §4.1).
fn extract_and_expand(
    crypto: &dyn Crypto,
    agreed: &[&Secret<[u8; 32]>],
    public_keys: &[&[u8; 32]],
) -> Result<Secret<[u8; 32]>, CryptoError> {
    let mut dh = Vec::with_capacity(64);
    agreed.iter().for_each(|secret| dh.extend_from_slice(secret.reveal()));
    let dh = Secret::new(dh);
    let kem_context: Vec<u8> = public_keys.iter().flat_map(|key| key.iter().copied()).collect();
    let prk = labeled_extract(crypto, KEM_SUITE, &[], b"eae_prk", dh.reveal());
    array32(&labeled_expand(crypto, KEM_SUITE, &prk, b"shared_secret", &kem_context, 32)?)
}

/// Encap, or AuthEncap with a sender's key (RFC 9180 §4.1).
fn encap(
    crypto: &dyn Crypto,
    recipient: &KemPublic,
    sender: Option<&KemKey>,
    ephemeral: &Secret<[u8; 32]>,
) -> Result<(KemPublic, Secret<[u8; 32]>), CryptoError> {
    let ephemeral = derive_key_pair(crypto, ephemeral.reveal())?;
    let (enc, dh) = (ephemeral.public(crypto), ephemeral.agree(crypto, recipient)?);
    let shared = match sender {
        None => extract_and_expand(crypto, &[&dh], &[&enc.0, &recipient.0])?,
        Some(key) => {
            let sender_dh = key.agree(crypto, recipient)?;
            extract_and_expand(crypto, &[&dh, &sender_dh], &[&enc.0, &recipient.0, &key.public(crypto).0])?
        }
    };
    Ok((enc, shared))
}

/// Decap, or AuthDecap with a sender's public key (RFC 9180 §4.1).
fn decap(
    crypto: &dyn Crypto,
    enc: &KemPublic,
    recipient: &KemKey,
    sender: Option<&KemPublic>,
) -> Result<Secret<[u8; 32]>, CryptoError> {
    let (dh, own) = (recipient.agree(crypto, enc)?, recipient.public(crypto));
    match sender {
        None => extract_and_expand(crypto, &[&dh], &[&enc.0, &own.0]),
        Some(key) => {
            let sender_dh = recipient.agree(crypto, key)?;
            extract_and_expand(crypto, &[&dh, &sender_dh], &[&enc.0, &own.0, &key.0])
        }
    }
}

/// The sending side of a context.
pub struct Sender<'a>(Schedule<'a>);

impl<'a> Sender<'a> {
    /// SetupBaseS (RFC 9180 §5.1.1): the encapsulated key for the recipient, and the context.
    ///
    /// # Errors
    /// [`CryptoError`] when the recipient's key is of small order.
    pub fn base(
        crypto: &'a dyn Crypto,
        suite: Suite,
        recipient: &KemPublic,
        info: &[u8],
        ephemeral: &Secret<[u8; 32]>,
    ) -> Result<([u8; 32], Self), CryptoError> {
        let (enc, shared) = encap(crypto, recipient, None, ephemeral)?;
        Ok((enc.0, Self(Schedule::new(crypto, suite, schedule::BASE, &shared, info)?)))
    }

    /// SetupAuthS (RFC 9180 §5.1.3): as [`Sender::base`], and the recipient learns that `sender`'s holder sealed.
    ///
    /// # Errors
    /// [`CryptoError`] when the recipient's key is of small order.
    pub fn auth(
        crypto: &'a dyn Crypto,
        suite: Suite,
        recipient: &KemPublic,
        info: &[u8],
        sender: &KemKey,
        ephemeral: &Secret<[u8; 32]>,
    ) -> Result<([u8; 32], Self), CryptoError> {
        let (enc, shared) = encap(crypto, recipient, Some(sender), ephemeral)?;
        Ok((enc.0, Self(Schedule::new(crypto, suite, schedule::AUTH, &shared, info)?)))
    }

    /// Seals the next message (RFC 9180 §5.2).
    ///
    /// # Errors
    /// [`CryptoError`] after 2^64 - 1 messages.
    pub fn seal(&mut self, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.0.seal(aad, plaintext)
    }

    /// A secret that both sides can derive (RFC 9180 §5.3); at most 8160 bytes.
    ///
    /// # Errors
    /// [`CryptoError`] when `len` is too large.
    pub fn export(&self, context: &[u8], len: usize) -> Result<Secret<Vec<u8>>, CryptoError> {
        self.0.export(context, len)
    }
}

/// The receiving side of a context.
pub struct Receiver<'a>(Schedule<'a>);

impl<'a> Receiver<'a> {
    /// SetupBaseR (RFC 9180 §5.1.1).
    ///
    /// # Errors
    /// [`CryptoError`] when `enc` is of small order.
    pub fn base(
        crypto: &'a dyn Crypto,
        suite: Suite,
        enc: &[u8; 32],
        recipient: &KemKey,
        info: &[u8],
    ) -> Result<Self, CryptoError> {
        let shared = decap(crypto, &KemPublic(*enc), recipient, None)?;
        Schedule::new(crypto, suite, schedule::BASE, &shared, info).map(Self)
    }

    /// SetupAuthR (RFC 9180 §5.1.3): what it opens was sealed by `sender`'s holder, or by whoever knows the recipient's private key.
    ///
    /// # Errors
    /// [`CryptoError`] when `enc` or `sender` is of small order.
    pub fn auth(
        crypto: &'a dyn Crypto,
        suite: Suite,
        enc: &[u8; 32],
        recipient: &KemKey,
        info: &[u8],
        sender: &KemPublic,
    ) -> Result<Self, CryptoError> {
        let shared = decap(crypto, &KemPublic(*enc), recipient, Some(sender))?;
        Schedule::new(crypto, suite, schedule::AUTH, &shared, info).map(Self)
    }

    /// Opens the next message (RFC 9180 §5.2). A message that does not open leaves the context as it was.
    ///
    /// # Errors
    /// [`CryptoError`].
    pub fn open(&mut self, aad: &[u8], ciphertext: &[u8]) -> Result<Secret<Vec<u8>>, CryptoError> {
        self.0.open(aad, ciphertext)
    }

    /// A secret that both sides can derive (RFC 9180 §5.3); at most 8160 bytes.
    ///
    /// # Errors
    /// [`CryptoError`] when `len` is too large.
    pub fn export(&self, context: &[u8], len: usize) -> Result<Secret<Vec<u8>>, CryptoError> {
        self.0.export(context, len)
    }
}

/// Seals one message to `recipient`. `ephemeral` is 32 random bytes that are used for nothing else.
///
/// # Errors
/// [`CryptoError`] when the recipient's key is of small order.
pub fn seal_base(
    crypto: &dyn Crypto,
    suite: Suite,
    recipient: &KemPublic,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    ephemeral: &Secret<[u8; 32]>,
) -> Result<Sealed, CryptoError> {
    let (enc, mut context) = Sender::base(crypto, suite, recipient, info, ephemeral)?;
    Ok(Sealed { enc, ciphertext: context.seal(aad, plaintext)? })
}

/// Seals one message to `recipient`, which learns that `sender`'s holder sealed it.
///
/// # Errors
/// [`CryptoError`] when the recipient's key is of small order.
#[expect(clippy::too_many_arguments, reason = "the parameters of RFC 9180 §6.1, SealAuth")]
pub fn seal_auth(
    crypto: &dyn Crypto,
    suite: Suite,
    recipient: &KemPublic,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    sender: &KemKey,
    ephemeral: &Secret<[u8; 32]>,
) -> Result<Sealed, CryptoError> {
    let (enc, mut context) = Sender::auth(crypto, suite, recipient, info, sender, ephemeral)?;
    Ok(Sealed { enc, ciphertext: context.seal(aad, plaintext)? })
}

/// Opens what [`seal_base`] made.
///
/// # Errors
/// [`CryptoError`] unless key, info, aad and every byte are right.
pub fn open_base(
    crypto: &dyn Crypto,
    suite: Suite,
    recipient: &KemKey,
    info: &[u8],
    aad: &[u8],
    sealed: &Sealed,
) -> Result<Secret<Vec<u8>>, CryptoError> {
    Receiver::base(crypto, suite, &sealed.enc, recipient, info)?.open(aad, &sealed.ciphertext)
}

/// Opens what [`seal_auth`] made by the holder of `sender`.
///
/// # Errors
/// [`CryptoError`] unless both keys, info, aad and every byte are right.
pub fn open_auth(
    crypto: &dyn Crypto,
    suite: Suite,
    recipient: &KemKey,
    info: &[u8],
    aad: &[u8],
    sender: &KemPublic,
    sealed: &Sealed,
) -> Result<Secret<Vec<u8>>, CryptoError> {
    Receiver::auth(crypto, suite, &sealed.enc, recipient, info, sender)?.open(aad, &sealed.ciphertext)
}

#[cfg(test)]
mod tests;
