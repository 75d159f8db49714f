//! What a payee uploads for one object, as the device and the shop make it, beside the bare cryptography that is in it.
//!
//! **Invariant:** a [`Flaw`] spoils one thing and leaves all else right, every other signature included.
use crate::bench::measure::Trouble;
use crate::bench::sample::{Bare, CRYPTO, NOW, eur, random16, random32, signing_key};
use std::hint::black_box;
use symbolon_keys::{Crypto, HashAlgorithm, KemKey, SigningKey, derive32};
use symbolon_offline_payment::messages::{
    Audit, AuthenticatorId, Challenge, ChallengeBody, PayeeId, PayeeNonce, Receipt, ReceiptBody, SealedBox,
    SecureObject, SecureObjectBody, Settlement, Transaction, Verification,
};
use symbolon_proof::hpke;
use symbolon_types::{Hash, Secret};
use symbolon_vault::{ACCOUNT_LABEL, HPKE_SUITE, VaultKeys};
use symbolon_wire::cbor::{Bytes, to_vec};

/// What the payer pays, in euro cents.
pub const AMOUNT_MINOR: u64 = 1250;
const AUDIT_INFO: &[u8] = b"sop/audit/v1";

/// What is wrong in an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The server's signature on the grant.
    Grant,
    /// The device's on the object.
    Object,
    /// The payee's on the challenge.
    Challenge,
    /// The payee's on the receipt.
    Receipt,
    /// The credential proof.
    Proof,
    /// The audit's ciphertext.
    Audit,
}

impl Flaw {
    /// Each.
    pub const ALL: [Self; 6] =
        [Self::Grant, Self::Object, Self::Challenge, Self::Receipt, Self::Proof, Self::Audit];
}

/// A shop: its number and its certificate.
#[derive(Clone)]
pub struct Shop {
    /// Its number: see [`payee`].
    pub number: u32,
    /// As the server signed it.
    pub certificate: Bytes,
}

/// A grant in a phone.
#[derive(Clone)]
pub struct Granted {
    /// Whose: see [`phone_key`].
    pub device: u32,
    /// SHA-256 of the nonce token.
    pub token: Hash,
    /// The grant and the server's signature on it.
    pub grant: (Bare, Bytes),
}

/// A shop's id.
pub fn payee(number: u32) -> PayeeId {
    PayeeId(random16("shop", number))
}

/// A shop's key.
pub fn shop_key(number: u32) -> SigningKey {
    signing_key("shop", number)
}

/// An authenticator's key.
pub fn phone_key(device: u32) -> SigningKey {
    signing_key("phone", device)
}

/// The bare cryptography of one upload.
#[derive(Clone)]
pub struct BareUpload {
    /// Of object, grant, challenge and receipt.
    signatures: [Bare; 4],
    authenticator: AuthenticatorId,
    /// What the credential proof is made of, and the proof.
    mac: (Vec<u8>, [u8; 32]),
    aad: Vec<u8>,
    audit: hpke::Sealed,
}

/// What the bare side needs of the issuer's keys.
pub struct BareKeys {
    /// What account keys are derived from.
    pub account_master: Secret<[u8; 32]>,
    /// What audits are sealed to.
    pub issuer: KemKey,
}

impl BareUpload {
    /// Four signatures, one key derivation with one HMAC, one HPKE opening; stops at the first that fails.
    pub fn holds(&self, crypto: &dyn Crypto, keys: &BareKeys) -> bool {
        let good = |bare: &Bare| bare.key.verify(crypto, &black_box(bare).message, &bare.signature).is_ok();
        self.signatures.iter().all(good) && self.proof_holds(crypto, keys) && self.opens(crypto, keys)
    }

    fn proof_holds(&self, crypto: &dyn Crypto, keys: &BareKeys) -> bool {
        let (message, proof) = &self.mac;
        let id = self.authenticator.as_bytes();
        let key = derive32(crypto, keys.account_master.reveal(), ACCOUNT_LABEL.as_bytes(), &[id]);
        crypto.hmac(HashAlgorithm::Sha256, key.reveal(), &[message]).equals(proof)
    }

    fn opens(&self, crypto: &dyn Crypto, keys: &BareKeys) -> bool {
        let opened = hpke::open_base(crypto, HPKE_SUITE, &keys.issuer, AUDIT_INFO, &self.aad, &self.audit);
        black_box(opened).is_ok()
    }
}

/// Signs; with the flaw a bit of the signature is turned.
fn signed<T: symbolon_proof::Claims>(
    key: &SigningKey,
    claims: &T,
    flawed: bool,
) -> Result<(Bare, Bytes), Trouble> {
    let (bare, bytes) = Bare::sign(key, claims)?;
    let made = (bare, Bytes(bytes));
    Ok(if flawed { turned(made) } else { made })
}

/// A bit of the signature turned.
fn turned((mut bare, mut bytes): (Bare, Bytes)) -> (Bare, Bytes) {
    bare.signature[63] ^= 1;
    bytes.0.last_mut().into_iter().for_each(|byte| *byte ^= 1);
    (bare, bytes)
}

/// One upload: the grant, paid at the shop under the challenge with this number. The bytes, and what is bare in them.
pub fn upload(
    keys: &VaultKeys,
    granted: &Granted,
    (shop, number): (&Shop, u32),
    flaw: Option<Flaw>,
) -> Result<(Vec<u8>, BareUpload), Trouble> {
    let (shop_key, phone) = (shop_key(shop.number), phone_key(granted.device));
    let authenticator = AuthenticatorId::of(&CRYPTO, &phone.verifying(&CRYPTO));
    let asked = challenge(shop, number)?;
    let transaction = CRYPTO.sha256(&[&to_vec(&asked)]);
    let asked = (signed(&shop_key, &asked, flaw == Some(Flaw::Challenge))?, transaction);
    let grant = granted.grant.clone();
    let grant = if flaw == Some(Flaw::Grant) { turned(grant) } else { grant };
    let random = random32("random", number);
    let mac = credential_proof(keys, &authenticator, [&granted.token.0, &random, &transaction.0]);
    let mac = if flaw == Some(Flaw::Proof) { (mac.0, mac.1.map(|byte| !byte)) } else { mac };
    let aad = [granted.token.0, random].concat();
    let mut audit = audit(keys, number, &aad)?;
    if flaw == Some(Flaw::Audit) {
        audit.ciphertext.last_mut().into_iter().for_each(|byte| *byte ^= 1);
    }
    let body = SecureObjectBody {
        token: granted.token,
        grant: grant.1,
        random,
        transaction: paid(shop, number, transaction)?,
        credential_proof: Some(mac.1),
        verification: Verification::Pin,
        otp: false,
        audit: SealedBox::from(audit.clone()),
    };
    let object = SecureObject { iat: NOW.seconds(), body };
    let id = CRYPTO.sha256(&[&to_vec(&object)]);
    let object = signed(&phone, &object, flaw == Some(Flaw::Object))?;
    let body = ReceiptBody { object: id, payee: payee(shop.number), final_minor: None, online: false };
    let receipt = Receipt { iat: NOW.seconds(), body };
    let receipt = signed(&shop_key, &receipt, flaw == Some(Flaw::Receipt))?;
    let bytes = to_vec(&Settlement { object: object.1, challenge: asked.0.1, receipt: receipt.1 });
    let signatures = [object.0, grant.0, asked.0.0, receipt.0];
    Ok((bytes, BareUpload { signatures, authenticator, mac, aad, audit }))
}

fn challenge(shop: &Shop, number: u32) -> Result<Challenge, Trouble> {
    let body = ChallengeBody {
        certificate: shop.certificate.clone(),
        amount: eur(AMOUNT_MINOR)?,
        tip_minor_max: None,
        bill: None,
    };
    Ok(Challenge { iat: NOW.seconds(), nonce: PayeeNonce(random16("challenge", number)), body })
}

fn paid(shop: &Shop, number: u32, challenge: Hash) -> Result<Transaction, Trouble> {
    Ok(Transaction {
        amount: eur(AMOUNT_MINOR)?,
        payee: payee(shop.number),
        nonce: PayeeNonce(random16("challenge", number)),
        challenge,
        tip_minor: None,
    })
}

/// What is MACed, and the MAC under the authenticator's account key.
fn credential_proof(
    keys: &VaultKeys,
    authenticator: &AuthenticatorId,
    [token, random, agreed]: [&[u8; 32]; 3],
) -> (Vec<u8>, [u8; 32]) {
    let message = [b"so/v1".as_slice(), token, random, agreed].concat();
    let master = keys.account_master.reveal();
    let key = derive32(&CRYPTO, master, ACCOUNT_LABEL.as_bytes(), &[authenticator.as_bytes()]);
    let tag = CRYPTO.hmac(HashAlgorithm::Sha256, key.reveal(), &[&message]);
    let mut proof = [0; 32];
    proof.copy_from_slice(tag.reveal());
    (message, proof)
}

fn audit(keys: &VaultKeys, number: u32, aad: &[u8]) -> Result<hpke::Sealed, Trouble> {
    let audit = Audit {
        spend_total: 123_456,
        counter: u64::from(number),
        previous: Hash(random32("previous", number)),
    };
    let (issuer, seed) = (keys.issuer_kem.public(&CRYPTO), Secret::new(random32("seal", number)));
    Ok(hpke::seal_base(&CRYPTO, HPKE_SUITE, &issuer, AUDIT_INFO, aad, &to_vec(&audit), &seed)?)
}
