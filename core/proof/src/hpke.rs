//! HPKE (RFC 9180) with HKDF-SHA256, in its four modes, over DHKEM(X25519) or DHKEM(P-256): the type of the recipient's key says which.
//!
//! ```text
//! Sender::base | psk | auth | auth_psk ───► (enc, Sender) ─seal, seal, …, export
//! Receiver::base | psk | auth | auth_psk ─► Receiver ─open, open, …, export
//! ```
//! **Invariant:** the ephemeral key comes from 32 random bytes that the caller gives and uses for one message or context only.
//! **Invariant:** a nonce is used once: sealing and opening take the next sequence number, and a failed opening takes none.
use alloc::vec::Vec;
use symbolon_keys::{Aead, Crypto, CryptoError, KemKey, hkdf_expand, hkdf_extract};
use symbolon_types::Secret;

mod kem;
mod schedule;
pub use kem::{KemPrivateKey, KemPublicKey};
use kem::{decap, encap};
use schedule::{Schedule, Setup};

/// HKDF-SHA256 (RFC 9180 §7.2).
const KDF_ID: [u8; 2] = [0x00, 0x01];

/// The AEAD of a suite (RFC 9180 §7.3); the KEM is the key's, the KDF the module's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// 0x0001.
    Aes128Gcm,
    /// 0x0002.
    Aes256Gcm,
    /// 0x0003.
    ChaCha20Poly1305,
    /// 0xFFFF: the context only exports secrets, and refuses to seal and to open.
    ExportOnly,
}

impl Suite {
    const fn aead(self) -> Option<Aead> {
        match self {
            Self::Aes128Gcm => Some(Aead::Aes128Gcm),
            Self::Aes256Gcm => Some(Aead::Aes256Gcm),
            Self::ChaCha20Poly1305 => Some(Aead::ChaCha20Poly1305),
            Self::ExportOnly => None,
        }
    }

    /// `"HPKE" | kem_id | kdf_id | aead_id` (RFC 9180 §5.1).
    fn id(self, kem_id: [u8; 2]) -> Vec<u8> {
        let aead_id: [u8; 2] = match self {
            Self::Aes128Gcm => [0, 1],
            Self::Aes256Gcm => [0, 2],
            Self::ChaCha20Poly1305 => [0, 3],
            Self::ExportOnly => [0xFF, 0xFF],
        };
        [b"HPKE".as_slice(), &kem_id, &KDF_ID, &aead_id].concat()
    }
}

/// A pre-shared key and its name.
#[derive(Clone, Copy)]
pub struct Psk<'a> {
    secret: &'a [u8],
    id: &'a [u8],
}

impl<'a> Psk<'a> {
    /// A secret of at least 32 bytes (RFC 9180 §5.1.2 asks for as much entropy; of a password there is never enough), and an id, not empty.
    ///
    /// # Errors
    /// [`CryptoError`] when one of them is shorter.
    pub fn new(secret: &'a [u8], id: &'a [u8]) -> Result<Self, CryptoError> {
        if secret.len() < 32 || id.is_empty() { Err(CryptoError) } else { Ok(Self { secret, id }) }
    }
}

/// A sealed message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed<E = [u8; 32]> {
    /// The encapsulated key, which the recipient needs: 32 bytes for X25519, 65 for P-256.
    pub enc: E,
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

/// DeriveKeyPair for X25519 (RFC 9180 §7.1.3): the key of this much secret input, of at least 32 bytes. For P-256 see [`KemPrivateKey::derive`].
///
/// # Errors
/// [`CryptoError`] when the input is shorter.
pub fn derive_key_pair(crypto: &dyn Crypto, ikm: &[u8]) -> Result<KemKey, CryptoError> {
    KemKey::derive(crypto, ikm)
}

/// The encapsulated key of the KEM to which a private key belongs.
type EncTo<S> = <<S as KemPrivateKey>::Public as KemPublicKey>::Encoded;

/// The sending side of a context.
pub struct Sender<'a>(Schedule<'a>);

impl<'a> Sender<'a> {
    fn new<P: KemPublicKey>(
        crypto: &'a dyn Crypto,
        suite: Suite,
        recipient: &P,
        info: &[u8],
        (psk, sender): (Option<&Psk<'_>>, Option<&P::Private>),
        ephemeral: &Secret<[u8; 32]>,
    ) -> Result<(P::Encoded, Self), CryptoError> {
        let (enc, shared) = encap(crypto, recipient, sender, ephemeral)?;
        let setup = Setup { suite, kem_id: P::KEM_ID, auth: sender.is_some(), psk, info };
        Ok((enc, Self(Schedule::new(crypto, &setup, &shared)?)))
    }

    /// SetupBaseS (RFC 9180 §5.1.1): the encapsulated key for the recipient, and the context.
    ///
    /// # Errors
    /// [`CryptoError`] when the recipient's key is of small order, or not on the curve.
    pub fn base<P: KemPublicKey>(
        crypto: &'a dyn Crypto,
        suite: Suite,
        recipient: &P,
        info: &[u8],
        ephemeral: &Secret<[u8; 32]>,
    ) -> Result<(P::Encoded, Self), CryptoError> {
        Self::new(crypto, suite, recipient, info, (None, None), ephemeral)
    }

    /// SetupPSKS (RFC 9180 §5.1.2): as [`Sender::base`], and the recipient learns that one who knows the pre-shared key sealed.
    ///
    /// # Errors
    /// [`CryptoError`] as in [`Sender::base`].
    pub fn psk<P: KemPublicKey>(
        crypto: &'a dyn Crypto,
        suite: Suite,
        recipient: &P,
        info: &[u8],
        psk: &Psk<'_>,
        ephemeral: &Secret<[u8; 32]>,
    ) -> Result<(P::Encoded, Self), CryptoError> {
        Self::new(crypto, suite, recipient, info, (Some(psk), None), ephemeral)
    }

    /// SetupAuthS (RFC 9180 §5.1.3): as [`Sender::base`], and the recipient learns that `sender`'s holder sealed.
    ///
    /// # Errors
    /// [`CryptoError`] as in [`Sender::base`].
    pub fn auth<P: KemPublicKey>(
        crypto: &'a dyn Crypto,
        suite: Suite,
        recipient: &P,
        info: &[u8],
        sender: &P::Private,
        ephemeral: &Secret<[u8; 32]>,
    ) -> Result<(P::Encoded, Self), CryptoError> {
        Self::new(crypto, suite, recipient, info, (None, Some(sender)), ephemeral)
    }

    /// SetupAuthPSKS (RFC 9180 §5.1.4): [`Sender::psk`] and [`Sender::auth`] in one.
    ///
    /// # Errors
    /// [`CryptoError`] as in [`Sender::base`].
    pub fn auth_psk<P: KemPublicKey>(
        crypto: &'a dyn Crypto,
        suite: Suite,
        recipient: &P,
        info: &[u8],
        (psk, sender): (&Psk<'_>, &P::Private),
        ephemeral: &Secret<[u8; 32]>,
    ) -> Result<(P::Encoded, Self), CryptoError> {
        Self::new(crypto, suite, recipient, info, (Some(psk), Some(sender)), ephemeral)
    }

    /// Seals the next message (RFC 9180 §5.2).
    ///
    /// # Errors
    /// [`CryptoError`] after 2^64 - 1 messages, and under [`Suite::ExportOnly`].
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
    fn new<S: KemPrivateKey>(
        crypto: &'a dyn Crypto,
        suite: Suite,
        enc: &EncTo<S>,
        recipient: &S,
        info: &[u8],
        (psk, sender): (Option<&Psk<'_>>, Option<&S::Public>),
    ) -> Result<Self, CryptoError> {
        let shared = decap(crypto, enc, recipient, sender)?;
        let setup = Setup { suite, kem_id: S::Public::KEM_ID, auth: sender.is_some(), psk, info };
        Schedule::new(crypto, &setup, &shared).map(Self)
    }

    /// SetupBaseR (RFC 9180 §5.1.1).
    ///
    /// # Errors
    /// [`CryptoError`] when `enc` is of small order, not on the curve, or not an uncompressed point.
    pub fn base<S: KemPrivateKey>(
        crypto: &'a dyn Crypto,
        suite: Suite,
        enc: &EncTo<S>,
        recipient: &S,
        info: &[u8],
    ) -> Result<Self, CryptoError> {
        Self::new(crypto, suite, enc, recipient, info, (None, None))
    }

    /// SetupPSKR (RFC 9180 §5.1.2): what it opens was sealed by one who knows the pre-shared key.
    ///
    /// # Errors
    /// [`CryptoError`] as in [`Receiver::base`].
    pub fn psk<S: KemPrivateKey>(
        crypto: &'a dyn Crypto,
        suite: Suite,
        enc: &EncTo<S>,
        recipient: &S,
        info: &[u8],
        psk: &Psk<'_>,
    ) -> Result<Self, CryptoError> {
        Self::new(crypto, suite, enc, recipient, info, (Some(psk), None))
    }

    /// SetupAuthR (RFC 9180 §5.1.3): what it opens was sealed by `sender`'s holder, or by whoever knows the recipient's private key.
    ///
    /// # Errors
    /// [`CryptoError`] as in [`Receiver::base`], and for such a `sender`.
    pub fn auth<S: KemPrivateKey>(
        crypto: &'a dyn Crypto,
        suite: Suite,
        enc: &EncTo<S>,
        recipient: &S,
        info: &[u8],
        sender: &S::Public,
    ) -> Result<Self, CryptoError> {
        Self::new(crypto, suite, enc, recipient, info, (None, Some(sender)))
    }

    /// SetupAuthPSKR (RFC 9180 §5.1.4): [`Receiver::psk`] and [`Receiver::auth`] in one.
    ///
    /// # Errors
    /// [`CryptoError`] as in [`Receiver::auth`].
    pub fn auth_psk<S: KemPrivateKey>(
        crypto: &'a dyn Crypto,
        suite: Suite,
        enc: &EncTo<S>,
        recipient: &S,
        info: &[u8],
        (psk, sender): (&Psk<'_>, &S::Public),
    ) -> Result<Self, CryptoError> {
        Self::new(crypto, suite, enc, recipient, info, (Some(psk), Some(sender)))
    }

    /// Opens the next message (RFC 9180 §5.2). A message that does not open leaves the context as it was.
    ///
    /// # Errors
    /// [`CryptoError`].
    pub fn open(&mut self, aad: &[u8], ciphertext: &[u8]) -> Result<Secret<Vec<u8>>, CryptoError> {
        self.0.open(aad, ciphertext)
    }

    /// Goes forward to the message with this sequence number, counted from 0; those between are never opened.
    ///
    /// # Errors
    /// [`CryptoError`] when that message lies behind.
    pub fn skip_to(&mut self, sequence: u64) -> Result<(), CryptoError> {
        if sequence < self.0.sequence {
            return Err(CryptoError);
        }
        self.0.sequence = sequence;
        Ok(())
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
/// [`CryptoError`] when the recipient's key is of small order, or not on the curve.
pub fn seal_base<P: KemPublicKey>(
    crypto: &dyn Crypto,
    suite: Suite,
    recipient: &P,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    ephemeral: &Secret<[u8; 32]>,
) -> Result<Sealed<P::Encoded>, CryptoError> {
    let (enc, mut context) = Sender::base(crypto, suite, recipient, info, ephemeral)?;
    Ok(Sealed { enc, ciphertext: context.seal(aad, plaintext)? })
}

/// Seals one message to `recipient`, which learns that `sender`'s holder sealed it.
///
/// # Errors
/// [`CryptoError`] when the recipient's key is of small order, or not on the curve.
#[expect(clippy::too_many_arguments, reason = "the parameters of RFC 9180 §6.1, SealAuth")]
pub fn seal_auth<P: KemPublicKey>(
    crypto: &dyn Crypto,
    suite: Suite,
    recipient: &P,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    sender: &P::Private,
    ephemeral: &Secret<[u8; 32]>,
) -> Result<Sealed<P::Encoded>, CryptoError> {
    let (enc, mut context) = Sender::auth(crypto, suite, recipient, info, sender, ephemeral)?;
    Ok(Sealed { enc, ciphertext: context.seal(aad, plaintext)? })
}

/// Opens what [`seal_base`] made.
///
/// # Errors
/// [`CryptoError`] unless key, info, aad and every byte are right.
pub fn open_base<S: KemPrivateKey>(
    crypto: &dyn Crypto,
    suite: Suite,
    recipient: &S,
    info: &[u8],
    aad: &[u8],
    sealed: &Sealed<EncTo<S>>,
) -> Result<Secret<Vec<u8>>, CryptoError> {
    Receiver::base(crypto, suite, &sealed.enc, recipient, info)?.open(aad, &sealed.ciphertext)
}

/// Opens what [`seal_auth`] made by the holder of `sender`.
///
/// # Errors
/// [`CryptoError`] unless both keys, info, aad and every byte are right.
pub fn open_auth<S: KemPrivateKey>(
    crypto: &dyn Crypto,
    suite: Suite,
    recipient: &S,
    info: &[u8],
    aad: &[u8],
    sender: &S::Public,
    sealed: &Sealed<EncTo<S>>,
) -> Result<Secret<Vec<u8>>, CryptoError> {
    Receiver::auth(crypto, suite, &sealed.enc, recipient, info, sender)?.open(aad, &sealed.ciphertext)
}

#[cfg(test)]
mod tests;
