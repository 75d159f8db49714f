//! The cases of the operations: PIN blocks, accounts, MACs, cryptograms, card values, roles and the audit.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a case fails by panicking")]
use super::*;
use symbolon_keys::cipher::{Padding, cbc_encrypt, retail_mac};
use symbolon_keys::dukpt::tdes;
use symbolon_keys::pinblock::{self, Fill, Format, Pin};

const KSN: &str = "FFFF9876543210E00008";
const PERIOD: u32 = 690;
const PIN: &str = "48291";
fn base_key() -> Key<usage::Base> {
    Key::new(usage::KeyAlgorithm::Tdes2, &hex(BASE)).unwrap()
}

fn terminal<U: tdes::Working>() -> Key<U> {
    let ksn = tdes::Ksn::new(&hex(KSN)).unwrap();
    let initial = tdes::initial_key(&base_key(), &ksn).unwrap();
    tdes::working_key(&tdes::transaction_key(&initial, &ksn).unwrap()).unwrap()
}

fn dukpt() -> ZoneOrDukpt {
    let ksn = Bytes(hex(KSN));
    ZoneOrDukpt::Dukpt(DukptKey { base: key("base"), scheme: DukptScheme::Tdes, ksn })
}

fn number(pan: &str) -> Account {
    Account::Clear(clear(AccountForm::Pan, pan))
}

fn sealed(vault: &dyn PaymentVault, period: u32) -> Result<AccountView, PaymentError> {
    let account = clear(AccountForm::Track2, TRACK);
    vault.seal_account(SealAccount { account, token: key("token"), period }, NOW, &entropy())
}

/// From a terminal's key to a zone's, with the same account and only where ISO 9564-1 allows it.
pub fn a_pin_block_is_translated_and_bound_to_its_account(vault: &dyn PaymentVault) {
    with_protection_key(vault);
    bring_in(vault, "base", Role::Base, 'T', &hex(BASE));
    bring_in(vault, "zone", Role::Pin, 'A', &hex(ZONE));
    let pin = Pin::parse(PIN).unwrap();
    let entered = pinblock::encipher(Format::Zero, &terminal(), &pin, PAN, &Fill::fixed()).unwrap();
    let translate = |from, pan: &str, to: &str, to_format| {
        let asked = TranslatePin {
            from,
            from_format: PinFormat::Zero,
            block: Bytes(entered.clone()),
            account: number(pan),
            to: key(to),
            to_format,
        };
        vault.translate_pin(asked, NOW, &entropy()).map(|block| block.0)
    };
    let zone = Key::new(usage::KeyAlgorithm::Aes256, &hex(ZONE)).unwrap();
    let block = translate(dukpt(), PAN, "zone", PinFormat::Four).unwrap();
    assert!(pinblock::decipher(Format::Four, &zone, &block, PAN).unwrap().equals(&pin));
    assert_ne!(translate(dukpt(), PAN, "zone", PinFormat::Four).unwrap(), block, "another fill");
    bring_in(vault, "token", Role::Token, 'H', &[9; 32]);
    let asked = TranslatePin {
        from: dukpt(),
        from_format: PinFormat::Zero,
        block: Bytes(entered.clone()),
        account: Account::Sealed(sealed(vault, PERIOD).unwrap().sealed),
        to: key("zone"),
        to_format: PinFormat::Four,
    };
    let block = vault.translate_pin(asked, NOW, &entropy()).unwrap();
    assert!(pinblock::decipher(Format::Four, &zone, &block.0, PAN).unwrap().equals(&pin));

    let pin_block = Err(refused(CoreRefusal::PinBlock));
    assert_eq!(translate(dukpt(), "5413330089604111", "zone", PinFormat::Four), pin_block);
    assert_eq!(translate(dukpt(), PAN, "zone", PinFormat::One), pin_block, "nothing becomes format 1");
    assert_eq!(translate(dukpt(), PAN, "zone", PinFormat::Zero), Err(refused(CoreRefusal::KeyUnfit)));
    assert_eq!(translate(dukpt(), PAN, "token", PinFormat::Four), Err(refused(CoreRefusal::KeyUsage)));
    assert_eq!(translate(dukpt(), PAN, "none", PinFormat::Four), Err(refused(CoreRefusal::NotFound)));
    let DukptKey { base, scheme, .. } =
        DukptKey { base: key("base"), scheme: DukptScheme::Tdes, ksn: Bytes::default() };
    let unused = Bytes(hex("FFFF9876543210E00000"));
    let ksn = ZoneOrDukpt::Dukpt(DukptKey { base, scheme, ksn: unused });
    assert_eq!(translate(ksn, PAN, "zone", PinFormat::Four), Err(refused(CoreRefusal::KsnInvalid)));
}

/// One token an account; a view without the number; what is sealed opens unchanged, and not at all once its period is erased.
pub fn an_account_is_told_as_a_view_and_goes_with_its_period(vault: &dyn PaymentVault) {
    with_protection_key(vault);
    bring_in(vault, "base", Role::Base, 'T', &hex(BASE));
    bring_in(vault, "token", Role::Token, 'H', &[9; 32]);
    bring_in(vault, "data", Role::Data, 'A', &hex(ZONE));
    let view = sealed(vault, PERIOD).unwrap();
    assert_eq!((view.masked.as_str(), view.last4.as_str()), ("476173******0010", "0010"));
    assert_eq!((view.expiry.as_deref(), view.service_code.as_deref()), (Some("3012"), Some("120")));
    let expected = symbolon_keys::Crypto::hmac(
        &symbolon_keys::RustCrypto,
        symbolon_keys::HashAlgorithm::Sha256,
        &[9; 32],
        &[PAN.as_bytes()],
    );
    assert!(expected.equals(&view.token.0));

    let mut text = TRACK.as_bytes().to_vec();
    text.resize(text.len().next_multiple_of(8), 0);
    cbc_encrypt(&terminal::<usage::DataRequest>().tdes().unwrap(), &[0; 8], &mut text).unwrap();
    let open = |ciphertext: &[u8]| {
        let asked = OpenAccount {
            from: dukpt(),
            form: AccountForm::Track2,
            ciphertext: Bytes(ciphertext.to_vec()),
            token: key("token"),
            period: PERIOD,
        };
        vault.open_account(asked, NOW, &entropy())
    };
    let opened = open(&text).unwrap();
    assert_eq!((opened.token, &opened.masked), (view.token, &view.masked));
    assert_eq!(open(&text[..7]), Err(refused(CoreRefusal::FieldInvalid)));
    let mut changed = text.clone();
    changed[0] ^= 1;
    assert_eq!(open(&changed), Err(refused(CoreRefusal::TrackInvalid)));

    let go = |sealed: &SealedAccount, form| {
        let asked = ReencryptAccount { account: sealed.clone(), to: key("data"), form };
        vault.reencrypt_account(asked, NOW, &entropy())
    };
    let zone = Key::<usage::DataBoth>::new(usage::KeyAlgorithm::Aes256, &hex(ZONE)).unwrap();
    for (form, expect) in [
        (AccountForm::Track2, TRACK.as_bytes().to_vec()),
        (AccountForm::Pan, PAN.as_bytes().to_vec()),
        (AccountForm::PanPacked, hex("4761739001010010FF")),
        (AccountForm::Track2Packed, hex("4761739001010010D30121200012339900031F")),
    ] {
        let mut clear = go(&view.sealed, form).unwrap().0;
        symbolon_keys::cipher::cbc_decrypt(&zone.aes().unwrap(), &[0; 16], &mut clear).unwrap();
        assert_eq!(
            clear.strip_suffix(vec![0; clear.len() - expect.len()].as_slice()),
            Some(&*expect),
            "{form:?}"
        );
    }
    let open_failed = Err(refused(CoreRefusal::OpenFailed));
    let mut other = view.sealed.clone();
    other.period += 1;
    assert_eq!(go(&other, AccountForm::Pan), open_failed);
    let mut other = view.sealed.clone();
    other.ciphertext.0[3] ^= 1;
    assert_eq!(go(&other, AccountForm::Pan), open_failed);

    let later = sealed(vault, PERIOD + 1).unwrap();
    vault.erase_period(PERIOD, NOW, &entropy()).unwrap();
    assert_eq!(go(&view.sealed, AccountForm::Pan), open_failed);
    assert!(go(&later.sealed, AccountForm::Pan).is_ok());
    assert_eq!(sealed(vault, PERIOD), Err(PaymentError::KeyState), "a period is not made again");
    let account = clear(AccountForm::Pan, "4761739001010011");
    let wrong = vault.seal_account(SealAccount { account, token: key("token"), period: 1 }, NOW, &entropy());
    assert_eq!(wrong, Err(refused(CoreRefusal::PanInvalid)));
}

/// Retail MAC and CMAC of zones; of a terminal requests are checked and responses made, each by its own key.
pub fn macs_hold_in_their_direction_only(vault: &dyn PaymentVault) {
    with_protection_key(vault);
    bring_in(vault, "base", Role::Base, 'T', &hex(BASE));
    bring_in(vault, "retail", Role::MacRetail, 'T', &hex(BASE));
    bring_in(vault, "cmac", Role::MacCmac, 'A', &hex(ZONE));
    let message = Bytes(b"message".to_vec());
    let zone = |of: &str| ZoneOrDukpt::Zone(key(of));
    let make = |spec: MacSpec| {
        vault.mac(MakeMac { spec, message: message.clone() }, NOW, &entropy()).map(|mac| mac.0)
    };
    let verify = |spec: MacSpec, mac: &[u8]| {
        let mac = Bytes(mac.to_vec());
        vault.verify_mac(VerifyMac { spec, message: Clear::new(&message.0), mac }, NOW, &entropy())
    };
    let retail = spec(zone("retail"), MacAlgorithm::Retail);
    let expect = retail_mac(&Tdes::new(&hex(BASE)).unwrap(), b"message", Padding::Zeros);
    assert_eq!(make(retail.clone()).unwrap(), expect.reveal());
    let expect = cmac(&Aes::new(&hex(ZONE)).unwrap(), &[b"message"]);
    let cmac_spec = spec(zone("cmac"), MacAlgorithm::Cmac);
    assert_eq!(make(cmac_spec.clone()).unwrap(), expect.reveal()[..8]);
    assert_eq!(verify(cmac_spec.clone(), &expect.reveal()[..8]), Ok(()));
    for place in 0..8 {
        let mut wrong = expect.reveal()[..8].to_vec();
        wrong[place] ^= 1;
        assert_eq!(verify(cmac_spec.clone(), &wrong), Err(refused(CoreRefusal::BadSignature)));
    }
    assert_eq!(verify(cmac_spec.clone(), &expect.reveal()[..7]), Err(refused(CoreRefusal::BadSignature)));
    let usage = Err(refused(CoreRefusal::KeyUsage));
    assert_eq!(make(spec(zone("retail"), MacAlgorithm::Cmac)), usage);
    let short = MacSpec { len: 3, ..cmac_spec.clone() };
    assert_eq!(make(short), Err(refused(CoreRefusal::FieldInvalid)));
    let long = MacSpec { len: 17, ..cmac_spec };
    assert_eq!(make(long), Err(refused(CoreRefusal::FieldInvalid)));

    let of_terminal = spec(dukpt(), MacAlgorithm::Retail);
    let request = terminal::<usage::MacRequest>();
    let request = retail_mac(&request.tdes().unwrap(), b"message", Padding::Zeros);
    let response = terminal::<usage::MacResponse>();
    let response = retail_mac(&response.tdes().unwrap(), b"message", Padding::Zeros);
    assert_eq!(verify(of_terminal.clone(), request.reveal()), Ok(()));
    assert_eq!(make(of_terminal.clone()).unwrap(), response.reveal());
    assert_eq!(verify(of_terminal, response.reveal()), Err(refused(CoreRefusal::BadSignature)));
}

/// The published example: issuer master, option A, M/Chip with its data; one changed bit anywhere is one refusal.
pub fn a_cryptogram_is_checked_and_answered(vault: &dyn PaymentVault) {
    with_protection_key(vault);
    bring_in(vault, "imk", Role::IssuerCryptogram, 'T', &hex(BASE));
    let asked = CheckCryptogram {
        issuer: key("imk"),
        scheme: "mchip".into(),
        option: CardKeyOption::A,
        account: number("9901234567890123"),
        psn: 45,
        atc: [0x12, 0x34],
        un: Some([0x90, 0x12, 0x34, 0x56]),
        data: Bytes(hex("0123456789ABCDEF0123456789ABCDEF")),
        cryptogram: [0; 8],
        answer: Arc::ResponseCode([0, 0]),
    };
    let card = symbolon_keys::emv::Card::new(
        symbolon_keys::emv::AccountNumber::parse("9901234567890123").unwrap(),
        45,
    );
    let issuer = Key::<symbolon_keys::emv::IssuerAc>::new(usage::KeyAlgorithm::Tdes2, &hex(BASE)).unwrap();
    let option = symbolon_keys::emv::MasterKeyOption::A;
    let icc = symbolon_keys::emv::icc_master(&issuer, option, &card.unwrap()).unwrap();
    let scheme = symbolon_keys::emv::scheme("mchip").unwrap();
    let session = scheme.session(&icc, asked.atc, asked.un).unwrap();
    let cryptogram =
        *symbolon_keys::emv::cryptogram(&session, &asked.data.0, scheme.padding).unwrap().reveal();
    let asked = CheckCryptogram { cryptogram, ..asked };
    let check = |asked: CheckCryptogram| vault.check_cryptogram(asked, NOW, &entropy());
    let answer = symbolon_keys::emv::IssuerAnswer::ResponseCode([0, 0]);
    let expect = scheme.arpc(&icc, (asked.atc, asked.un), &cryptogram, answer).unwrap();
    assert_eq!(check(asked.clone()).unwrap().0, expect);
    let wrong = Err(refused(CoreRefusal::BadSignature));
    let mut changed = asked.clone();
    changed.cryptogram[7] ^= 1;
    assert_eq!(check(changed), wrong);
    assert_eq!(check(CheckCryptogram { psn: 44, ..asked.clone() }), wrong);
    assert_eq!(check(CheckCryptogram { atc: [0x12, 0x35], ..asked.clone() }), wrong);
    assert_eq!(check(CheckCryptogram { account: number("9901234567890124"), ..asked.clone() }), wrong);
    assert_eq!(check(CheckCryptogram { data: Bytes(vec![0]), ..asked.clone() }), wrong);
    let unknown = CheckCryptogram { scheme: "cvn99".into(), ..asked.clone() };
    assert_eq!(check(unknown), Err(refused(CoreRefusal::AlgorithmUnsupported)));
    let without = CheckCryptogram { un: None, ..asked };
    assert_eq!(check(without), Err(refused(CoreRefusal::FieldInvalid)));
}

/// Published card values (CVK 0123456789ABCDEF FEDCBA9876543210, expiry 8701) and a PIN against its PVV.
pub fn card_values_and_pins_are_checked(vault: &dyn PaymentVault) {
    with_protection_key(vault);
    bring_in(vault, "cvk", Role::CardVerification, 'T', &hex(BASE));
    bring_in(vault, "pvk", Role::PinVerification, 'T', &hex(BASE));
    bring_in(vault, "zone", Role::Pin, 'A', &hex(ZONE));
    let value = |track: &str, kind, value: &str| {
        let account = Account::Clear(clear(AccountForm::Track2, track));
        let value = Clear::new(value.as_bytes());
        vault.check_card_value(CheckCardValue { key: key("cvk"), account, kind, value }, NOW, &entropy())
    };
    let wrong = Err(refused(CoreRefusal::BadSignature));
    assert_eq!(value("4123456789012345=8701101", CardValue::Cvv, "561"), Ok(()));
    assert_eq!(value("4123456789012345=8701101", CardValue::Cvv, "562"), wrong);
    assert_eq!(value("4123456789012345=8701101", CardValue::Cvv, "5610"), wrong);
    assert_eq!(value("4123456789012345=8701201", CardValue::Cvv, "098"), Ok(()));
    assert_eq!(value("4123456789012345=8701201", CardValue::Icvv, "651"), Ok(()));
    assert_eq!(value("4123456789012345=8702201", CardValue::Icvv, "651"), wrong);
    assert_eq!(
        value("4123456789012345==201", CardValue::Icvv, "651"),
        Err(refused(CoreRefusal::FieldInvalid))
    );

    let pan = "1122334455667788";
    let zone = Key::new(usage::KeyAlgorithm::Aes256, &hex(ZONE)).unwrap();
    let check = |pin: &str, pvv: &str| {
        let pin = Pin::parse(pin).unwrap();
        let fill = Fill::drawn(Format::Four, &pin, &[3; 32]);
        let block = pinblock::encipher(Format::Four, &zone, &pin, pan, &fill).unwrap();
        let asked = CheckPin {
            from: ZoneOrDukpt::Zone(key("zone")),
            format: PinFormat::Four,
            block: Bytes(block),
            account: number(pan),
            key: key("pvk"),
            key_index: 1,
            pvv: Clear::new(pvv.as_bytes()),
        };
        vault.check_pin(asked, NOW, &entropy())
    };
    assert_eq!(check("4524", "8523"), Ok(()));
    assert_eq!(check("4525", "8523"), wrong);
    assert_eq!(check("4524", "8524"), wrong);
}

/// A request for each role that an operation takes, asked with the key of this name.
fn asked_with(of: &str) -> [(Role, Request); 8] {
    let message = Bytes(b"message".to_vec());
    let block = Bytes(vec![0; 8]);
    let zone = || ZoneOrDukpt::Zone(key(of));
    let account = || clear(AccountForm::Track2, TRACK);
    let mac = |algorithm| Request::Mac(MakeMac { spec: spec(zone(), algorithm), message: message.clone() });
    let translate = TranslatePin {
        from: zone(),
        from_format: PinFormat::Zero,
        block: block.clone(),
        account: number(PAN),
        to: key("pin"),
        to_format: PinFormat::Zero,
    };
    let open = OpenAccount {
        from: zone(),
        form: AccountForm::Track2,
        ciphertext: block,
        token: key("token"),
        period: 1,
    };
    let check = CheckCardValue {
        key: key(of),
        account: Account::Clear(account()),
        kind: CardValue::Cvv,
        value: Clear::new(b"000"),
    };
    let pin = KeyRef::generation(&name("pin"), 1);
    let export = ExportKey { key: pin, protection: key(of), version: BlockVersion::B };
    [
        (Role::Pin, Request::TranslatePin(translate)),
        (Role::Token, Request::SealAccount(SealAccount { account: account(), token: key(of), period: 1 })),
        (Role::Data, Request::OpenAccount(open)),
        (Role::MacCmac, mac(MacAlgorithm::Cmac)),
        (Role::MacRetail, mac(MacAlgorithm::Retail)),
        (Role::MacAlgorithm1, mac(MacAlgorithm::Algorithm1)),
        (Role::CardVerification, Request::CheckCardValue(check)),
        (Role::KeyProtection, Request::Export(export)),
    ]
}

/// Each operation refuses the keys of every other role, by name.
pub fn a_key_of_one_role_does_nothing_else(vault: &dyn PaymentVault) {
    for role in Role::ALL {
        let algorithm = *Algorithm::ALL.iter().find(|algorithm| role.takes(**algorithm)).unwrap();
        vault.generate(new(role.word(), *role, algorithm), NOW, &entropy()).unwrap();
        activate(vault, role.word(), 1, NOW).unwrap();
    }
    for role in Role::ALL {
        for (wanted, request) in asked_with(role.word()) {
            let refused = vault.perform(&request, NOW, &entropy()) == Err(refused(CoreRefusal::KeyUsage));
            assert_eq!(refused, wanted != *role, "{role:?} {}", request.operation());
        }
    }
}

/// A row for each key of each operation, refused ones too; numbers without a gap; and nothing of what was asked.
pub fn every_use_is_audited_and_shows_no_secret(vault: &dyn PaymentVault) {
    with_protection_key(vault);
    bring_in(vault, "token", Role::Token, 'H', &[9; 32]);
    let before = vault.take_audit(0, NOW, &entropy()).unwrap();
    let after = before.last().unwrap().sequence;
    let view = sealed(vault, PERIOD).unwrap();
    let wrong = vault.reencrypt_account(
        ReencryptAccount { account: view.sealed.clone(), to: key("token"), form: AccountForm::Pan },
        NOW.plus_ms(5),
        &entropy(),
    );
    assert_eq!(wrong, Err(refused(CoreRefusal::KeyUsage)));
    let rows = vault.take_audit(after, NOW, &entropy()).unwrap();
    let told: Vec<_> =
        rows.iter().map(|row| (row.key.as_str(), row.operation.as_str(), row.outcome)).collect();
    assert_eq!(
        told,
        [
            ("token/1", "seal-account", 0),
            ("period/690", "seal-account", 0),
            ("token/1", "reencrypt-account", 24),
        ]
    );
    assert_eq!(rows.last().unwrap().at, NOW.plus_ms(5));
    let all = vault.take_audit(0, NOW, &entropy()).unwrap();
    assert!(all.iter().zip(1..).all(|(row, sequence)| row.sequence == sequence));
    let shown = format!(
        "{all:?} {view:?} {wrong:?} {:?} {:?}",
        vault.list((), NOW, &entropy()).unwrap(),
        Request::SealAccount(SealAccount {
            account: clear(AccountForm::Track2, TRACK),
            token: key("token"),
            period: 1
        })
    );
    for secret in [PAN, TRACK, "0909090909", "5A5A5A5A", "[9, 9, 9", "[90, 90, 90"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
