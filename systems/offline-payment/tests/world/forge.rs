//! What a forger, and a second reader of the specification, would write: the bindings of the sealed credential spelled out again, and
//! messages whose claims were changed and signed with whatever key is at hand.
use symbolon_keys::{Crypto, KemKey, KemPublic, LocalSigner, SigningKey};
use symbolon_offline_payment::messages::{NonceToken, SealedBox};
use symbolon_proof::{Claims, Raw, hpke, sign};
use symbolon_types::{Hash, Secret};
use symbolon_wire::cbor::Bytes;

/// `info = "sop/cred/v1" ‖ SHA-256(NT) ‖ SHA-256(NS)`.
pub fn info(crypto: &dyn Crypto, token: &[u8], grant: &[u8]) -> Vec<u8> {
    let mut info = b"sop/cred/v1".to_vec();
    info.extend(crypto.sha256(&[token]).0);
    info.extend(crypto.sha256(&[grant]).0);
    info
}

/// `aad = SHA-256(txn) ‖ SHA-256(NT2 or empty)`.
pub fn aad(crypto: &dyn Crypto, transaction: Hash, second: &[u8]) -> Vec<u8> {
    let mut aad = transaction.0.to_vec();
    aad.extend(crypto.sha256(&[second]).0);
    aad
}

/// A PIN as it travels: kind, length, digits, zeros up to 256 bytes.
pub fn padded_pin(digits: &str) -> Vec<u8> {
    let mut plain = vec![1, u8::try_from(digits.len()).unwrap()];
    plain.extend(digits.bytes());
    plain.resize(256, 0);
    plain
}

/// The public key in a nonce token.
pub fn token_key(token: &[u8]) -> KemPublic {
    Raw(token).parse::<NonceToken>().unwrap().danger_unverified().body.kem
}

/// HPKE in auth mode, with whatever bindings.
pub fn seal(
    crypto: &dyn Crypto,
    to: &KemPublic,
    from: &KemKey,
    info: &[u8],
    aad: &[u8],
    plain: &[u8],
) -> SealedBox {
    let seed = Secret::new(crypto.sha256(&[b"forge", info, aad]).0);
    hpke::seal_auth(crypto, hpke::Suite::Aes128Gcm, to, info, aad, plain, from, &seed).unwrap().into()
}

/// Claims signed with this key.
pub fn signed<T: Claims>(crypto: &dyn Crypto, key: &SigningKey, claims: &T) -> Bytes {
    Bytes(sign(crypto, &LocalSigner { crypto, key }, claims).unwrap())
}

/// The claims of a message, unverified.
pub fn claims<T: Claims + Clone>(bytes: &[u8]) -> T {
    Raw(bytes).parse::<T>().unwrap().danger_unverified().clone()
}

/// The message with its claims changed, signed with this key.
pub fn altered<T: Claims + Clone>(
    crypto: &dyn Crypto,
    bytes: &[u8],
    key: &SigningKey,
    change: impl FnOnce(&mut T),
) -> Bytes {
    let mut claims = claims::<T>(bytes);
    change(&mut claims);
    signed(crypto, key, &claims)
}
