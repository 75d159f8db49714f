//! The rows of `emv_cryptogram.json` on keys, cryptograms, answers and scripts, each by its id; what is refused; the batch against the single check.
use serde_json::Value;
use std::collections::BTreeMap;
use symbolon_keys::cipher::{BlockCipher, Padding, check_value, set_odd_parity};
use symbolon_keys::emv::{
    AccountNumber, Card, Check, EmvError, Encipherment, IccAc, IccMaster, IccSmc, IccSmi, IssuerAc,
    IssuerAnswer, IssuerMaster, IssuerSmc, IssuerSmi, MasterKeyOption, PinChange, SCHEMES, Scheme,
    ScriptKeys, SessionAc, SessionDerivation, SessionSmc, SessionSmi, Tree, arpc_method_1, arpc_method_2,
    cryptogram, encipher, icc_master, pin_change, scheme, script_mac, session, verify, verify_all,
    verify_cryptogram, vis_pin_block,
};
use symbolon_keys::usage::{Key, KeyAlgorithm, Usage};
use symbolon_types::{CoreRefusal, hex_parse, hex_upper};

const KINDS: [(&str, usize); 7] = [
    ("ac", 13),
    ("chain", 8),
    ("cvn", 3),
    ("pin_change", 3),
    ("refuse", 4),
    ("script_mac", 1),
    ("session", 8),
];

fn rows() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/emv_cryptogram.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{}: no {field}", row["id"]))
}

fn bytes(row: &Value, field: &str) -> Vec<u8> {
    hex_parse(text(row, field)).unwrap()
}

fn array<const N: usize>(row: &Value, field: &str) -> [u8; N] {
    bytes(row, field).try_into().unwrap()
}

fn key<U: Usage>(row: &Value, field: &str) -> Key<U> {
    Key::new(KeyAlgorithm::Tdes2, &bytes(row, field)).unwrap()
}

fn kcv<U: Usage>(key: &Key<U>) -> String {
    hex_upper(&check_value::<8>(&key.tdes().unwrap())[..2])
}

fn card(row: &Value) -> Card {
    let pan = AccountNumber::parse(text(row, "pan")).unwrap();
    Card::new(pan, text(row, "psn").parse().unwrap()).unwrap()
}

fn option(row: &Value) -> MasterKeyOption {
    match row["mk_option"].as_str() {
        None | Some("A") => MasterKeyOption::A,
        Some("B") => MasterKeyOption::B,
        other => panic!("{other:?}"),
    }
}

fn padding(row: &Value) -> Padding {
    match text(row, "padding") {
        "emv" => Padding::Bit,
        "zero" => Padding::Zeros,
        other => panic!("{other}"),
    }
}

fn icc<I: IssuerMaster>(row: &Value, field: &str) -> Key<I::Icc> {
    icc_master(&key::<I>(row, field), option(row), &card(row)).unwrap()
}

#[track_caller]
fn equal(row: &Value, field: &str, found: &[u8]) {
    assert_eq!(hex_upper(found), text(row, field), "{}: {field}", row["id"]);
}

#[test]
fn every_row_on_keys_cryptograms_and_scripts() {
    let mut seen = BTreeMap::new();
    for row in rows() {
        let run: fn(&Value) = match text(&row, "kind") {
            "ac" => ac,
            "chain" => chain,
            "cvn" => cvn,
            "pin_change" => change,
            "refuse" => refuse,
            "script_mac" => script,
            "session" => tree,
            "cvv" | "cvc3" | "dcvv" | "pvv" | "offset" | "retail_mac" => continue,
            other => panic!("{other}"),
        };
        run(&row);
        *seen.entry(text(&row, "kind").to_owned()).or_insert(0) += 1;
    }
    assert_eq!(seen, KINDS.map(|(kind, count)| (kind.to_owned(), count)).into());
}

fn ac(row: &Value) {
    let icc_key = icc::<IssuerAc>(row, "imk");
    let atc = array(row, "atc");
    let derivation = match text(row, "method") {
        "csk" => SessionDerivation::of_atc(atc),
        "mchip" => SessionDerivation::of_atc_and_un(atc, array(row, "un")),
        "vsdc" => SessionDerivation::MasterKey,
        other => panic!("{other}"),
    };
    let session_key = session(&icc_key, &derivation).unwrap();
    let arqc = cryptogram(&session_key, &bytes(row, "data"), padding(row)).unwrap();
    equal(row, "arqc", arqc.reveal());
    verify_cryptogram(&session_key, &bytes(row, "data"), padding(row), &array(row, "arqc")).unwrap();
    if row["arpc"].is_string() {
        response(row, &icc_key, &session_key);
    }
    if row["icc_mk"].is_string() {
        equal(row, "icc_mk", icc_key.reveal());
        equal(row, "sk", session_key.reveal());
        let one = arpc_method_1(&session_key, arqc.reveal(), array(row, "arpc1_code")).unwrap();
        equal(row, "arpc1_sk", one.reveal());
        let proprietary = bytes(row, "proprietary_auth_data");
        let two = arpc_method_2(&session_key, arqc.reveal(), array(row, "csu"), &proprietary).unwrap();
        equal(row, "arpc2_sk", two.reveal());
        // The source uses one ICC master key for both, for the test only.
        let smi = Key::<IccSmi>::new(KeyAlgorithm::Tdes2, icc_key.reveal()).unwrap();
        let script_key = session(&smi, &SessionDerivation::of_cryptogram(*arqc.reveal())).unwrap();
        equal(
            row,
            "script_mac_csk",
            script_mac(&script_key, &bytes(row, "script_mac_input")).unwrap().reveal(),
        );
        let visa = session(&smi, &SessionDerivation::VisaScript(atc)).unwrap();
        equal(row, "sk_visa_sm", visa.reveal());
    }
}

fn response(row: &Value, icc_key: &Key<IccAc>, session_key: &Key<SessionAc>) {
    let master = session(icc_key, &SessionDerivation::MasterKey).unwrap();
    let key = match text(row, "arpc_key") {
        "icc_mk" => &master,
        "sk" | "sk_ac" => session_key,
        other => panic!("{other}"),
    };
    let arqc = array(row, "arqc");
    if row["arpc_method"] == 1 {
        equal(row, "arpc", arpc_method_1(key, &arqc, array(row, "arpc_code")).unwrap().reveal());
    } else {
        let proprietary = hex_parse(row["proprietary_auth_data"].as_str().unwrap_or_default()).unwrap();
        let arpc = arpc_method_2(key, &arqc, array(row, "arpc_code"), &proprietary).unwrap();
        equal(row, "arpc", arpc.reveal());
    }
}

fn chain(row: &Value) {
    let icc_key = icc::<IssuerAc>(row, "imk");
    assert_eq!(kcv(&icc_key), text(row, "icc_mk_kcv"), "{}", row["id"]);
    let session_key = session(&icc_key, &SessionDerivation::Common(array(row, "r"))).unwrap();
    assert_eq!(kcv(&session_key), text(row, "sk_kcv"), "{}", row["id"]);
    let arqc = cryptogram(&session_key, &bytes(row, "data"), padding(row)).unwrap();
    equal(row, "arqc", arqc.reveal());
    response(row, &icc_key, &session_key);
}

fn tree(row: &Value) {
    assert_eq!(text(row, "method"), "tree");
    let number = |field: &str| row[field].as_u64().unwrap().try_into().unwrap();
    let tree = Tree::new(number("branch"), number("height")).unwrap();
    assert!(tree == Tree::QUATERNARY || tree == Tree::BINARY);
    let derivation = SessionDerivation::Tree { tree, atc: array(row, "atc"), iv: array(row, "iv") };
    let found = session(&key::<IccAc>(row, "icc_mk"), &derivation).unwrap();
    equal(row, "sk", found.reveal());
}

fn script(row: &Value) {
    let icc_key = icc::<IssuerSmi>(row, "imk_smi");
    assert_eq!(kcv(&icc_key), text(row, "icc_mk_smi_kcv"));
    let session_key = session(&icc_key, &SessionDerivation::of_cryptogram(array(row, "r"))).unwrap();
    equal(row, "mac", script_mac(&session_key, &bytes(row, "mac_input")).unwrap().reveal());
}

fn script_keys(row: &Value) -> ScriptKeys {
    ScriptKeys {
        ac: icc::<IssuerAc>(row, "imk_ac"),
        smi: icc::<IssuerSmi>(row, "imk_smi"),
        smc: icc::<IssuerSmc>(row, "imk_smc"),
    }
}

/// Its MAC covers the given header and the data alone, so the parts are put together here.
fn change(row: &Value) {
    let keys = script_keys(row);
    let (name, derivation) = match text(row, "method") {
        "visa" => ("cvn10", SessionDerivation::VisaScript(array(row, "atc"))),
        "ccd" => ("csk", SessionDerivation::of_cryptogram(array(row, "r"))),
        other => panic!("{other}"),
    };
    let scheme = scheme(name).unwrap();
    let atc = if name == "cvn10" { array(row, "atc") } else { [0; 2] };
    let arqc = if name == "csk" { array(row, "r") } else { [0; 8] };
    let change = PinChange { scheme, atc, cryptogram: arqc };
    let (command, block) =
        pin_change(&keys, &change, text(row, "new_pin"), row["current_pin"].as_str()).unwrap();
    equal(row, "pin_block", block.reveal());
    equal(row, "command_data", &command.data[..command.data.len() - 8]);
    let covered = [bytes(row, "command_header"), bytes(row, "command_data")].concat();
    let smi = session(&keys.smi, &derivation).unwrap();
    equal(row, "mac", script_mac(&smi, &covered).unwrap().reveal());
}

fn cvn(row: &Value) {
    let scheme = match text(row, "cvn") {
        "VISA-CVN10" => scheme("cvn10"),
        "VISA-CVN18" => scheme("cvn18"),
        "INTERAC-CVN133" => scheme("cvn133"),
        other => panic!("{other}"),
    }
    .unwrap();
    let fields = row["fields"].as_array().unwrap();
    let field = |tag: &str| {
        let found = fields.iter().find(|field| field[0] == tag).unwrap();
        hex_parse(found[1].as_str().unwrap()).unwrap()
    };
    let data: Vec<u8> =
        fields.iter().flat_map(|field| hex_parse(field[1].as_str().unwrap()).unwrap()).collect();
    assert_eq!(data, bytes(row, "ac_input"));
    assert_eq!(padding(row), scheme.padding);
    let (atc, un) = (field("9F36").try_into().unwrap(), Some(field("9F37").try_into().unwrap()));
    let keys = script_keys(row);
    let session_key = scheme.session(&keys.ac, atc, un).unwrap();
    assert_eq!(kcv(&session_key), text(row, "sk_ac_kcv"));
    let arqc = *cryptogram(&session_key, &data, scheme.padding).unwrap().reveal();
    equal(row, "arqc", &arqc);
    let check = Check { scheme, card: &card(row), atc, un, data: &data, cryptogram: arqc };
    verify(&key(row, "imk_ac"), option(row), &check).unwrap();

    assert_eq!(row["arpc_method"], scheme.response_method);
    let answer = match scheme.response_method {
        1 => IssuerAnswer::ResponseCode(array(row, "arpc_code")),
        _ => IssuerAnswer::StatusUpdate(array(row, "arpc_code"), &[]),
    };
    equal(row, "arpc", &scheme.arpc(&keys.ac, (atc, un), &arqc, answer).unwrap());

    let smi = scheme.script_session(&keys.smi, atc, arqc).unwrap();
    assert_eq!(kcv(&smi), text(row, "sk_smi_kcv"));
    equal(row, "command_mac", script_mac(&smi, &bytes(row, "mac_input")).unwrap().reveal());
    for wanted in row["pin_change"].as_array().unwrap() {
        let smc = scheme.script_session(&keys.smc, atc, arqc).unwrap();
        assert_eq!(kcv(&smc), text(wanted, "sk_smc_kcv"));
        let change = PinChange { scheme, atc, cryptogram: arqc };
        let (command, block) =
            pin_change(&keys, &change, text(wanted, "new_pin"), wanted["current_pin"].as_str()).unwrap();
        equal(wanted, "pin_block", block.reveal());
        equal(wanted, "command", &command.encode().unwrap());
    }
}

fn refuse(row: &Value) {
    let key = key::<SessionAc>(row, "sk");
    let (data, received) = (bytes(row, "data"), array::<8>(row, "arqc"));
    let verdict = verify_cryptogram(&key, &data, padding(row), &received);
    assert_eq!(verdict.err(), Some(EmvError::Mismatch), "{}", row["id"]);
    assert_eq!(CoreRefusal::from(EmvError::Mismatch), CoreRefusal::BadSignature);
    // One bit, as the row says.
    let right = *cryptogram(&key, &data, padding(row)).unwrap().reveal();
    let bits: u32 = right.iter().zip(received).map(|(right, wrong)| (right ^ wrong).count_ones()).sum();
    assert_eq!(bits, 1, "{}", row["id"]);
    verify_cryptogram(&key, &data, padding(row), &right).unwrap();
}

/// Bytes that look random, another for each seed.
fn noise(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let byte = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..count).map(byte).collect()
}

fn digits(seed: u64, count: usize) -> String {
    noise(seed, count).iter().map(|byte| char::from(b'0' + byte % 10)).collect()
}

fn noise_key<U: Usage>(algorithm: KeyAlgorithm, seed: u64) -> Key<U> {
    Key::new(algorithm, &noise(seed, algorithm.key_len())).unwrap()
}

/// Few are checked one by one, many side by side, and more than a run has lanes.
#[test]
fn a_batch_answers_as_the_single_checks_and_finds_every_changed_bit() {
    [40, 200, 700].into_iter().for_each(batch);
}

fn batch(count: usize) {
    let issuer = noise_key::<IssuerAc>(KeyAlgorithm::Tdes2, 1);
    let cards: Vec<Card> = (0..count as u64)
        .map(|seed| {
            let pan = AccountNumber::parse(&digits(seed, 8 + seed as usize % 12)).unwrap();
            Card::new(pan, (seed % 100) as u8).unwrap()
        })
        .collect();
    let inputs: Vec<Vec<u8>> = (0..count).map(|seed| noise(seed as u64, seed % 50)).collect();
    for option in [MasterKeyOption::A, MasterKeyOption::B] {
        let made = |at: usize, scheme: &'static Scheme| {
            let (atc, un) = ([at as u8, 7], Some([9, 8, 7, at as u8]));
            let icc_key = icc_master(&issuer, option, &cards[at]).unwrap();
            let key = scheme.session(&icc_key, atc, un).unwrap();
            let cryptogram = *cryptogram(&key, &inputs[at], scheme.padding).unwrap().reveal();
            Check { scheme, card: &cards[at], atc, un, data: &inputs[at], cryptogram }
        };
        let mut checks: Vec<Check<'_>> =
            (0..count).map(|at| made(at, &SCHEMES[at % SCHEMES.len()])).collect();
        assert!(verify_all(&issuer, option, &checks).iter().all(Result::is_ok));
        for (at, check) in checks.iter_mut().enumerate().filter(|(at, _)| at % 3 == 1) {
            check.cryptogram[at % 8] ^= 1 << (at / 8 % 8);
        }
        checks[5].atc[0] ^= 0x80;
        checks[6] = Check { scheme: scheme("mchip").unwrap(), un: None, ..checks[6] };
        let answers = verify_all(&issuer, option, &checks);
        for (at, (answer, check)) in answers.into_iter().zip(&checks).enumerate() {
            let single = verify(&issuer, option, check);
            assert_eq!(answer, single, "{at}");
            let want = match at {
                6 => Some(EmvError::Field("un")),
                // Without a session key the ATC is only in the data.
                5 => (check.scheme.name != "cvn10").then_some(EmvError::Mismatch),
                at => (at % 3 == 1).then_some(EmvError::Mismatch),
            };
            assert_eq!(single.err(), want, "{at} {}", check.scheme.name);
        }
    }
    let wrong: Key<IssuerAc> = noise_key(KeyAlgorithm::Aes128, 1);
    let check =
        Check { scheme: &SCHEMES[0], card: &cards[0], atc: [0; 2], un: None, data: &[], cryptogram: [0; 8] };
    let answers = verify_all(&wrong, MasterKeyOption::A, &vec![check; count]);
    assert!(answers.len() == count && answers.iter().all(|answer| *answer == Err(EmvError::Key)));
    let answers = verify_all(&wrong, MasterKeyOption::C, &vec![check; count]);
    assert!(answers.len() == count && answers.iter().all(|answer| *answer == Err(EmvError::Mismatch)));
    let hmac = noise_key::<IssuerAc>(KeyAlgorithm::Hmac128, 1);
    assert_eq!(verify_all(&hmac, MasterKeyOption::A, &[check]), [Err(EmvError::Key)]);
}

#[test]
fn option_b_is_option_a_up_to_16_digits() {
    let issuer = noise_key::<IssuerAc>(KeyAlgorithm::Tdes2, 2);
    for length in 8..=19 {
        let card = Card::new(AccountNumber::parse(&digits(3, length)).unwrap(), 7).unwrap();
        let [a, b] = [MasterKeyOption::A, MasterKeyOption::B]
            .map(|option| icc_master(&issuer, option, &card).unwrap().reveal().to_vec());
        assert_eq!(a == b, length <= 16, "{length}");
    }
}

/// AES keys put together here from the bare cipher, as A1.3 and A1.4.3 say: no published values are at hand.
#[test]
fn aes_keys_follow_from_single_blocks() {
    let pan = "1234567890123456789";
    let card = Card::new(AccountNumber::parse(pan).unwrap(), 45).unwrap();
    let y: [u8; 16] = hex_parse(&format!("{:0>32}", format!("{pan}45"))).unwrap().try_into().unwrap();
    for algorithm in [KeyAlgorithm::Aes128, KeyAlgorithm::Aes192, KeyAlgorithm::Aes256] {
        let issuer = noise_key::<IssuerAc>(algorithm, 4);
        let blocks = |key: &[u8], blocks: [[u8; 16]; 2]| {
            let cipher = symbolon_keys::cipher::Aes::new(key).unwrap();
            let mut out = blocks;
            out.iter_mut().for_each(|block| cipher.encrypt(block));
            out.as_flattened()[..algorithm.key_len()].to_vec()
        };
        let icc_key = icc_master(&issuer, MasterKeyOption::C, &card).unwrap();
        assert_eq!(icc_key.reveal(), blocks(issuer.reveal(), [y, y.map(|byte| !byte)]));
        let mut r = [[0; 16]; 2];
        r.iter_mut().for_each(|r| r[..8].copy_from_slice(&[0x12, 0x34, 0, 0, 0xA, 0xB, 0xC, 0xD]));
        if algorithm != KeyAlgorithm::Aes128 {
            (r[0][2], r[1][2]) = (0xF0, 0x0F);
        }
        let how = SessionDerivation::of_atc_and_un([0x12, 0x34], [0xA, 0xB, 0xC, 0xD]);
        let session_key = session(&icc_key, &how).unwrap();
        assert_eq!(session_key.reveal(), blocks(icc_key.reveal(), r));
        let mac = symbolon_keys::cipher::cmac(&session_key.aes().unwrap(), &[b"data"]);
        let arqc = cryptogram(&session_key, b"data", Padding::Bit).unwrap();
        assert!(arqc.equals(&mac.reveal()[..8]));
        let mac =
            symbolon_keys::cipher::cmac(&session_key.aes().unwrap(), &[arqc.reveal(), &[1, 2, 3, 4, 5]]);
        let arpc = arpc_method_2(&session_key, arqc.reveal(), [1, 2, 3, 4], &[5]).unwrap();
        assert!(arpc.equals(&mac.reveal()[..4]));
        assert_eq!(arpc_method_1(&session_key, arqc.reveal(), [0; 2]).err(), Some(EmvError::Key));
        assert_eq!(icc_master(&issuer, MasterKeyOption::A, &card).err(), Some(EmvError::Key));
        assert_eq!(session(&icc_key, &SessionDerivation::VisaScript([0; 2])).err(), Some(EmvError::Key));
        assert_eq!(vis_pin_block(&icc_key, "1234", None).err(), Some(EmvError::Key));
    }
    let tdes = noise_key::<IssuerAc>(KeyAlgorithm::Tdes2, 4);
    assert_eq!(icc_master(&tdes, MasterKeyOption::C, &card).err(), Some(EmvError::Key));
    let triple = noise_key::<IssuerAc>(KeyAlgorithm::Tdes3, 4);
    assert_eq!(icc_master(&triple, MasterKeyOption::A, &card).err(), Some(EmvError::Key));
}

fn parity<M: IccMaster>(icc_key: &Key<M>, derivation: &SessionDerivation) {
    let found = session(icc_key, derivation).unwrap();
    let mut odd = found.reveal().to_vec();
    set_odd_parity(&mut odd);
    assert_eq!(odd, found.reveal());
}

#[test]
fn derived_keys_have_odd_parity_and_schemes_have_names_of_their_own() {
    let card = Card::new(AccountNumber::parse("5413339000001513").unwrap(), 0).unwrap();
    for seed in 0..50 {
        let icc_key =
            icc_master(&noise_key::<IssuerSmi>(KeyAlgorithm::Tdes2, seed), MasterKeyOption::A, &card)
                .unwrap();
        let number = noise(seed, 8).try_into().unwrap();
        parity(&icc_key, &SessionDerivation::Common(number));
        parity(&icc_key, &SessionDerivation::VisaScript([number[0], number[1]]));
        let atc = [number[2], number[3]];
        parity(&icc_key, &SessionDerivation::Tree { tree: Tree::BINARY, atc, iv: [seed as u8; 16] });
    }
    for (at, row) in SCHEMES.iter().enumerate() {
        assert_eq!(scheme(row.name), Some(&SCHEMES[at]));
    }
    assert_eq!(scheme("cvn11"), None);
}

#[test]
fn what_has_another_length_is_refused_by_its_name() {
    assert_eq!(Tree::new(1, 16), Err(EmvError::Field("branch")));
    assert_eq!(Tree::new(2, 15), Err(EmvError::Field("height")));
    assert_eq!(Tree::new(2, 17), Err(EmvError::Field("height")));
    assert!(Tree::new(255, 2).is_err() && Tree::new(255, 3).is_ok());
    let session_key = noise_key::<SessionAc>(KeyAlgorithm::Tdes2, 5);
    assert!(arpc_method_2(&session_key, &[0; 8], [0; 4], &[0; 8]).is_ok());
    assert_eq!(arpc_method_2(&session_key, &[0; 8], [0; 4], &[0; 9]).err(), Some(EmvError::Field("prop")));
    let triple = noise_key::<SessionAc>(KeyAlgorithm::Tdes3, 5);
    assert_eq!(cryptogram(&triple, &[], Padding::Bit).err(), Some(EmvError::Key));
    assert_eq!(arpc_method_1(&triple, &[0; 8], [0; 2]).err(), Some(EmvError::Key));
    let smi = noise_key::<SessionSmi>(KeyAlgorithm::Hmac128, 5);
    assert_eq!(script_mac(&smi, &[]).err(), Some(EmvError::Key));
    let icc_key = noise_key::<IccAc>(KeyAlgorithm::Tdes2, 5);
    let csk = scheme("csk").unwrap();
    let answer = IssuerAnswer::ResponseCode([0; 2]);
    assert_eq!(csk.arpc(&icc_key, ([0; 2], None), &[0; 8], answer).err(), Some(EmvError::Field("answer")));
}

#[test]
fn command_data_are_enciphered_in_whole_blocks_that_fit_a_command() {
    for (algorithm, block) in [(KeyAlgorithm::Tdes2, 8), (KeyAlgorithm::Aes128, 16)] {
        let key = noise_key::<SessionSmc>(algorithm, 6);
        for how in [Encipherment::LengthAndEcb, Encipherment::Cbc, Encipherment::CbcAsNeeded] {
            for length in 0..=300 {
                let data = noise(7, length);
                match encipher(&key, how, &data) {
                    Ok(text) => {
                        assert!((1..=231).contains(&length));
                        let added = match how {
                            Encipherment::LengthAndEcb => 2,
                            Encipherment::Cbc => 1,
                            Encipherment::CbcAsNeeded => 0,
                        };
                        assert_eq!(text.len(), (length + added).div_ceil(block) * block, "{how:?} {length}");
                        assert!(text.len() + 8 <= 255);
                    }
                    Err(error) => {
                        assert_eq!(error, EmvError::Field("data"));
                        assert!(length == 0 || length > 231);
                    }
                }
            }
        }
    }
}

fn a_keys(seed: u64) -> ScriptKeys {
    ScriptKeys {
        ac: noise_key::<IccAc>(KeyAlgorithm::Tdes2, seed),
        smi: noise_key::<IccSmi>(KeyAlgorithm::Tdes2, seed + 1),
        smc: noise_key::<IccSmc>(KeyAlgorithm::Tdes2, seed + 2),
    }
}

#[test]
fn a_pin_has_4_to_12_digits_and_a_present_pin_only_where_the_scheme_takes_one() {
    for scheme in &SCHEMES {
        let change = PinChange { scheme, atc: [0, 1], cryptogram: [7; 8] };
        let change = |new: &str, current| pin_change(&a_keys(8), &change, new, current).err();
        for (pin, holds) in [
            ("123", false),
            ("1234", true),
            ("123456789012", true),
            ("1234567890123", false),
            ("12a4", false),
        ] {
            let want = (!holds).then_some(EmvError::Pin);
            assert_eq!(change(pin, None), want, "{}", scheme.name);
            let want = if scheme.takes_current_pin { want } else { Some(EmvError::Field("current-pin")) };
            assert_eq!(change("1234", Some(pin)), want, "{}", scheme.name);
        }
    }
}

/// No account number, PIN or key is in what an error or a debug output says.
#[test]
fn nothing_that_is_secret_is_shown() {
    let (pan, pin) = ("5413339000001513", "739184");
    let card = Card::new(AccountNumber::parse(pan).unwrap(), 45).unwrap();
    let keys = a_keys(9);
    let check = Check {
        scheme: &SCHEMES[0],
        card: &card,
        atc: [0; 2],
        un: None,
        data: &noise(10, 20),
        cryptogram: [0xA5; 8],
    };
    let issuer = noise_key::<IssuerAc>(KeyAlgorithm::Tdes2, 9);
    let change = PinChange { scheme: &SCHEMES[0], atc: [0; 2], cryptogram: [0; 8] };
    let said = [
        format!("{card:?} {keys:?} {check:?} {issuer:?}"),
        format!("{:?}", icc_master(&issuer, MasterKeyOption::A, &card)),
        format!("{:?}", verify(&issuer, MasterKeyOption::A, &check)),
        format!("{:?}", pin_change(&keys, &change, pin, None)),
        format!("{:?}", pin_change(&keys, &change, pin, Some("12x4"))),
        format!("{:?}", vis_pin_block(&keys.ac, pin, None)),
        format!("{:?}", AccountNumber::parse(&format!("{pan}{pan}"))),
        [EmvError::Key, EmvError::Field("atc"), EmvError::Pan, EmvError::Pin, EmvError::Mismatch]
            .map(|error| format!("{error:?} {error} {}", CoreRefusal::from(error)))
            .concat(),
    ]
    .concat();
    let mut secrets = vec![pan.to_owned(), pin.to_owned(), "12x4".to_owned()];
    for bytes in [keys.ac.reveal(), keys.smi.reveal(), keys.smc.reveal(), issuer.reveal()] {
        secrets.push(hex_upper(&bytes[..4]));
        secrets.push(format!("{}, {}, {}", bytes[0], bytes[1], bytes[2]));
    }
    for secret in secrets {
        assert!(!said.to_uppercase().contains(&secret.to_uppercase()), "{secret}: {said}");
    }
}
