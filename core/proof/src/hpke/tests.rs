//! HPKE against the published values of RFC 9180 Appendix A, and both ways against the `hpke` crate ([`oracle`]).
extern crate std;

use super::kem::first_accepted;
use super::*;
use alloc::string::String;
use serde_json::Value;
use symbolon_keys::{KemPublic, P256KemKey, P256KemPublic, RustCrypto};
use symbolon_types::{hex_parse, hex_upper};

mod oracle;

/// What the tests ask of a private key besides.
trait TestKey: KemPrivateKey {
    fn of(private: [u8; 32]) -> Self;
    fn bytes(&self) -> [u8; 32];
}

impl TestKey for KemKey {
    fn of(private: [u8; 32]) -> Self {
        Self::from_private(Secret::new(private))
    }
    fn bytes(&self) -> [u8; 32] {
        *self.private().reveal()
    }
}

impl TestKey for P256KemKey {
    fn of(private: [u8; 32]) -> Self {
        Self::from_private(&RustCrypto, Secret::new(private)).unwrap()
    }
    fn bytes(&self) -> [u8; 32] {
        *self.private().reveal()
    }
}

fn rows() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/hpke.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{}: no {field}", row["id"]))
}

fn bytes(row: &Value, field: &str) -> Vec<u8> {
    hex_parse(text(row, field)).unwrap()
}

fn array(row: &Value, field: &str) -> [u8; 32] {
    bytes(row, field).try_into().unwrap()
}

/// The row's own encoding of a public key; `None` when the length is not the KEM's.
fn encoded<S: TestKey>(row: &Value, field: &str) -> Option<EncTo<S>>
where
    EncTo<S>: TryFrom<Vec<u8>>,
{
    bytes(row, field).try_into().ok()
}

fn public<S: TestKey>(row: &Value, field: &str) -> S::Public
where
    EncTo<S>: TryFrom<Vec<u8>>,
{
    S::Public::from_encoded(&encoded::<S>(row, field).unwrap()).unwrap()
}

fn suite_of(setup: &Value) -> Suite {
    match setup["aead_id"].as_u64() {
        Some(1) => Suite::Aes128Gcm,
        Some(3) => Suite::ChaCha20Poly1305,
        other => panic!("{other:?}"),
    }
}

fn sender<S: TestKey>(setup: &Value) -> (EncTo<S>, Sender<'static>)
where
    EncTo<S>: TryFrom<Vec<u8>>,
{
    let (suite, info) = (suite_of(setup), bytes(setup, "info"));
    let (recipient, ephemeral) = (public::<S>(setup, "pkRm"), Secret::new(array(setup, "ikmE")));
    if setup["mode"] == 2 {
        let key = S::of(array(setup, "skSm"));
        Sender::auth::<S::Public>(&RustCrypto, suite, &recipient, &info, &key, &ephemeral).unwrap()
    } else {
        Sender::base(&RustCrypto, suite, &recipient, &info, &ephemeral).unwrap()
    }
}

fn receiver<S: TestKey>(setup: &Value, sender: Option<S::Public>) -> Receiver<'static>
where
    EncTo<S>: TryFrom<Vec<u8>>,
{
    let (suite, enc, info) = (suite_of(setup), encoded::<S>(setup, "enc").unwrap(), bytes(setup, "info"));
    let recipient = S::of(array(setup, "skRm"));
    if setup["mode"] == 2 {
        let sender = sender.unwrap_or_else(|| public::<S>(setup, "pkSm"));
        Receiver::auth(&RustCrypto, suite, &enc, &recipient, &info, &sender).unwrap()
    } else {
        Receiver::base(&RustCrypto, suite, &enc, &recipient, &info).unwrap()
    }
}

/// Every key from its ikm, and every value of the key schedule, on both sides.
fn check_setup<S: TestKey>(row: &Value)
where
    EncTo<S>: TryFrom<Vec<u8>>,
{
    for (ikm, sk, pk) in [("ikmE", "skEm", "pkEm"), ("ikmR", "skRm", "pkRm"), ("ikmS", "skSm", "pkSm")] {
        if row.get(ikm).is_some() {
            let key = S::derive(&RustCrypto, &bytes(row, ikm)).unwrap();
            assert_eq!(hex_upper(&key.bytes()), text(row, sk));
            assert_eq!(hex_upper(key.public_key(&RustCrypto).encoded().as_ref()), text(row, pk));
        }
    }
    let auth = row["mode"] == 2;
    let sender_public = auth.then(|| public::<S>(row, "pkSm"));
    let (enc, recipient) = (encoded::<S>(row, "enc").unwrap(), S::of(array(row, "skRm")));
    let shared = decap(&RustCrypto, &enc, &recipient, sender_public.as_ref()).unwrap();
    assert_eq!(hex_upper(shared.reveal()), text(row, "shared_secret"));
    let info = bytes(row, "info");
    let setup = Setup { suite: suite_of(row), kem_id: S::Public::KEM_ID, auth, psk: None, info: &info };
    assert_eq!(hex_upper(&setup.context(&RustCrypto)), text(row, "key_schedule_context"));
    assert_eq!(hex_upper(setup.secret(&RustCrypto, &shared).reveal()), text(row, "secret"));
    let (enc, sender) = sender::<S>(row);
    assert_eq!(hex_upper(enc.as_ref()), text(row, "enc"));
    for schedule in [sender.0, receiver::<S>(row, None).0] {
        let (keyed, _) = schedule.keyed().unwrap();
        assert_eq!(hex_upper(keyed.key.reveal()), text(row, "key"));
        assert_eq!(hex_upper(keyed.base_nonce.reveal()), text(row, "base_nonce"));
        assert_eq!(hex_upper(schedule.exporter.reveal()), text(row, "exporter_secret"));
    }
}

fn check_seal<S: TestKey>(setup: &Value, row: &Value)
where
    EncTo<S>: TryFrom<Vec<u8>>,
{
    let (_, mut sender) = sender::<S>(setup);
    let mut receiver = receiver::<S>(setup, None);
    (sender.0.sequence, receiver.0.sequence) = (row["seq"].as_u64().unwrap(), row["seq"].as_u64().unwrap());
    assert_eq!(hex_upper(&sender.0.keyed().unwrap().1), text(row, "nonce"));
    let (aad, plaintext, ciphertext) = (bytes(row, "aad"), bytes(row, "pt"), bytes(row, "ct"));
    assert_eq!(sender.seal(&aad, &plaintext).as_ref(), Ok(&ciphertext));
    assert_eq!(receiver.open(&aad, &ciphertext).unwrap().reveal(), &plaintext);
    assert_eq!(receiver.0.sequence, sender.0.sequence);
}

fn check_export<S: TestKey>(setup: &Value, row: &Value)
where
    EncTo<S>: TryFrom<Vec<u8>>,
{
    let len = usize::try_from(row["length"].as_u64().unwrap()).unwrap();
    let context = bytes(row, "exporter_context");
    let (_, sender) = sender::<S>(setup);
    for exported in [sender.export(&context, len), receiver::<S>(setup, None).export(&context, len)] {
        assert_eq!(hex_upper(exported.unwrap().reveal()), text(row, "exported_value"));
    }
}

/// A refusal within a setup: a changed ciphertext, a sequence number that is not its own, or another sender's key.
fn check_refusal<S: TestKey>(setup: &Value, row: &Value, rows: &[Value])
where
    EncTo<S>: TryFrom<Vec<u8>>,
{
    let sequence = row["seq"].as_u64().unwrap();
    let first = rows.iter().find(|seal| seal["setup"] == row["setup"] && seal["kind"] == "seal").unwrap();
    let source = if row.get("ct").is_some() { row } else { first };
    let sender = row.get("pkSm").map(|_| public::<S>(row, "pkSm"));
    let mut receiver = receiver::<S>(setup, sender);
    receiver.0.sequence = sequence;
    assert!(receiver.open(&bytes(source, "aad"), &bytes(source, "ct")).is_err(), "{}", row["id"]);
    assert_eq!(receiver.0.sequence, sequence, "a failed opening takes no number");
}

/// `enc` values that no recipient may take. One of another length cannot even be passed.
fn check_enc<S: TestKey>(row: &Value)
where
    EncTo<S>: TryFrom<Vec<u8>>,
{
    let Some(enc) = encoded::<S>(row, "enc") else {
        assert_eq!(text(row, "reason"), "wrong length");
        return;
    };
    let key = S::derive(&RustCrypto, &[1; 32]).unwrap();
    assert!(Receiver::base(&RustCrypto, Suite::Aes128Gcm, &enc, &key, b"").is_err(), "{}", row["id"]);
    let sender = key.public_key(&RustCrypto);
    assert!(Receiver::auth(&RustCrypto, Suite::Aes128Gcm, &enc, &key, b"", &sender).is_err());
}

/// The rows of one KEM, by their number.
fn check_rows<S: TestKey>(kem_id: u8) -> usize
where
    EncTo<S>: TryFrom<Vec<u8>>,
{
    let (rows, mut tried) = (rows(), 0);
    for row in &rows {
        let id = text(row, "id");
        let setup = row["setup"].as_str().map(|setup| rows.iter().find(|row| row["id"] == setup).unwrap());
        if setup.unwrap_or(row)["kem_id"] != kem_id {
            continue;
        }
        tried += 1;
        match (text(row, "kind"), setup) {
            ("setup", _) => check_setup::<S>(row),
            ("seal", Some(setup)) => check_seal::<S>(setup, row),
            ("export", Some(setup)) => check_export::<S>(setup, row),
            ("refuse", Some(setup)) => check_refusal::<S>(setup, row, &rows),
            ("refuse", None) => check_enc::<S>(row),
            (other, _) => panic!("{id}: {other}"),
        }
    }
    tried
}

#[test]
fn the_rows_of_rfc_9180() {
    assert_eq!((check_rows::<KemKey>(0x20), check_rows::<P256KemKey>(0x10), rows().len()), (30, 30, 60));
}

/// One candidate in 2^32 is no key of P-256, so the loop is tried with candidates that are refused by design.
#[test]
fn the_first_candidate_that_is_a_key_is_taken() {
    let candidate = |first: u8| move |counter| if counter < first { Err(CryptoError) } else { Ok(counter) };
    assert_eq!(first_accepted(candidate(0)), Ok(0));
    assert_eq!(first_accepted(candidate(3)), Ok(3));
    assert_eq!(first_accepted(candidate(255)), Ok(255));
    assert_eq!(first_accepted::<u8>(|_| Err(CryptoError)), Err(CryptoError));
}

/// As many bytes as a private key, else no key; a point in another form than the uncompressed one is no `enc`.
#[test]
fn short_input_makes_no_key_on_p256_and_other_points_are_no_enc() {
    assert!(P256KemKey::derive(&RustCrypto, &[1; 32]).is_ok());
    assert!(P256KemKey::derive(&RustCrypto, &[1; 31]).is_err());
    let enc = P256KemKey::derive(&RustCrypto, &[1; 32]).unwrap().public().encoded();
    assert!(P256KemPublic::from_encoded(&enc).is_ok());
    for tag in [0, 2, 3, 5, 6, 7] {
        let mut other = enc;
        other[0] = tag;
        assert!(P256KemPublic::from_encoded(&other).is_err());
    }
}

#[test]
fn a_psk_is_long_enough_and_has_a_name() {
    assert!(Psk::new(&[1; 32], b"a").is_ok());
    assert!(Psk::new(&[1; 31], b"a").is_err());
    assert!(Psk::new(&[1; 32], b"").is_err());
    assert!(Psk::new(b"", b"").is_err());
}

#[test]
fn an_export_only_context_seals_and_opens_nothing() {
    let key = derive_key_pair(&RustCrypto, &[1; 32]).unwrap();
    let (suite, ephemeral) = (Suite::ExportOnly, Secret::new([2; 32]));
    let (enc, mut sender) =
        Sender::base(&RustCrypto, suite, &key.public(&RustCrypto), b"info", &ephemeral).unwrap();
    let mut receiver = Receiver::base(&RustCrypto, suite, &enc, &key, b"info").unwrap();
    assert_eq!(sender.seal(b"", b"text"), Err(CryptoError));
    assert!(receiver.open(b"", &[0; 32]).is_err());
    let exported = sender.export(b"context", 32).unwrap();
    assert!(exported.equals(receiver.export(b"context", 32).unwrap().reveal()));
    assert!(!exported.equals(receiver.export(b"contexT", 32).unwrap().reveal()));
}

#[test]
fn short_input_makes_no_key_and_the_last_number_is_not_used() {
    assert!(derive_key_pair(&RustCrypto, &[1; 32]).is_ok());
    assert!(derive_key_pair(&RustCrypto, &[1; 31]).is_err());
    let rows = rows();
    let (_, mut sender) = sender::<KemKey>(&rows[0]);
    sender.0.sequence = u64::MAX - 1;
    assert!(sender.seal(b"", b"last").is_ok());
    assert!(sender.seal(b"", b"one more").is_err());
    assert!(sender.export(b"", 8160).is_ok());
    assert!(sender.export(b"", 8161).is_err());
}

#[test]
fn a_recipient_or_sender_of_small_order_is_refused() {
    let (good, bad) = (derive_key_pair(&RustCrypto, &[1; 32]).unwrap(), KemPublic([0; 32]));
    let ephemeral = Secret::new([2; 32]);
    let seal =
        |to: &KemPublic| seal_auth(&RustCrypto, Suite::Aes128Gcm, to, b"", b"", b"text", &good, &ephemeral);
    let sealed = seal(&good.public(&RustCrypto)).unwrap();
    assert!(seal(&bad).is_err());
    assert!(seal_base(&RustCrypto, Suite::Aes128Gcm, &bad, b"", b"", b"text", &ephemeral).is_err());
    let open = |from: &KemPublic| open_auth(&RustCrypto, Suite::Aes128Gcm, &good, b"", b"", from, &sealed);
    assert!(open(&good.public(&RustCrypto)).is_ok());
    assert!(open(&bad).is_err());
}

#[test]
fn a_context_shows_no_key() {
    // Only the public half of a sealed message has a Debug form; contexts have none.
    let shown: String = alloc::format!("{:?}", derive_key_pair(&RustCrypto, &[1; 32]).unwrap());
    assert_eq!(shown, "KemKey(Secret(…))");
}
