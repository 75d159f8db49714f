//! The sealed file: deterministic CBOR around AES-256-GCM (SP 800-38D).
//!
//! ```text
//!   {1: "symbolon-vault", 2: version, 3: header, 4: sealed}   envelope, the same in every version
//!       header, version 1: {1: salt, 2: {1: memory KiB, 2: passes}}   field 2 for a passphrase only
//!       sealed, version 1: AES-256-GCM(file key, nonce 0, aad = the envelope with empty `sealed`, keys)
//!   version 2: the keys end with 4: [{1: ticket, 2: seed}, …], the server's further keys by generation, from 1. Version 1 is still read.
//! ```
//! **Invariant:** a file key seals once: the salt is derived from fresh entropy and from what is sealed, and the file key from the salt.
//! So the nonce can be constant.
//! **Invariant:** every byte of the file is authenticated or decides how it is read: a change of any is refused.
use crate::{Unlock, VaultError};
use symbolon_keys::{Aead, Argon2Cost, Crypto, RustCrypto, derive32};
use symbolon_types::Secret;
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};
use symbolon_wire::cbor_map;

/// The format that is written, and the newest that is read.
pub const FORMAT_VERSION: u32 = 2;

/// The most keys of the server in one vault, the first one included.
pub const GENERATIONS_MAX: usize = 512;

/// The longest file that is read, in bytes.
pub(crate) const LEN_MAX: usize = 64 * 1024;

const MAGIC: &str = "symbolon-vault";
const SALT: &[u8] = b"symbolon/vault/salt";
const NONCE: [u8; 12] = [0; 12];

cbor_map! {
    /// What every version has.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Envelope {
        /// [`MAGIC`].
        1 => magic: String,
        /// The version of `header` and `sealed`.
        2 => version: u32,
        /// [`Header`].
        3 => header: Bytes,
        /// Ciphertext and tag.
        4 => sealed: Bytes,
    }

    /// How the file's key is derived.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Header {
        /// Of this file alone.
        1 => salt: [u8; 32],
        /// For a passphrase; absent for a key file.
        2 => argon2id: Option<Cost>,
    }

    /// [`Argon2Cost`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Cost {
        /// Memory in KiB.
        1 => memory_kib: u32,
        /// Passes.
        2 => passes: u32,
    }

    /// What is sealed.
    #[derive(Clone, Debug)]
    pub struct Contents {
        /// Seed of the server's first Ed25519 key.
        1 => server_signing: Secret<[u8; 32]>,
        /// The issuer's X25519 private key.
        2 => issuer_kem: Secret<[u8; 32]>,
        /// The master of account keys.
        3 => account_master: Secret<[u8; 32]>,
        /// The server's further keys, by generation from 1.
        4 => drawn: Vec<Drawn>,
    }

    /// A key that was drawn later.
    #[derive(Clone, Debug)]
    pub struct Drawn {
        /// Who asked for it.
        1 => ticket: [u8; 16],
        /// Seed of the Ed25519 key.
        2 => seed: Secret<[u8; 32]>,
    }

    /// What version 1 sealed.
    #[derive(Clone, Debug)]
    pub struct ContentsV1 {
        /// Seed of the server's Ed25519 key.
        1 => server_signing: Secret<[u8; 32]>,
        /// The issuer's X25519 private key.
        2 => issuer_kem: Secret<[u8; 32]>,
        /// The master of account keys.
        3 => account_master: Secret<[u8; 32]>,
    }
}

impl From<&Cost> for Argon2Cost {
    fn from(cost: &Cost) -> Self {
        Self { memory_kib: cost.memory_kib, passes: cost.passes }
    }
}

impl From<Argon2Cost> for Cost {
    fn from(cost: Argon2Cost) -> Self {
        Self { memory_kib: cost.memory_kib, passes: cost.passes }
    }
}

/// A kind of sealed file: its name, and the newest version of it.
pub(crate) struct Kind {
    /// Field 1 of the envelope.
    pub(crate) magic: &'static str,
    /// What is written, and the newest that is read.
    pub(crate) version: u32,
}

const KIND: Kind = Kind { magic: MAGIC, version: FORMAT_VERSION };

/// The bytes of a sealed file. `entropy` is 32 random bytes.
pub(crate) fn seal(
    contents: &Contents,
    unlock: &Unlock,
    cost: Argon2Cost,
    entropy: &Secret<[u8; 32]>,
) -> Result<Vec<u8>, VaultError> {
    seal_kind(&KIND, &Secret::new(to_vec(contents)), unlock, cost, entropy)
}

/// The bytes of a sealed file of a kind. `entropy` is 32 random bytes.
pub(crate) fn seal_kind(
    kind: &Kind,
    plaintext: &Secret<Vec<u8>>,
    unlock: &Unlock,
    cost: Argon2Cost,
    entropy: &Secret<[u8; 32]>,
) -> Result<Vec<u8>, VaultError> {
    let salt = *derive32(&RustCrypto, entropy.reveal(), SALT, &[plaintext.reveal()]).reveal();
    let header = Header { salt, argon2id: unlock.new_cost(cost)?.map(Cost::from) };
    let file_key = unlock.file_key(&header)?;
    let mut envelope = Envelope {
        magic: kind.magic.into(),
        version: kind.version,
        header: Bytes(to_vec(&header)),
        sealed: Bytes::default(),
    };
    let aad = to_vec(&envelope);
    let ciphertext =
        RustCrypto.aead_seal(Aead::Aes256Gcm, file_key.reveal(), &NONCE, &aad, plaintext.reveal())?;
    envelope.sealed = Bytes(ciphertext);
    Ok(to_vec(&envelope))
}

/// What [`seal`] sealed, and the cost of its passphrase.
pub(crate) fn open(bytes: &[u8], unlock: &Unlock) -> Result<(Contents, Option<Argon2Cost>), VaultError> {
    let (version, plaintext, cost) = open_kind(&KIND, bytes, unlock)?;
    let contents = contents(version, plaintext.reveal()).ok_or(VaultError::Damaged)?;
    Ok((contents, cost))
}

/// The version of a sealed file, what it seals, and the cost of its passphrase.
pub(crate) type OpenedFile = (u32, Secret<Vec<u8>>, Option<Argon2Cost>);

/// What [`seal_kind`] sealed.
pub(crate) fn open_kind(kind: &Kind, bytes: &[u8], unlock: &Unlock) -> Result<OpenedFile, VaultError> {
    let mut envelope: Envelope = from_slice(bytes).map_err(|_| VaultError::Damaged)?;
    if envelope.magic != kind.magic || envelope.version == 0 {
        return Err(VaultError::Damaged);
    }
    if envelope.version > kind.version {
        return Err(VaultError::NewerFormat { found: envelope.version });
    }
    let sealed = core::mem::take(&mut envelope.sealed);
    let header = header(&envelope)?;
    let file_key = unlock.file_key(&header)?;
    let plaintext = RustCrypto
        .aead_open(Aead::Aes256Gcm, file_key.reveal(), &NONCE, &to_vec(&envelope), &sealed.0)
        .map_err(|_| VaultError::NotOpened)?;
    Ok((envelope.version, plaintext, header.argon2id.as_ref().map(Argon2Cost::from)))
}

fn contents(version: u32, plaintext: &[u8]) -> Option<Contents> {
    if version > 1 {
        return from_slice(plaintext).ok();
    }
    let ContentsV1 { server_signing, issuer_kem, account_master } = from_slice(plaintext).ok()?;
    Some(Contents { server_signing, issuer_kem, account_master, drawn: Vec::new() })
}

fn header(envelope: &Envelope) -> Result<Header, VaultError> {
    let header: Header = from_slice(&envelope.header.0).map_err(|_| VaultError::Damaged)?;
    let in_range = header.argon2id.as_ref().is_none_or(|cost| Argon2Cost::from(cost).in_range());
    if in_range { Ok(header) } else { Err(VaultError::Damaged) }
}
