//! TDES DUKPT against published values, by single keys and by batches; the terminal through its whole life and through power cuts.
//!
//! **Invariant:** every row of `vectors/dukpt_tdes.json` is run; their number is counted by kind.
use des::cipher::{BlockCipherEncrypt, KeyInit};
use serde_json::Value;
use std::collections::BTreeMap;
use symbolon_keys::cipher::{BlockCipher, Padding, Tdes, cbc_decrypt, cbc_encrypt, cmac, padded, retail_mac};
use symbolon_keys::dukpt::DukptError;
use symbolon_keys::dukpt::tdes::{
    COUNTERS, Ksn, Terminal, Working, Write, initial_key, initial_keys, terminal::IMAGE_LEN, transaction_key,
    transaction_keys, transaction_keys_of_base, working_key, working_keys,
};
use symbolon_keys::usage::{self, Key, KeyAlgorithm};
use symbolon_types::{CoreRefusal, Secret, hex_parse};

const VECTORS: &str = include_str!("../../../vectors/dukpt_tdes.json");

fn rows(kind: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let rows = file["vectors"].as_array().unwrap().iter();
    rows.filter(|row| row["kind"] == kind).cloned().collect()
}

fn hex(row: &Value, field: &str) -> Vec<u8> {
    hex_parse(row[field].as_str().unwrap()).unwrap()
}

fn ksn(text: &str) -> Ksn {
    Ksn::new(&hex_parse(text).unwrap()).unwrap()
}

fn base_key(bytes: &[u8]) -> Key<usage::Base> {
    Key::new(KeyAlgorithm::Tdes2, bytes).unwrap()
}

fn sample_initial() -> (Key<usage::Initial>, Ksn) {
    let ksn = ksn("FFFF9876543210E00000");
    let bdk = base_key(&hex_parse("0123456789ABCDEFFEDCBA9876543210").unwrap());
    (initial_key(&bdk, &ksn).unwrap(), ksn)
}

#[test]
fn every_kind_of_row_is_known() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let mut kinds = BTreeMap::new();
    for row in file["vectors"].as_array().unwrap() {
        *kinds.entry(row["kind"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    let expect = [("ik", 1), ("ksn", 7), ("txn", 29)].map(|(kind, rows)| (kind.to_owned(), rows));
    assert_eq!(kinds, BTreeMap::from(expect));
}

#[test]
fn initial_keys_are_those_published() {
    for row in rows("ik").iter().chain(rows("txn").iter().filter(|row| row.get("ik").is_some())) {
        let ik = initial_key(&base_key(&hex(row, "bdk")), &Ksn::new(&hex(row, "ksn")).unwrap()).unwrap();
        assert_eq!(ik.reveal(), hex(row, "ik"), "{}", row["id"]);
    }
}

#[test]
fn transactions_are_those_published() {
    let mut seen = BTreeMap::new();
    for row in rows("txn") {
        let id = &row["id"];
        let ksn = Ksn::new(&hex(&row, "ksn")).unwrap();
        let ik = initial_key(&base_key(&hex(&row, "bdk")), &ksn).unwrap();
        let key = transaction_key(&ik, &ksn).unwrap();
        assert_eq!(key.reveal(), hex(&row, "key"), "{id}");
        let tdes = |key: Result<Tdes, _>| key.unwrap_or_else(|_| panic!("{id}"));
        let pin = tdes(working_key::<usage::Pin>(&key).unwrap().tdes());
        let mut block = hex(&row, "pin_block").try_into().unwrap();
        pin.encrypt(&mut block);
        assert_eq!(block[..], hex(&row, "encrypted_pin_block"), "{id}");
        let request = tdes(working_key::<usage::MacRequest>(&key).unwrap().tdes());
        let response = tdes(working_key::<usage::MacResponse>(&key).unwrap().tdes());
        let message = hex(&row, "message");
        for (cipher, name) in [(&request, "request"), (&response, "response")] {
            let mac = retail_mac(cipher, &message, Padding::Zeros).reveal().to_vec();
            let found = cmac(cipher, &[&message]).reveal().to_vec();
            for (field, found) in [("mac8", &mac[..]), ("mac4", &mac[..4]), ("cmac", &found)] {
                if row.get(format!("{field}_{name}")).is_some() {
                    assert_eq!(found, hex(&row, &format!("{field}_{name}")), "{id}");
                    *seen.entry(field).or_insert(0) += 1;
                }
            }
        }
        let request = working_key::<usage::DataRequest>(&key).unwrap().tdes();
        let response = working_key::<usage::DataResponse>(&key).unwrap().tdes();
        for (cipher, field) in [(tdes(request), "data_request"), (tdes(response), "data_response")] {
            let Some(expect) = row.get(field) else { continue };
            let mut text = padded(&message, Padding::Zeros, 8);
            cbc_encrypt(&cipher, &[0; 8], &mut text).unwrap();
            assert_eq!(text, hex_parse(expect.as_str().unwrap()).unwrap(), "{id} {field}");
            cbc_decrypt(&cipher, &[0; 8], &mut text).unwrap();
            assert!(text.starts_with(&message), "{id} {field}");
            *seen.entry("data").or_insert(0) += 1;
        }
    }
    assert_eq!(seen, BTreeMap::from([("cmac", 42), ("data", 41), ("mac4", 42), ("mac8", 24)]));
}

#[test]
fn counters_are_used_as_published() {
    for row in rows("ksn") {
        let base = Ksn::new(&hex(&row, "base_ksn")).unwrap();
        let number = |text: &Value| u32::from_str_radix(text.as_str().unwrap(), 16).unwrap();
        let ksn = base.with_counter(number(&row["counter"])).unwrap();
        assert_eq!(ksn.is_usable(), row["usable"].as_bool().unwrap(), "{}", row["id"]);
        let next = ksn.next().map(|next| next.counter());
        assert_eq!(next, row["next"].is_string().then(|| number(&row["next"])), "{}", row["id"]);
        let (ik, _) = sample_initial();
        assert_eq!(transaction_key(&ik, &ksn).is_ok(), ksn.is_usable());
        assert_eq!(transaction_keys(&[(&ik, ksn)]).is_ok(), ksn.is_usable());
    }
}

#[test]
fn a_walk_meets_every_usable_counter_once() {
    let usable = (0..0x20_0000_u32).filter(|counter| (1..=10).contains(&counter.count_ones()));
    let walk = std::iter::successors(ksn("FFFF9876543210E00000").next(), Ksn::next);
    assert!(walk.map(|ksn| ksn.counter()).eq(usable.clone()));
    assert_eq!(usable.count(), COUNTERS as usize);
    // From a counter that is never used, to the first one after it that is.
    let (mut next, base) = (None, ksn("FFFF9876543210E00000"));
    for counter in (0..0x20_0000).rev() {
        let ksn = base.with_counter(counter).unwrap();
        if counter % 5 == 0 {
            assert_eq!(ksn.next(), next, "{counter:06X}");
        }
        next = if ksn.is_usable() { Some(ksn) } else { next };
    }
}

#[test]
fn a_ksn_has_eight_to_ten_bytes() {
    let whole = ksn("FFFF9876543210E00001");
    assert_eq!(ksn("9876543210E00001"), whole);
    assert_eq!(ksn("FF9876543210E00001"), whole);
    assert_eq!(format!("{whole:?}"), "Ksn(FFFF9876543210E00001)");
    for len in [0, 1, 7, 11, 12] {
        assert_eq!(Ksn::new(&vec![1; len]), Err(DukptError::Ksn));
    }
    assert_eq!(whole.with_counter(0x20_0000), Err(DukptError::Ksn));
    assert_eq!(CoreRefusal::from(DukptError::Ksn).refused().name, "KSN_INVALID");
}

/// DES ignores parity bits where a key is used as one; but the right half of an initial key is also a text in each step.
#[test]
fn parity_counts_in_an_initial_key_and_not_in_a_base_key() {
    let whole = ksn("FFFF9876543210E00001");
    let flipped = |key: &[u8]| key.iter().map(|byte| byte ^ 1).collect::<Vec<u8>>();
    let bdk = hex_parse("0123456789ABCDEFFEDCBA9876543210").unwrap();
    let ik = initial_key(&base_key(&bdk), &whole).unwrap();
    assert_eq!(initial_key(&base_key(&flipped(&bdk)), &whole).unwrap().reveal(), ik.reveal());
    let other = Key::new(KeyAlgorithm::Tdes2, &flipped(ik.reveal())).unwrap();
    let [key, other] = [ik, other].map(|ik| transaction_key(&ik, &whole).unwrap());
    assert_ne!(key.reveal(), other.reveal());
}

#[test]
fn a_base_key_of_another_algorithm_is_refused() {
    let whole = ksn("FFFF9876543210E00001");
    for algorithm in [KeyAlgorithm::Aes128, KeyAlgorithm::Tdes3, KeyAlgorithm::Hmac128] {
        let bytes = vec![0x11; algorithm.key_len()];
        let bdk = Key::new(algorithm, &bytes).unwrap();
        assert_eq!(initial_key(&bdk, &whole).err(), Some(DukptError::Key));
        assert_eq!(transaction_keys_of_base(&bdk, &[whole]).err(), Some(DukptError::Key));
        let ik = Key::new(algorithm, &bytes).unwrap();
        assert_eq!(transaction_key(&ik, &whole).err(), Some(DukptError::Key));
        assert_eq!(transaction_keys(&[(&ik, whole)]).err(), Some(DukptError::Key));
        assert_eq!(Terminal::load(&ik, &whole).err(), Some(DukptError::Key));
        let transaction = Key::new(algorithm, &bytes).unwrap();
        assert_eq!(working_key::<usage::Pin>(&transaction).err(), Some(DukptError::Key));
    }
}

/// SplitMix64.
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// So many KSNs of terminals of their own, with usable counters of every number of ones.
fn sample_ksns(count: usize, seed: &mut u64) -> Vec<Ksn> {
    let mut drawn = || loop {
        let (high, low, thin) = (draw(seed).to_be_bytes(), draw(seed), draw(seed) % 3);
        let ksn = Ksn::new(&[&[0xFF, high[0]][..], &high].concat()).unwrap();
        let counter = [low, low & low >> 21, low & low >> 21 & low >> 42][thin as usize] as u32 & 0x1F_FFFF;
        let ksn = ksn.with_counter(counter).unwrap();
        if ksn.is_usable() {
            return ksn;
        }
    };
    (0..count).map(|_| drawn()).collect()
}

fn same_working_keys<U: Working>(transactions: &symbolon_keys::dukpt::tdes::KeyBatch<usage::Derivation>) {
    let batch = working_keys::<U>(transactions).unwrap();
    assert_eq!(batch.reveal().len(), transactions.reveal().len());
    for at in 0..batch.reveal().len() {
        let single = working_key::<U>(&transactions.get(at).unwrap()).unwrap();
        assert_eq!(batch.get(at).unwrap().reveal(), single.reveal(), "{} {at}", U::NAME);
    }
    assert!(batch.get(batch.reveal().len()).is_none());
}

#[test]
fn a_batch_has_the_keys_that_one_by_one_have() {
    let mut seed = 9;
    for count in [0, 1, 511, 512, 1025] {
        let bdk = base_key(&[draw(&mut seed).to_be_bytes(), draw(&mut seed).to_be_bytes()].concat());
        let ksns = sample_ksns(count, &mut seed);
        let initial = initial_keys(&bdk, &ksns).unwrap();
        let singles: Vec<Key<usage::Initial>> =
            ksns.iter().map(|ksn| initial_key(&bdk, ksn).unwrap()).collect();
        assert!(initial.reveal().iter().zip(&singles).all(|(batch, single)| batch[..] == *single.reveal()));
        let pairs: Vec<_> = singles.iter().zip(ksns.iter().copied()).collect();
        let keys = transaction_keys(&pairs).unwrap();
        assert_eq!(keys.reveal(), transaction_keys_of_base(&bdk, &ksns).unwrap().reveal());
        assert_eq!(keys.reveal().len(), count);
        for (at, (ik, ksn)) in pairs.iter().enumerate() {
            assert_eq!(keys.get(at).unwrap().reveal(), transaction_key(ik, ksn).unwrap().reveal(), "{ksn:?}");
        }
        same_working_keys::<usage::Pin>(&keys);
        same_working_keys::<usage::MacRequest>(&keys);
        same_working_keys::<usage::MacResponse>(&keys);
        same_working_keys::<usage::DataRequest>(&keys);
        same_working_keys::<usage::DataResponse>(&keys);
    }
}

#[test]
fn a_batch_opens_pin_blocks_and_makes_macs() {
    let published: Vec<Value> = rows("txn").into_iter().filter(|row| row["origin"] == "published").collect();
    let bdk = base_key(&hex(&published[0], "bdk"));
    let ksns: Vec<Ksn> = published.iter().map(|row| Ksn::new(&hex(row, "ksn")).unwrap()).collect();
    let keys = transaction_keys_of_base(&bdk, &ksns).unwrap();
    let blocks = |field: &str| published.iter().map(|row| hex(row, field).try_into().unwrap()).collect();
    let (mut pins, clear): (Vec<[u8; 8]>, Vec<[u8; 8]>) =
        (blocks("encrypted_pin_block"), blocks("pin_block"));
    working_keys::<usage::Pin>(&keys).unwrap().decrypt(&mut pins).unwrap();
    assert_eq!(pins, clear);
    let mac4s = |field: &str| published.iter().map(|row| hex(row, field)).collect::<Vec<_>>();
    let fours =
        |macs: &Secret<Vec<[u8; 8]>>| macs.reveal().iter().map(|mac| mac[..4].to_vec()).collect::<Vec<_>>();
    let messages: Vec<Vec<u8>> = published.iter().map(|row| hex(row, "message")).collect();
    let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let macs = working_keys::<usage::MacRequest>(&keys).unwrap().macs(&messages).unwrap();
    assert_eq!(fours(&macs), mac4s("mac4_request"));
    let macs = working_keys::<usage::MacResponse>(&keys).unwrap().macs(&messages).unwrap();
    assert_eq!(fours(&macs), mac4s("mac4_response"));
    assert!(working_keys::<usage::Pin>(&keys).unwrap().decrypt(&mut pins[1..]).is_err());
}

/// All writes made, in memory.
fn transaction(
    terminal: Terminal,
    image: &mut [u8],
) -> Result<(Terminal, symbolon_keys::dukpt::tdes::Transaction), DukptError> {
    let mut step = terminal.next()?;
    while let Some(write) = step.write() {
        apply(image, &write, usize::MAX);
    }
    step.finish()
}

/// The first bytes of a write.
fn apply(image: &mut [u8], write: &Write, bytes: usize) {
    let slots = image[write.offset()..].iter_mut().zip(write.reveal());
    slots.take(bytes).for_each(|(slot, byte)| *slot = *byte);
}

/// Whether a key stands somewhere in an image.
fn holds(image: &[u8], key: &[u8]) -> bool {
    image.windows(key.len()).any(|window| window == key)
}

/// From the first to the last counter: every key is the one that the host derives.
#[test]
fn a_terminals_whole_life() {
    let (ik, base) = sample_initial();
    let mut terminal = Terminal::load(&ik, &base).unwrap();
    let mut image = terminal.image().reveal().clone();
    assert_eq!(image.len(), IMAGE_LEN);
    let (mut transactions, mut last) = (0_u32, base);
    let mut emitted: Vec<(Ksn, [u8; 16])> = Vec::new();
    while let Some(next) = terminal.ksn() {
        let done;
        (terminal, done) = transaction(terminal, &mut image).unwrap();
        assert_eq!((Some(done.ksn), next), (last.next(), done.ksn));
        last = done.ksn;
        transactions += 1;
        emitted.push((done.ksn, done.key.reveal().try_into().unwrap()));
    }
    assert_eq!(terminal.next().err(), Some(DukptError::Exhausted));
    let mut reference = Vec::new();
    walk(ik.reveal().try_into().unwrap(), 0, 21, &mut reference);
    assert!(emitted.iter().map(|(ksn, key)| (ksn.counter(), *key)).eq(reference));
    // The cipher of a batch is slow where it is not optimised: every fifth run of 512.
    emitted.chunks(512).step_by(5).for_each(|part| same_as_the_host(&ik, part));
    assert_eq!((transactions, last.counter()), (COUNTERS, 0x1F_F800));
    // It stays so, and nothing but zeros and its number is left of its keys.
    let (terminal, wipes) = Terminal::open(&image).unwrap();
    assert!(wipes.is_empty() && image[34..].iter().all(|byte| *byte == 0));
    assert_eq!((terminal.ksn(), terminal.next().err()), (None, Some(DukptError::Exhausted)));
    assert_eq!(CoreRefusal::from(DukptError::Exhausted).refused().name, "KEYS_EXHAUSTED");
}

/// All keys below one, in the order of their counters: the tree of annex A.2 over the crate `des`, one step for each key.
fn walk(key: [u8; 16], counter: u32, below: u32, keys: &mut Vec<(u32, [u8; 16])>) {
    if counter != 0 {
        keys.push((counter, key));
    }
    for place in (0..below).filter(|_| counter.count_ones() < 10) {
        let child = counter | 1 << place;
        let register = 0x9876_5432_10E0_0000 | u64::from(child);
        let half = |mask: u128| {
            let masked = (u128::from_be_bytes(key) ^ mask).to_be_bytes();
            let (left, right) =
                (masked[..8].try_into().unwrap(), u64::from_be_bytes(masked[8..].try_into().unwrap()));
            let mut block = (register ^ right).to_be_bytes();
            des::Des::new(&<[u8; 8]>::into(left)).encrypt_block((&mut block).into());
            u64::from_be_bytes(block) ^ right
        };
        let (left, right) = (half(0xC0C0_C0C0_0000_0000_C0C0_C0C0_0000_0000), half(0));
        walk((u128::from(left) << 64 | u128::from(right)).to_be_bytes(), child, place, keys);
    }
}

fn same_as_the_host(ik: &Key<usage::Initial>, transactions: &[(Ksn, [u8; 16])]) {
    let pairs: Vec<_> = transactions.iter().map(|(ksn, _)| (ik, *ksn)).collect();
    let keys = transaction_keys(&pairs).unwrap();
    assert!(keys.reveal().iter().zip(transactions).all(|(host, (_, terminal))| host == terminal));
    assert_eq!(keys.reveal().len(), transactions.len());
}

/// A terminal that stands at a counter: its registers made from the initial key, as if it had come there.
fn at_counter(counter: u32) -> (Terminal, Vec<u8>, Key<usage::Initial>) {
    let (ik, base) = sample_initial();
    let mut terminal = Terminal::load(&ik, &base).unwrap();
    let mut image = terminal.image().reveal().clone();
    while terminal.ksn().is_some_and(|ksn| ksn.counter() < counter) {
        (terminal, _) = transaction(terminal, &mut image).unwrap();
    }
    (terminal, image, ik)
}

/// Power fails at every write, after none, some and all of its bytes, and again while the image is being cleaned.
#[test]
fn no_counter_is_used_twice_whenever_power_fails() {
    for (start, count) in [(1, 70), (0x3F0, 40), (0x7FA, 30), (0xFF8, 12)] {
        let (mut terminal, mut image, ik) = at_counter(start);
        let mut past: Vec<Vec<u8>> = Vec::new();
        for _ in 0..count {
            let writes: Vec<Write> = {
                let mut step = terminal.clone().next().unwrap();
                std::iter::from_fn(|| step.write()).collect()
            };
            for (cut, torn) in (0..writes.len()).flat_map(|cut| [0, 1, 9, 16, 19, 20].map(|torn| (cut, torn)))
            {
                let mut after = image.clone();
                writes[..cut].iter().for_each(|write| apply(&mut after, write, usize::MAX));
                apply(&mut after, &writes[cut], torn);
                cleaned(&mut after, torn);
                let (reopened, wipes) = Terminal::open(&after).unwrap();
                assert!(wipes.is_empty());
                assert!(past.iter().all(|key| !holds(&after, key)), "a key of the past is left");
                // Nothing has left yet: this counter's key, or the next one's, and it is the host's.
                let next = reopened.ksn().unwrap();
                let here = terminal.ksn().unwrap();
                assert!(next == here || Some(next) == here.next(), "{here:?} {next:?}");
                let (_, done) = transaction(reopened, &mut after).unwrap();
                assert_eq!(done.ksn, next);
                assert_eq!(done.key.reveal(), transaction_key(&ik, &next).unwrap().reveal());
                assert!(!holds(&after, done.key.reveal()));
            }
            let (after, done) = transaction(terminal, &mut image).unwrap();
            terminal = after;
            past.push(done.key.reveal().to_vec());
        }
    }
}

/// A memory that says that it wrote, and did not: each write of a walk once, and the power going some transactions later. What was lost costs counters.
#[test]
fn no_counter_is_used_twice_when_one_write_is_lost() {
    let (mut tried, mut skipped) = (0, 0);
    for start in [1, 0x3F8, 0xFF8] {
        let (terminal, image, ik) = at_counter(start);
        for (lost, restart) in (0..60).flat_map(|lost| (1..5).map(move |restart| (lost, restart))) {
            let (mut terminal, mut image, mut written) = (terminal.clone(), image.clone(), 0);
            let mut used: Vec<u32> = Vec::new();
            for round in 1..30 {
                let mut step = terminal.next().unwrap();
                while let Some(write) = step.write() {
                    apply(&mut image, &write, if written == lost { 0 } else { usize::MAX });
                    written += 1;
                }
                let done;
                (terminal, done) = step.finish().unwrap();
                assert_eq!(done.key.reveal(), transaction_key(&ik, &done.ksn).unwrap().reveal());
                used.push(done.ksn.counter());
                if round % restart == 0 {
                    let wipes;
                    (terminal, wipes) = Terminal::open(&image).unwrap();
                    wipes.iter().for_each(|write| apply(&mut image, write, usize::MAX));
                }
            }
            tried += 1;
            let gaps = used.windows(2).filter(|pair| pair[1] != at_next(pair[0]));
            skipped += gaps.count();
            assert!(used.windows(2).all(|pair| pair[0] < pair[1]), "{start} {lost} {restart}: {used:?}");
        }
    }
    assert!(tried == 720 && skipped > 50, "{tried} {skipped}");
}

fn at_next(counter: u32) -> u32 {
    sample_initial().1.with_counter(counter).unwrap().next().unwrap().counter()
}

/// Each byte of a register or a header that is damaged: what a terminal opens from the rest is the host's, and nothing that was used before.
#[test]
fn a_flipped_byte_never_gives_another_key() {
    let (_, image, ik) = at_counter(0x1F6);
    for at in 0..image.len() {
        let mut damaged = image.clone();
        damaged[at] ^= 0x10;
        let (mut terminal, wipes) = Terminal::open(&damaged).unwrap();
        wipes.iter().for_each(|write| apply(&mut damaged, write, usize::MAX));
        for _ in 0..12 {
            let done;
            (terminal, done) = transaction(terminal, &mut damaged).unwrap();
            assert!(done.ksn.counter() >= 0x1F6, "{at}");
            assert_eq!(done.key.reveal(), transaction_key(&ik, &done.ksn).unwrap().reveal(), "{at}");
        }
    }
}

/// Opens an image and makes the writes that it asks for, the first of them at first in part.
fn cleaned(image: &mut [u8], torn: usize) {
    let (_, wipes) = Terminal::open(image).unwrap();
    if let Some(first) = wipes.first() {
        apply(image, first, torn);
    }
    let (_, wipes) = Terminal::open(image).unwrap();
    wipes.iter().for_each(|write| apply(image, write, usize::MAX));
}

#[test]
fn a_key_is_had_only_after_all_writes() {
    let (ik, base) = sample_initial();
    let terminal = Terminal::load(&ik, &base).unwrap();
    let mut step = terminal.next().unwrap();
    assert!(step.write().is_some());
    assert_eq!(step.finish().err(), Some(DukptError::State));
}

#[test]
fn a_damaged_register_is_passed_over() {
    let (terminal, mut image, ik) = at_counter(6);
    drop(terminal);
    // Register 1, which counter 6 is served by.
    image[34 + 20 + 3] ^= 0x10;
    let (terminal, wipes) = Terminal::open(&image).unwrap();
    assert_eq!(wipes.len(), 1);
    wipes.iter().for_each(|write| apply(&mut image, write, usize::MAX));
    let (terminal, done) = transaction(terminal, &mut image).unwrap();
    assert_eq!(done.ksn.counter(), 8, "6 and 7 came from the key that is lost");
    assert_eq!(done.key.reveal(), transaction_key(&ik, &done.ksn).unwrap().reveal());
    let (_, done) = transaction(terminal, &mut image).unwrap();
    assert_eq!(done.ksn.counter(), 9);
}

#[test]
fn an_image_that_is_none_is_refused() {
    let (terminal, image, _) = at_counter(3);
    for len in (0..image.len()).chain([image.len() + 1]) {
        let cut: Vec<u8> = image.iter().copied().chain([0]).take(len).collect();
        assert_eq!(Terminal::open(&cut).err(), Some(DukptError::State), "{len}");
    }
    assert_eq!(Terminal::open(&[0; IMAGE_LEN]).err(), Some(DukptError::State));
    assert_eq!(Terminal::open(&[0xFF; IMAGE_LEN]).err(), Some(DukptError::State));
    // One header damaged: the other one counts, if it is there.
    for at in 0..34 {
        let mut damaged = image.clone();
        damaged[at] ^= 1;
        let (opened, _) = Terminal::open(&damaged).unwrap();
        let counter = opened.ksn().unwrap().counter();
        assert!(counter == 3 || counter == 2, "{at}");
    }
    assert_eq!(CoreRefusal::from(DukptError::State).refused().name, "DAMAGED");
    assert!(!format!("{terminal:?}").contains(", 1"), "no register is shown");
}
