//! HPKE against the published values of RFC 9180 Appendix A, and both ways against the `hpke` crate.
extern crate std;

use super::schedule::{AUTH, BASE, context_of, secret_of};
use super::*;
use ::hpke::{self as oracle, Deserializable, Kem, OpModeR, OpModeS, Serializable};
use alloc::string::String;
use proptest::prelude::*;
use serde_json::Value;
use symbolon_keys::RustCrypto;
use symbolon_types::{hex_parse, hex_upper};

type OracleKem = oracle::kem::X25519HkdfSha256;
type OracleKdf = oracle::kdf::HkdfSha256;

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

fn private(row: &Value, field: &str) -> KemKey {
    KemKey::from_private(Secret::new(array(row, field)))
}

fn suite_of(setup: &Value) -> Suite {
    match setup["aead_id"].as_u64() {
        Some(1) => Suite::Aes128Gcm,
        Some(3) => Suite::ChaCha20Poly1305,
        other => panic!("{other:?}"),
    }
}

fn sender(setup: &Value) -> ([u8; 32], Sender<'static>) {
    let (suite, info) = (suite_of(setup), bytes(setup, "info"));
    let (recipient, ephemeral) = (KemPublic(array(setup, "pkRm")), Secret::new(array(setup, "ikmE")));
    if setup["mode"] == u64::from(AUTH) {
        Sender::auth(&RustCrypto, suite, &recipient, &info, &private(setup, "skSm"), &ephemeral).unwrap()
    } else {
        Sender::base(&RustCrypto, suite, &recipient, &info, &ephemeral).unwrap()
    }
}

fn receiver(setup: &Value, sender: Option<KemPublic>) -> Receiver<'static> {
    let (suite, enc, info) = (suite_of(setup), array(setup, "enc"), bytes(setup, "info"));
    let recipient = private(setup, "skRm");
    if setup["mode"] == u64::from(AUTH) {
        let sender = sender.unwrap_or_else(|| KemPublic(array(setup, "pkSm")));
        Receiver::auth(&RustCrypto, suite, &enc, &recipient, &info, &sender).unwrap()
    } else {
        Receiver::base(&RustCrypto, suite, &enc, &recipient, &info).unwrap()
    }
}

/// Every key from its ikm, and every value of the key schedule, on both sides.
fn check_setup(row: &Value) {
    for (ikm, sk, pk) in [("ikmE", "skEm", "pkEm"), ("ikmR", "skRm", "pkRm"), ("ikmS", "skSm", "pkSm")] {
        if row.get(ikm).is_some() {
            let key = derive_key_pair(&RustCrypto, &bytes(row, ikm)).unwrap();
            assert_eq!(hex_upper(key.private().reveal()), text(row, sk));
            assert_eq!(key.public(&RustCrypto).0, array(row, pk));
        }
    }
    let mode = if row["mode"] == u64::from(AUTH) { AUTH } else { BASE };
    let sender_public = row.get("pkSm").map(|_| KemPublic(array(row, "pkSm")));
    let (enc, recipient) = (KemPublic(array(row, "enc")), private(row, "skRm"));
    let shared = decap(&RustCrypto, &enc, &recipient, sender_public.as_ref()).unwrap();
    assert_eq!(hex_upper(shared.reveal()), text(row, "shared_secret"));
    let id = suite_of(row).id();
    let context = context_of(&RustCrypto, &id, mode, &bytes(row, "info"));
    assert_eq!(hex_upper(&context), text(row, "key_schedule_context"));
    assert_eq!(hex_upper(secret_of(&RustCrypto, &id, &shared).reveal()), text(row, "secret"));
    let (enc, sender) = sender(row);
    assert_eq!(enc, array(row, "enc"));
    for schedule in [sender.0, receiver(row, None).0] {
        assert_eq!(hex_upper(schedule.key.reveal()), text(row, "key"));
        assert_eq!(hex_upper(schedule.base_nonce.reveal()), text(row, "base_nonce"));
        assert_eq!(hex_upper(schedule.exporter.reveal()), text(row, "exporter_secret"));
    }
}

fn check_seal(setup: &Value, row: &Value) {
    let (_, mut sender) = sender(setup);
    let mut receiver = receiver(setup, None);
    (sender.0.sequence, receiver.0.sequence) = (row["seq"].as_u64().unwrap(), row["seq"].as_u64().unwrap());
    assert_eq!(hex_upper(&sender.0.nonce()), text(row, "nonce"));
    let (aad, plaintext, ciphertext) = (bytes(row, "aad"), bytes(row, "pt"), bytes(row, "ct"));
    assert_eq!(sender.seal(&aad, &plaintext).as_ref(), Ok(&ciphertext));
    assert_eq!(receiver.open(&aad, &ciphertext).unwrap().reveal(), &plaintext);
    assert_eq!(receiver.0.sequence, sender.0.sequence);
}

fn check_export(setup: &Value, row: &Value) {
    let len = usize::try_from(row["length"].as_u64().unwrap()).unwrap();
    let context = bytes(row, "exporter_context");
    let (_, sender) = sender(setup);
    for exported in [sender.export(&context, len), receiver(setup, None).export(&context, len)] {
        assert_eq!(hex_upper(exported.unwrap().reveal()), text(row, "exported_value"));
    }
}

/// A refusal within a setup: a changed ciphertext, a sequence number that is not its own, or another sender's key.
fn check_refusal(setup: &Value, row: &Value, rows: &[Value]) {
    let sequence = row["seq"].as_u64().unwrap();
    let first = rows.iter().find(|seal| seal["setup"] == row["setup"] && seal["kind"] == "seal").unwrap();
    let source = if row.get("ct").is_some() { row } else { first };
    let sender = row.get("pkSm").map(|_| KemPublic(array(row, "pkSm")));
    let mut receiver = receiver(setup, sender);
    receiver.0.sequence = sequence;
    assert!(receiver.open(&bytes(source, "aad"), &bytes(source, "ct")).is_err(), "{}", row["id"]);
    assert_eq!(receiver.0.sequence, sequence, "a failed opening takes no number");
}

/// `enc` values that no X25519 recipient may take.
fn check_enc(row: &Value) {
    let Ok(enc) = <[u8; 32]>::try_from(bytes(row, "enc")) else { return };
    let key = derive_key_pair(&RustCrypto, &[1; 32]).unwrap();
    assert!(Receiver::base(&RustCrypto, Suite::Aes128Gcm, &enc, &key, b"").is_err(), "{}", row["id"]);
    let sender = key.public(&RustCrypto);
    assert!(Receiver::auth(&RustCrypto, Suite::Aes128Gcm, &enc, &key, b"", &sender).is_err());
}

#[test]
fn the_rows_of_rfc_9180_for_x25519() {
    let rows = rows();
    let (mut tried, mut skipped) = (0, 0);
    for row in &rows {
        let id = text(row, "id");
        let setup = row["setup"].as_str().map(|setup| rows.iter().find(|row| row["id"] == setup).unwrap());
        if setup.unwrap_or(row)["kem_id"] != 0x20 {
            std::eprintln!("skipped, P-256: {id}");
            skipped += 1;
            continue;
        }
        tried += 1;
        match (text(row, "kind"), setup) {
            ("setup", _) => check_setup(row),
            ("seal", Some(setup)) => check_seal(setup, row),
            ("export", Some(setup)) => check_export(setup, row),
            ("refuse", Some(setup)) => check_refusal(setup, row, &rows),
            ("refuse", None) => check_enc(row),
            (other, _) => panic!("{id}: {other}"),
        }
    }
    assert_eq!((tried, skipped), (30, 30));
}

#[test]
fn short_input_makes_no_key_and_the_last_number_is_not_used() {
    assert!(derive_key_pair(&RustCrypto, &[1; 32]).is_ok());
    assert!(derive_key_pair(&RustCrypto, &[1; 31]).is_err());
    let rows = rows();
    let (_, mut sender) = sender(&rows[0]);
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

/// What one message needs, of any content.
#[derive(Clone, Debug)]
struct Case {
    suite: Suite,
    auth: bool,
    seeds: [[u8; 32]; 3],
    info: Vec<u8>,
    aad: Vec<u8>,
    plaintext: Vec<u8>,
}

fn case() -> impl Strategy<Value = Case> {
    let suite = prop_oneof![Just(Suite::Aes128Gcm), Just(Suite::ChaCha20Poly1305)];
    let text = || proptest::collection::vec(any::<u8>(), 0..80);
    (suite, any::<bool>(), any::<[[u8; 32]; 3]>(), text(), text(), text()).prop_map(
        |(suite, auth, seeds, info, aad, plaintext)| Case { suite, auth, seeds, info, aad, plaintext },
    )
}

impl Case {
    fn keys(&self) -> (KemKey, KemKey) {
        let [recipient, sender, _] = self.seeds;
        let key = |seed: [u8; 32]| derive_key_pair(&RustCrypto, &seed).unwrap();
        (key(recipient), key(sender))
    }

    fn seal(&self) -> Sealed {
        let (recipient, sender) = self.keys();
        let (to, ephemeral) = (recipient.public(&RustCrypto), Secret::new(self.seeds[2]));
        let (suite, info, aad, plaintext) = (self.suite, &self.info, &self.aad, &self.plaintext);
        if self.auth {
            seal_auth(&RustCrypto, suite, &to, info, aad, plaintext, &sender, &ephemeral).unwrap()
        } else {
            seal_base(&RustCrypto, suite, &to, info, aad, plaintext, &ephemeral).unwrap()
        }
    }

    fn open(&self, sealed: &Sealed) -> Option<Vec<u8>> {
        let (recipient, sender) = self.keys();
        let (suite, info, aad) = (self.suite, &self.info, &self.aad);
        let opened = if self.auth {
            open_auth(&RustCrypto, suite, &recipient, info, aad, &sender.public(&RustCrypto), sealed)
        } else {
            open_base(&RustCrypto, suite, &recipient, info, aad, sealed)
        };
        opened.ok().map(|plaintext| plaintext.reveal().clone())
    }

    fn oracle_seal(&self) -> Sealed {
        match self.suite {
            Suite::Aes128Gcm => self.oracle_seal_with::<oracle::aead::AesGcm128>(),
            Suite::ChaCha20Poly1305 => self.oracle_seal_with::<oracle::aead::ChaCha20Poly1305>(),
        }
    }

    fn oracle_seal_with<A: oracle::aead::Aead>(&self) -> Sealed {
        let ((_, to), sender) =
            (OracleKem::derive_keypair(&self.seeds[0]), OracleKem::derive_keypair(&self.seeds[1]));
        let mode = if self.auth { OpModeS::Auth(sender) } else { OpModeS::Base };
        let sealed = oracle::single_shot_seal::<A, OracleKdf, OracleKem>(
            &mode,
            &to,
            &self.info,
            &self.plaintext,
            &self.aad,
        );
        let (enc, ciphertext) = sealed.unwrap();
        Sealed { enc: enc.to_bytes().as_slice().try_into().unwrap(), ciphertext }
    }

    fn oracle_open(&self, sealed: &Sealed) -> Vec<u8> {
        match self.suite {
            Suite::Aes128Gcm => self.oracle_open_with::<oracle::aead::AesGcm128>(sealed),
            Suite::ChaCha20Poly1305 => self.oracle_open_with::<oracle::aead::ChaCha20Poly1305>(sealed),
        }
    }

    fn oracle_open_with<A: oracle::aead::Aead>(&self, sealed: &Sealed) -> Vec<u8> {
        let ((key, _), (_, from)) =
            (OracleKem::derive_keypair(&self.seeds[0]), OracleKem::derive_keypair(&self.seeds[1]));
        let mode = if self.auth { OpModeR::Auth(from) } else { OpModeR::Base };
        let enc = <OracleKem as Kem>::EncappedKey::from_bytes(&sealed.enc).unwrap();
        let (info, aad) = (&self.info, &self.aad);
        oracle::single_shot_open::<A, OracleKdf, OracleKem>(&mode, &key, &enc, info, &sealed.ciphertext, aad)
            .unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_one_implementation_seals_the_other_opens(case in case()) {
        let ours = case.seal();
        prop_assert_eq!(&case.oracle_open(&ours), &case.plaintext);
        prop_assert_eq!(case.open(&case.oracle_seal()), Some(case.plaintext.clone()));
        prop_assert_eq!(case.open(&ours), Some(case.plaintext));
    }

    #[test]
    fn a_change_anywhere_is_refused(case in case(), at in any::<proptest::sample::Index>()) {
        let sealed = case.seal();
        let mut changed = sealed.clone();
        let at = at.index(32 + sealed.ciphertext.len());
        // Bit 0, because X25519 ignores the top bit of enc where it enters the agreement; HPKE's context holds all of enc.
        match at.checked_sub(32) {
            None => changed.enc[at] ^= 1,
            Some(at) => changed.ciphertext[at] ^= 1,
        }
        prop_assert!(case.open(&sealed).is_some());
        prop_assert_eq!(case.open(&changed), None);
        let top_bit = Sealed { enc: { let mut enc = sealed.enc; enc[31] ^= 0x80; enc }, ..sealed.clone() };
        prop_assert_eq!(case.open(&top_bit), None);
        for other in [
            Case { info: [case.info.as_slice(), b"."].concat(), ..case.clone() },
            Case { aad: [case.aad.as_slice(), b"."].concat(), ..case.clone() },
            Case { auth: !case.auth, ..case.clone() },
            Case { seeds: [[0; 32], case.seeds[1], case.seeds[2]], ..case.clone() },
        ] {
            prop_assert_eq!(other.open(&sealed), None);
        }
        if case.auth {
            let other = Case { seeds: [case.seeds[0], [0; 32], case.seeds[2]], ..case.clone() };
            prop_assert_eq!(other.open(&sealed), None);
        }
    }
}

#[test]
fn a_context_shows_no_key() {
    // Only the public half of a sealed message has a Debug form; contexts have none.
    let shown: String = alloc::format!("{:?}", derive_key_pair(&RustCrypto, &[1; 32]).unwrap());
    assert_eq!(shown, "KemKey(Secret(…))");
}
