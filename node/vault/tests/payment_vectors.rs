//! Published vectors through the payment vault: each key comes in by a ceremony or a block, and each answer is the row's.
use serde_json::Value;
use std::collections::BTreeMap;
use symbolon_keys::cipher::{set_odd_parity, xor};
use symbolon_keys::keyblock;
use symbolon_keys::pinblock::{self, Format};
use symbolon_keys::usage::{self, Key, KeyAlgorithm};
use symbolon_types::CoreRefusal;
use symbolon_vault::payment::conformance::{
    NOW, bring_in, clear, entropy, hex, key, name, with_protection_key,
};
use symbolon_vault::payment::*;
use symbolon_wire::cbor::Bytes;

fn rows(file: &str) -> Vec<Value> {
    let path = format!("{}/../../vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn kind<'a>(rows: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    rows.iter().filter(move |row| row["kind"] == kind)
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{}: no {field}", row["id"]))
}

fn bytes(row: &Value, field: &str) -> Vec<u8> {
    hex(text(row, field))
}

fn array<const N: usize>(row: &Value, field: &str) -> [u8; N] {
    bytes(row, field).try_into().unwrap()
}

fn vault() -> SoftwareEngine {
    let vault = SoftwareEngine::in_memory();
    with_protection_key(&vault);
    vault
}

/// X9.24-1: PIN blocks, and MACs of requests and responses.
#[test]
fn a_terminals_rows_of_triple_des_hold() {
    let all = rows("dukpt_tdes");
    let (mut pins, mut macs) = (0, 0);
    for row in kind(&all, "txn") {
        let vault = vault();
        let asks: &dyn PaymentVault = &vault;
        bring_in(asks, "base", Role::Base, 'T', &bytes(row, "bdk"));
        let ksn = Bytes(bytes(row, "ksn"));
        let dukpt = || {
            ZoneOrDukpt::Dukpt(DukptKey { base: key("base"), scheme: DukptScheme::Tdes, ksn: ksn.clone() })
        };
        if row["encrypted_pin_block"].is_string() && text(row, "pin_block") == "041274EDCBA9876F" {
            let zone_key = hex("1C1C1C1C2A2A2A2A4343434352525252");
            bring_in(asks, "zone", Role::Pin, 'T', &zone_key);
            let asked = TranslatePin {
                from: dukpt(),
                from_format: PinFormat::Zero,
                block: Bytes(bytes(row, "encrypted_pin_block")),
                account: Account::Clear(clear(AccountForm::Pan, "4012345678909")),
                to: key("zone"),
                to_format: PinFormat::Three,
            };
            let block = asks.translate_pin(asked, NOW, &entropy()).unwrap().0;
            let zone = Key::<usage::Pin>::new(KeyAlgorithm::Tdes2, &zone_key).unwrap();
            let pin = pinblock::decipher(Format::Three, &zone, &block, "4012345678909").unwrap();
            assert_eq!(pin.reveal().reveal(), "1234", "{}", row["id"]);
            pins += 1;
        }
        for (request, response, algorithm, len) in [
            ("mac4_request", "mac4_response", MacAlgorithm::Retail, 4),
            ("cmac_request", "cmac_response", MacAlgorithm::Cmac, 8),
        ] {
            if !row[request].is_string() {
                continue;
            }
            let spec = || MacSpec { key: dukpt(), algorithm, padding: MacPadding::Zeros, len };
            let message = Bytes(bytes(row, "message"));
            let mac = Bytes(bytes(row, request));
            let checked = VerifyMac { spec: spec(), message: Clear::new(&message.0), mac };
            asks.verify_mac(checked, NOW, &entropy())
                .unwrap_or_else(|error| panic!("{}: {error}", row["id"]));
            let made = asks.mac(MakeMac { spec: spec(), message }, NOW, &entropy()).unwrap();
            assert_eq!(made.0, bytes(row, response), "{}", row["id"]);
            macs += 1;
        }
    }
    println!("{pins} PIN blocks, {macs} MACs");
    assert!(pins >= 20 && macs >= 20, "{pins} {macs}");
}

/// X9.24-3: PIN blocks and CMACs; the base key of a row is that of its initial key.
#[test]
fn a_terminals_rows_of_aes_hold() {
    let all = rows("dukpt_aes");
    let bases: BTreeMap<&str, &str> =
        kind(&all, "ik").map(|row| (text(row, "ik"), text(row, "bdk"))).collect();
    let scheme = |row: &Value| match text(row, "algorithm") {
        "TDES2" | "2TDEA" => DukptScheme::AesTdes2,
        "TDES3" | "3TDEA" => DukptScheme::AesTdes3,
        "AES128" => DukptScheme::Aes128,
        "AES192" => DukptScheme::Aes192,
        "AES256" => DukptScheme::Aes256,
        other => panic!("{other}"),
    };
    let (mut pins, mut macs) = (0, 0);
    for row in all.iter().filter(|row| row["kind"] == "pinblock" || row["kind"] == "cmac") {
        let vault = vault();
        let asks: &dyn PaymentVault = &vault;
        bring_in(asks, "base", Role::Base, 'A', &hex(bases[text(row, "ik")]));
        let ksn = Bytes(hex(&format!("{}{}", text(row, "ikid"), text(row, "counter"))));
        let dukpt = ZoneOrDukpt::Dukpt(DukptKey { base: key("base"), scheme: scheme(row), ksn });
        if row["kind"] == "pinblock" {
            let zone_key = hex("00112233445566778899AABBCCDDEEFF");
            bring_in(asks, "zone", Role::Pin, 'A', &zone_key);
            let asked = TranslatePin {
                from: dukpt,
                from_format: PinFormat::Four,
                block: Bytes(bytes(row, "encrypted")),
                account: Account::Clear(clear(AccountForm::Pan, text(row, "pan"))),
                to: key("zone"),
                to_format: PinFormat::Four,
            };
            let block = asks.translate_pin(asked, NOW, &entropy()).unwrap().0;
            let zone = Key::<usage::Pin>::new(KeyAlgorithm::Aes128, &zone_key).unwrap();
            let pin = pinblock::decipher(Format::Four, &zone, &block, text(row, "pan")).unwrap();
            assert_eq!(pin.reveal().reveal(), text(row, "pin"), "{}", row["id"]);
            pins += 1;
            continue;
        }
        let result = bytes(row, "result");
        let len = u8::try_from(result.len()).unwrap();
        let spec = MacSpec { key: dukpt, algorithm: MacAlgorithm::Cmac, padding: MacPadding::Zeros, len };
        let message = Bytes(bytes(row, "message"));
        if text(row, "direction") == "request" {
            let mac = Bytes(result);
            assert_eq!(
                asks.verify_mac(VerifyMac { spec, message: Clear::new(&message.0), mac }, NOW, &entropy()),
                Ok(()),
                "{}",
                row["id"]
            );
        } else {
            let made = asks.mac(MakeMac { spec, message }, NOW, &entropy()).unwrap();
            assert_eq!(made.0, result, "{}", row["id"]);
        }
        macs += 1;
    }
    assert_eq!((pins, macs), (6, 28));
}

/// Loads a row's protection key by two components. Parity bits, which no cipher looks at, become odd.
fn load_kbpk(vault: &dyn PaymentVault, kbpk: &[u8]) {
    let letter = |letter| Algorithm::of(letter, kbpk.len());
    let tdes = letter('T').filter(|_| kbpk.len() < 32);
    for (label, algorithm) in [("t", tdes), ("a", letter('A'))] {
        let Some(algorithm) = algorithm else { continue };
        let mut first = vec![0x5B; kbpk.len()];
        let mut second = kbpk.to_vec();
        xor(&mut second, &first);
        if algorithm.is_tdes() {
            set_odd_parity(&mut first);
            set_odd_parity(&mut second);
        }
        let export = Export::NonExportable;
        let role = Role::KeyProtection;
        let new = NewKey { name: name(label), role, algorithm, export };
        vault.ceremony_begin(CeremonyBegin { key: new, components: 2 }, NOW, &entropy()).unwrap();
        for (who, component) in [("first", first), ("second", second)] {
            let component = Clear::new(&component);
            let brought = CeremonyComponent { name: name(label), custodian: name(who), component };
            vault.ceremony_component(brought, NOW, &entropy()).unwrap();
        }
        if vault.ceremony_finish(name(label), NOW, &entropy()).is_ok() {
            let asked = Activate { name: name(label), generation: 1, overlap_until: NOW };
            vault.activate(asked, NOW, &entropy()).unwrap();
        }
    }
}

fn import(row: &Value) -> Result<KeyInfo, PaymentError> {
    let vault = SoftwareEngine::in_memory();
    let asks: &dyn PaymentVault = &vault;
    load_kbpk(asks, &bytes(row, "kbpk"));
    let block = text(row, "block").to_owned();
    let under = if matches!(block.chars().next(), Some('D' | 'E')) { "a" } else { "t" };
    asks.import(Import { name: name("row"), protection: key(under), block }, NOW, &entropy())
}

/// A key of a role that the vault has comes in with its check value; every other row is refused, and so are all that must be.
#[test]
fn key_blocks_come_in_or_are_refused_as_their_rows_say() {
    let all = rows("keyblock");
    let (mut held, mut no_role, mut unfit) = (0, 0, 0);
    for row in kind(&all, "unwrap") {
        let header = &row["header"];
        let role = Role::of_usage(text(header, "usage"));
        match (import(row), role) {
            (Ok(info), Some(role)) => {
                assert_eq!(info.role, role, "{}", row["id"]);
                held += 1;
            }
            (Err(PaymentError::Refused(CoreRefusal::KeyUsage)), None) => no_role += 1,
            (Err(PaymentError::Refused(CoreRefusal::KeyUsage)), Some(_)) => {
                // The policy of key blocks has it so: usage, algorithm and mode of this row do not go together.
                let kbpk = bytes(row, "kbpk");
                let letter =
                    if matches!(text(row, "block").chars().next(), Some('D' | 'E')) { 'A' } else { 'T' };
                let algorithm = Algorithm::of(letter, kbpk.len()).unwrap().of_keys();
                let kbpk = Key::<usage::KeyEncryption>::new(algorithm, &kbpk).unwrap();
                let opened = keyblock::unwrap(&kbpk, text(row, "block").as_bytes()).unwrap();
                assert_eq!(opened.admit().err(), Some(keyblock::KeyBlockError::Usage), "{}", row["id"]);
                unfit += 1;
            }
            (Err(PaymentError::Refused(CoreRefusal::KeyUnfit | CoreRefusal::KeyWeak)), _) => unfit += 1,
            other => panic!("{}: {other:?}", row["id"]),
        }
    }
    println!("{held} came in, {no_role} of no role, {unfit} unfit or weak");
    assert_eq!(held + no_role + unfit, 20);
    assert!(held >= 8, "{held}");
    let mut refused = 0;
    for row in kind(&all, "refuse").filter(|row| row["kbpk"].is_string() && row["block"].is_string()) {
        assert!(import(row).is_err(), "{}", row["id"]);
        refused += 1;
    }
    assert!(refused >= 50, "{refused}");
}

/// Cryptograms of the schemes: the row's ARQC holds, and where the row has the scheme's ARPC it is answered.
#[test]
fn cryptograms_are_checked_and_answered_as_their_rows_say() {
    let all = rows("emv_cryptogram");
    let (mut checked, mut weak) = (0, 0);
    for row in
        all.iter().filter(|row| row["kind"] == "cvn" || (row["kind"] == "ac" && row["padding"] == "emv"))
    {
        let vault = vault();
        let asks: &dyn PaymentVault = &vault;
        let is_cvn = row["kind"] == "cvn";
        let scheme = match (is_cvn, text(row, if is_cvn { "cvn" } else { "method" })) {
            (true, "VISA-CVN10") => "cvn10",
            (true, "VISA-CVN18") => "cvn18",
            (true, "INTERAC-CVN133") => "cvn133",
            (false, "csk") => "csk",
            (false, "mchip") => "mchip",
            other => panic!("{other:?}"),
        };
        let imk = bytes(row, if is_cvn { "imk_ac" } else { "imk" });
        if imk[..8] == imk[8..] {
            weak += 1;
            continue;
        }
        bring_in(asks, "imk", Role::IssuerCryptogram, 'T', &imk);
        let field = |tag: &str| {
            let fields = row["fields"].as_array().unwrap();
            hex(fields.iter().find(|field| field[0] == tag).unwrap()[1].as_str().unwrap())
        };
        let (atc, un, data, code) = match is_cvn {
            true => (field("9F36"), field("9F37"), bytes(row, "ac_input"), bytes(row, "arpc_code")),
            false => (bytes(row, "atc"), bytes(row, "un"), bytes(row, "data"), bytes(row, "csu")),
        };
        let (answer, expect) = match (is_cvn, code.len()) {
            (true, 2) => (Arc::ResponseCode(code.try_into().unwrap()), Some(bytes(row, "arpc"))),
            (false, _) if scheme == "mchip" => (Arc::ResponseCode(array(row, "arpc1_code")), None),
            (true, _) => {
                let csu = code.try_into().unwrap();
                let proprietary = Bytes::default();
                (Arc::StatusUpdate(StatusUpdate { csu, proprietary }), Some(bytes(row, "arpc")))
            }
            (false, _) => {
                let (csu, proprietary) =
                    (code.try_into().unwrap(), Bytes(bytes(row, "proprietary_auth_data")));
                (Arc::StatusUpdate(StatusUpdate { csu, proprietary }), Some(bytes(row, "arpc2_sk")))
            }
        };
        let option = if text(row, "mk_option") == "B" { CardKeyOption::B } else { CardKeyOption::A };
        let asked = CheckCryptogram {
            issuer: key("imk"),
            scheme: scheme.into(),
            option,
            account: Account::Clear(clear(AccountForm::Pan, text(row, "pan"))),
            psn: text(row, "psn").parse().unwrap(),
            atc: atc.try_into().unwrap(),
            un: Some(un.try_into().unwrap()),
            data: Bytes(data),
            cryptogram: array(row, "arqc"),
            answer,
        };
        let mut changed = asked.clone();
        changed.cryptogram[0] ^= 0x80;
        let arpc = asks.check_cryptogram(asked, NOW, &entropy());
        let arpc = arpc.unwrap_or_else(|error| panic!("{}: {error}", row["id"]));
        assert!(expect.is_none_or(|expect| expect == arpc.0), "{}", row["id"]);
        let refused = Err(PaymentError::Refused(CoreRefusal::BadSignature));
        assert_eq!(asks.check_cryptogram(changed, NOW, &entropy()), refused, "{}", row["id"]);
        checked += 1;
    }
    assert_eq!((checked, weak), (9, 1), "one row's issuer key is single DES");
}

/// Card values and PIN values; a key that is single DES, and an expiry without a month, are refused.
#[test]
fn card_values_are_as_their_rows_say() {
    let all = rows("emv_cryptogram");
    let (mut held, mut refused) = (0, 0);
    for row in kind(&all, "cvv") {
        let vault = vault();
        let asks: &dyn PaymentVault = &vault;
        let cvk = bytes(row, "cvk");
        let expiry = text(row, "expiry");
        if cvk[..8] == cvk[8..] || expiry[2..].parse::<u8>().unwrap() > 12 {
            refused += 1;
            continue;
        }
        bring_in(asks, "cvk", Role::CardVerification, 'T', &cvk);
        let service = text(row, "service_code");
        let kind = match service {
            "000" => CardValue::Cvv2,
            "999" => CardValue::Icvv,
            _ => CardValue::Cvv,
        };
        let track = format!("{}={expiry}{service}", text(row, "pan"));
        let check = |value: &str| {
            let account = Account::Clear(clear(AccountForm::Track2, &track));
            let value = Clear::new(value.as_bytes());
            asks.check_card_value(CheckCardValue { key: key("cvk"), account, kind, value }, NOW, &entropy())
        };
        assert_eq!(check(text(row, "cvv")), Ok(()), "{}", row["id"]);
        let other = if text(row, "cvv") == "000" { "001" } else { "000" };
        assert_eq!(check(other), Err(PaymentError::Refused(CoreRefusal::BadSignature)));
        held += 1;
    }
    assert_eq!((held, refused), (10, 2));
}
