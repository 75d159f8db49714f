//! AES DUKPT: every row of `dukpt_aes.json` and `dukpt_aes_long.json` by its id, batches beside single keys; and the terminal.
use serde_json::Value;
use std::collections::BTreeMap;
use symbolon_keys::cipher::{BlockCipher, cbc_encrypt, cmac, xor};
use symbolon_keys::dukpt::DukptError;
use symbolon_keys::dukpt::aes::{
    COUNTER_LAST, COUNTER_UPDATE, COUNTERS, Derived, InitialKeyId, Ksn, Terminal, initial_key, transaction,
    update_key, working_keys,
};
use symbolon_keys::usage::{self, Key, KeyAlgorithm, Usage};
use symbolon_keys::{Crypto, HashAlgorithm, RustCrypto};
use symbolon_types::{hex_parse, hex_upper};

#[path = "dukpt_aes/terminal.rs"]
mod terminal;

fn rows(file: &str) -> Vec<Value> {
    let path = format!("{}/../../vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{}: no {field}", row["id"]))
}

fn bytes(row: &Value, field: &str) -> Vec<u8> {
    hex_parse(text(row, field)).unwrap()
}

fn aes_of(length: usize) -> KeyAlgorithm {
    [KeyAlgorithm::Aes128, KeyAlgorithm::Aes192, KeyAlgorithm::Aes256]
        .into_iter()
        .find(|algorithm| algorithm.key_len() == length)
        .unwrap()
}

fn aes_key<U: Usage>(bytes: &[u8]) -> Key<U> {
    Key::new(aes_of(bytes.len()), bytes).unwrap()
}

fn key<U: Usage>(row: &Value, field: &str) -> Key<U> {
    aes_key(&bytes(row, field))
}

fn id(row: &Value) -> InitialKeyId {
    InitialKeyId(bytes(row, "ikid").try_into().unwrap())
}

fn counter(row: &Value) -> u32 {
    u32::from_str_radix(text(row, "counter"), 16).unwrap()
}

fn ksn(row: &Value) -> Ksn {
    Ksn { id: id(row), counter: counter(row) }
}

fn algorithm(row: &Value) -> KeyAlgorithm {
    match text(row, "algorithm") {
        "TDES2" => KeyAlgorithm::Tdes2,
        "TDES3" => KeyAlgorithm::Tdes3,
        "AES128" => KeyAlgorithm::Aes128,
        "AES192" => KeyAlgorithm::Aes192,
        "AES256" => KeyAlgorithm::Aes256,
        "HMAC128" => KeyAlgorithm::Hmac128,
        "HMAC192" => KeyAlgorithm::Hmac192,
        "HMAC256" => KeyAlgorithm::Hmac256,
        other => panic!("{other}"),
    }
}

/// A working key by the single way, which the batch must give too.
fn working<U: Derived>(
    initial: &Key<usage::Initial>,
    ksn: &Ksn,
    algorithm: KeyAlgorithm,
) -> Result<Vec<u8>, DukptError> {
    let single = transaction(initial, ksn).and_then(|made| made.working_key::<U>(algorithm));
    let mut batch = working_keys::<U>(&[(initial, *ksn)], algorithm);
    assert_eq!(batch.len(), 1);
    let of = |key: Result<Key<U>, DukptError>| key.map(|key| key.reveal().to_vec());
    let (single, batch) = (of(single), of(batch.pop().unwrap()));
    assert_eq!(single, batch);
    single
}

fn working_by_name(row: &Value, initial: &Key<usage::Initial>) -> Result<Vec<u8>, DukptError> {
    let of = match text(row, "usage") {
        "PIN" => working::<usage::Pin>,
        "MAC_GEN" => working::<usage::MacRequest>,
        "MAC_VER" => working::<usage::MacResponse>,
        "MAC_BOTH" => working::<usage::MacBoth>,
        "DATA_ENC" => working::<usage::DataRequest>,
        "DATA_DEC" => working::<usage::DataResponse>,
        "DATA_BOTH" => working::<usage::DataBoth>,
        "KEY_ENCRYPTION" => working::<usage::KeyEncryption>,
        "KEY_DERIVATION" => working::<usage::Derivation>,
        other => panic!("{other}"),
    };
    of(initial, &ksn(row), algorithm(row))
}

/// The key of the row's direction: requests are what the terminal makes.
fn directed<Request: Derived, Response: Derived>(row: &Value) -> Vec<u8> {
    let of = match text(row, "direction") {
        "request" => working::<Request>,
        "response" => working::<Response>,
        other => panic!("{other}"),
    };
    of(&key(row, "ik"), &ksn(row), algorithm(row)).unwrap()
}

fn padded(mut text: Vec<u8>) -> Vec<u8> {
    text.resize(text.len().next_multiple_of(16), 0);
    text
}

fn check(row: &Value) {
    let name = text(row, "id");
    match text(row, "kind") {
        "ik" => {
            let made = initial_key(&key(row, "bdk"), id(row)).unwrap();
            assert_eq!(hex_upper(made.reveal()), text(row, "ik"), "{name}");
        }
        "txn" => {
            let ksn = ksn(row);
            assert_eq!(
                row["ksn"].as_str().map_or(ksn, |text| Ksn::new(&hex_parse(text).unwrap()).unwrap()),
                ksn
            );
            let made = transaction(&key(row, "ik"), &ksn).unwrap();
            assert_eq!(hex_upper(made.key().reveal()), text(row, "key"), "{name}");
        }
        "working" => {
            let made = working_by_name(row, &key(row, "ik")).unwrap();
            assert_eq!(hex_upper(&made), text(row, "key"), "{name}");
        }
        "update" => {
            assert_eq!(counter(row), COUNTER_UPDATE);
            let made = update_key(&key(row, "ik"), id(row), Some(algorithm(row))).unwrap();
            assert_eq!(hex_upper(made.reveal()), text(row, "key"), "{name}");
        }
        "pinblock" => {
            let pin = working::<usage::Pin>(&key(row, "ik"), &ksn(row), algorithm(row)).unwrap();
            let cipher = aes_key::<usage::Pin>(&pin).aes().unwrap();
            let mut block = bytes(row, "pin_field").try_into().unwrap();
            cipher.encrypt(&mut block);
            xor(&mut block, &bytes(row, "pan_field"));
            cipher.encrypt(&mut block);
            assert_eq!(hex_upper(&block), text(row, "encrypted"), "{name}");
        }
        "cmac" => {
            let made = directed::<usage::MacRequest, usage::MacResponse>(row);
            let message = bytes(row, "message");
            let mac = match algorithm(row) {
                KeyAlgorithm::Aes128 => {
                    hex_upper(cmac(&aes_key::<usage::MacBoth>(&made).aes().unwrap(), &[&message]).reveal())
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(mac, text(row, "result"), "{name}");
        }
        "hmac" => {
            let made = directed::<usage::MacRequest, usage::MacResponse>(row);
            let mac = RustCrypto.hmac(HashAlgorithm::Sha256, &made, &[&bytes(row, "message")]);
            assert_eq!(hex_upper(mac.reveal()), text(row, "result"), "{name}");
        }
        "cbc" => {
            let made = directed::<usage::DataRequest, usage::DataResponse>(row);
            let mut message = padded(bytes(row, "message"));
            cbc_encrypt(&aes_key::<usage::DataBoth>(&made).aes().unwrap(), &[0; 16], &mut message).unwrap();
            assert_eq!(hex_upper(&message), text(row, "result"), "{name}");
        }
        "ksn" => {
            let ksn = ksn(row);
            assert_eq!(ksn.is_usable(), row["usable"].as_bool().unwrap(), "{name}");
            let next = ksn.next().map(|next| format!("{:08X}", next.counter));
            assert_eq!(next.as_deref(), row["next"].as_str(), "{name}");
        }
        "refuse" => {
            let initial = initial_key(&key(row, "bdk"), id(row)).unwrap();
            let want = if counter(row) == 0 { DukptError::Ksn } else { DukptError::Weak };
            assert_eq!(working_by_name(row, &initial), Err(want), "{name}");
        }
        other => panic!("{other}"),
    }
}

fn counted(file: &str) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for row in rows(file) {
        check(&row);
        *kinds.entry(text(&row, "kind").to_owned()).or_default() += 1;
    }
    kinds
}

#[test]
fn every_row_of_the_vectors() {
    let want = [
        ("cbc", 28),
        ("cmac", 28),
        ("hmac", 10),
        ("ik", 10),
        ("ksn", 8),
        ("pinblock", 6),
        ("refuse", 2),
        ("txn", 29),
        ("update", 2),
        ("working", 110),
    ];
    assert_eq!(counted("dukpt_aes"), want.map(|(kind, rows)| (kind.to_owned(), rows)).into());
}

#[test]
fn every_row_of_long_base_keys() {
    let want = [("ik", 4), ("refuse", 2), ("txn", 32), ("update", 4), ("working", 252)];
    assert_eq!(counted("dukpt_aes_long"), want.map(|(kind, rows)| (kind.to_owned(), rows)).into());
}

/// SplitMix64: the same inputs in every run.
struct Chance(u64);

impl Chance {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        std::iter::repeat_with(|| self.draw().to_be_bytes()).flatten().take(length).collect()
    }

    /// A counter that is used, of many or of few ones.
    fn counter(&mut self, id: InitialKeyId) -> u32 {
        let drawn = self.draw().to_be_bytes();
        let [high, low] = [&drawn[..4], &drawn[4..]].map(|half| u32::from_be_bytes(half.try_into().unwrap()));
        let start = if self.draw().is_multiple_of(2) { high & low } else { high };
        Ksn { id, counter: start }.next().map_or(1, |ksn| ksn.counter)
    }
}

const ID: InitialKeyId = InitialKeyId([0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56]);

#[test]
fn the_batch_gives_what_the_single_way_gives_whatever_is_mixed() {
    let mut chance = Chance(20);
    let initials: Vec<Key<usage::Initial>> =
        (0..40).map(|at| aes_key(&chance.bytes([16, 24, 32][at % 3]))).collect();
    let foreign = Key::new(KeyAlgorithm::Tdes2, &[7; 16]).unwrap();
    for size in [0, 1, 7, 8, 9, 40] {
        let mut wanted: Vec<_> = initials
            .iter()
            .take(size)
            .map(|key| {
                let id = InitialKeyId(chance.bytes(8).try_into().unwrap());
                (key, Ksn { id, counter: chance.counter(id) })
            })
            .collect();
        if size == 40 {
            wanted[11].1.counter = 0;
            wanted[12].1.counter = COUNTER_UPDATE;
            wanted[13].0 = &foreign;
        }
        for algorithm in
            [KeyAlgorithm::Tdes3, KeyAlgorithm::Aes128, KeyAlgorithm::Aes192, KeyAlgorithm::Hmac256]
        {
            let batch = working_keys::<usage::DataRequest>(&wanted, algorithm);
            assert_eq!(batch.len(), size);
            for ((initial, ksn), found) in wanted.iter().zip(batch) {
                let single = transaction(initial, ksn)
                    .and_then(|made| made.working_key::<usage::DataRequest>(algorithm));
                let of = |key: Result<Key<_>, _>| key.map(|key| key.reveal().to_vec());
                assert_eq!(of(found), of(single), "{ksn:?} {algorithm:?}");
            }
        }
    }
}

#[test]
fn a_working_key_is_never_stronger_than_its_base_key() {
    use KeyAlgorithm::*;
    for base in [Aes128, Aes192, Aes256] {
        let initial = Key::new(base, &vec![9; base.key_len()]).unwrap();
        for algorithm in [Tdes2, Tdes3, Aes128, Aes192, Aes256, Hmac128, Hmac192, Hmac256] {
            let made = working::<usage::MacBoth>(&initial, &Ksn { id: ID, counter: 5 }, algorithm);
            let weak = algorithm.strength_bits() > base.strength_bits();
            assert_eq!(made.err(), weak.then_some(DukptError::Weak), "{base:?} {algorithm:?}");
            assert_eq!(update_key(&initial, ID, Some(algorithm)).is_err(), weak);
        }
    }
    let foreign = Key::new(Tdes3, &[9; 24]).unwrap();
    assert_eq!(initial_key(&foreign, ID).err(), Some(DukptError::Key));
}

#[test]
fn a_key_serial_number_has_twelve_bytes() {
    let ksn = Ksn { id: ID, counter: 0x0001_FFFE };
    assert_eq!(Ksn::new(&ksn.to_bytes()), Ok(ksn));
    for length in (0..20).filter(|length| *length != 12) {
        assert_eq!(Ksn::new(&vec![1; length]), Err(DukptError::Ksn));
    }
}

/// Counted by the number of ones: the sum of 32 over k for k from 1 to 16.
#[test]
fn there_are_as_many_counters_as_the_standard_says() {
    let mut binomial = 1_u64;
    let counters: u64 = (1..=16_u64)
        .map(|k| {
            binomial = binomial * (33 - k) / k;
            binomial
        })
        .sum();
    assert_eq!(counters, u64::from(COUNTERS));
    // The next counter is the smallest that can be used, checked one by one where carries run far.
    for start in [0_u32, 0xFFF0, 0x1_FF00, 0x00FF_FE00, 0x7FFF_7F00, 0xFFFE_0000, 0xFFFE_FF00] {
        for counter in start..start + 0x180 {
            let slow = (counter + 1..=u32::MAX).find(|next| (1..=16).contains(&next.count_ones()));
            assert_eq!(Ksn { id: ID, counter }.next().map(|ksn| ksn.counter), slow, "{counter:08X}");
        }
    }
    assert_eq!(Ksn { id: ID, counter: COUNTER_LAST }.next(), None);
}

/// The search for key material in whatever is shown: each eight bytes of every key in hexadecimal, and as a list of numbers.
#[test]
fn nothing_that_is_shown_holds_key_material() {
    let base = aes_key::<usage::Base>(&[0xC7; 32]);
    let initial = initial_key(&base, ID).unwrap();
    let ksn = Ksn { id: ID, counter: 3 };
    let made = transaction(&initial, &ksn).unwrap();
    let terminal = Terminal::load(&initial, ID).unwrap();
    let secrets = [
        base.reveal().to_vec(),
        initial.reveal().to_vec(),
        made.key().reveal().to_vec(),
        terminal.record().reveal()[14..].to_vec(),
    ];
    let mut shown = format!("{base:?} {initial:?} {made:?} {terminal:?} {ksn:?} {:?}", terminal.record());
    shown += &format!("{:?}", terminal.next().unwrap());
    for error in
        [DukptError::Ksn, DukptError::Weak, DukptError::Key, DukptError::Exhausted, DukptError::State]
    {
        shown += &format!("{error:?} {}", symbolon_types::CoreRefusal::from(error));
    }
    for secret in secrets {
        for window in secret.windows(4) {
            let hex = hex_upper(window);
            assert!(!shown.to_uppercase().contains(&hex), "{shown}");
            assert!(!shown.contains(&format!("{window:?}").replace(['[', ']'], "")), "{shown}");
        }
    }
}
