//! Messages to a processor: read again by the house's own reader, which is held against others, and field by field where it does not look.
use symbolon_acquiring::state::{Advised, Errand, Outgoing, Undo, Upstream};
use symbolon_acquiring::upstream::{self, Along};
use symbolon_acquiring::{ActionCode, Advice, Ask, Reply, Reversal, network, read, respond};
use symbolon_types::{Amount, Currency, Hash, UnixMs};
use symbolon_wire::cbor::Bytes;
use symbolon_wire::iso8583::{BuiltIn, Dialect, Message, Places, Version};

/// 2027-01-15T08:00:00Z, by `date -u -d @1800000000`.
const AT: UnixMs = UnixMs(1_800_000_000_000);
const TERMINAL: &[u8; 8] = b"TERM0001";
const DIALECTS: [(BuiltIn, Version); 5] = [
    (BuiltIn::Ascii1987, Version::V1987),
    (BuiltIn::Binary1987, Version::V1987),
    (BuiltIn::Ebcdic1987, Version::V1987),
    (BuiltIn::Ascii1993, Version::V1993),
    (BuiltIn::Binary1993, Version::V1993),
];

fn to(audit: u32) -> Upstream {
    Upstream { processor: 1, audit, at: AT }
}

fn eur(minor: u64) -> Amount {
    Amount::new(minor, Currency::EUR).unwrap()
}

fn along() -> Along {
    Along { institution: Some(12345), account: Some(vec![0xAB; 16]), pin: None, chip: None }
}

fn seen<R>(dialect: &Dialect, bytes: &[u8], look: impl FnOnce(&Message<'_>) -> R) -> R {
    let mut places = Places::new();
    look(&dialect.decode(bytes, &mut places).unwrap())
}

fn text(message: &Message<'_>, field: u8) -> Option<String> {
    message.field(field).map(|field| field.text())
}

#[test]
fn a_payment_says_what_was_asked() {
    for (built_in, version) in DIALECTS {
        let dialect = built_in.dialect().unwrap();
        let mut out = Vec::new();
        let along = Along { pin: Some(vec![0xCD; 8]), chip: Some(vec![0x9F, 0x26, 0x01, 0x00]), ..along() };
        upstream::payment((&dialect, version), &to(7), (200, TERMINAL, eur(1234)), &along, &mut out).unwrap();
        let asked = seen(&dialect, &out, |message| {
            assert_eq!(text(message, 7).unwrap(), "0115080000");
            assert_eq!(text(message, 32).unwrap(), "12345");
            assert_eq!(text(message, 2), None, "no account in clear");
            assert_eq!(text(message, 123).unwrap(), "AB".repeat(16));
            let mut pin = Vec::new();
            message.field(52).unwrap().append_to(&mut pin);
            assert_eq!(pin, [0xCD; 8]);
            let (read, account) = read(message, 3).unwrap();
            assert!(account.is_none());
            read.request(Hash::ZERO, false)
        });
        assert!(matches!(asked.ask, Ask::Purchase(payment) if payment.amount == eur(1234)));
        assert_eq!((asked.key.audit, &asked.key.terminal, asked.key.acquirer), (7, TERMINAL, 12345));
        let local = if version == Version::V1993 { 270_115_080_000 } else { 0 };
        assert_eq!(asked.key.local, local);
    }
}

#[test]
fn reversals_and_advices_name_their_original() {
    let outgoing = |errand| Outgoing {
        to: to(9),
        terminal: *TERMINAL,
        amount: eur(1234),
        account: Bytes::default(),
        errand,
    };
    for (built_in, version) in DIALECTS {
        let dialect = built_in.dialect().unwrap();
        let sent = |errand, again| {
            let mut out = Vec::new();
            upstream::errand((&dialect, version), &outgoing(errand), again, &along(), &mut out).unwrap();
            out
        };
        let mut first = Vec::new();
        upstream::payment((&dialect, version), &to(7), (200, TERMINAL, eur(1234)), &along(), &mut first)
            .unwrap();
        let key = seen(&dialect, &first, |message| *read(message, 3).unwrap().0.key());
        for left in [0, 200] {
            let undo = Errand::Undo(Undo { mti: 200, original: to(7), left });
            let asked = seen(&dialect, &sent(undo, true), |message| {
                read(message, 3).unwrap().0.request(Hash::ZERO, false)
            });
            assert!(asked.repeat);
            let Ask::Reverse(Reversal { original, left: stands }) = asked.ask else { panic!("{asked:?}") };
            assert_eq!((original.key, stands), (key, (left > 0).then(|| eur(200))));
        }
        let advised = Advised {
            mti: 220,
            completes_mti: Some(200),
            completes: Some(to(7)),
            approval: Some(*b"AB12C3"),
        };
        let (asked, approval) = seen(&dialect, &sent(Errand::Advise(advised), false), |message| {
            (read(message, 3).unwrap().0.request(Hash::ZERO, false), text(message, 38))
        });
        let Ask::PaidBefore(Advice { amount, original, .. }) = asked.ask else { panic!("{asked:?}") };
        assert_eq!((amount, original.unwrap().key, approval.unwrap().as_str()), (eur(1234), key, "AB12C3"));
    }
}

#[test]
fn an_answer_is_of_its_request_only() {
    for (built_in, version) in DIALECTS {
        let dialect = built_in.dialect().unwrap();
        let mut out = Vec::new();
        upstream::payment((&dialect, version), &to(7), (200, TERMINAL, eur(1234)), &along(), &mut out)
            .unwrap();
        for (action, amount, approval) in [
            (ActionCode::APPROVED, 1234, Some(*b"XYZ789")),
            (ActionCode::PARTIAL, 1000, None),
            (ActionCode::NOT_SUFFICIENT, 0, None),
        ] {
            let mut answer = Vec::new();
            let chip = Some(Bytes(vec![0x91, 2, 7, 8]));
            let reply = Reply { action, amount, approval, chip: chip.clone() };
            seen(&dialect, &out, |message| respond(message, &reply, &mut answer).unwrap());
            seen(&dialect, &answer, |message| {
                let told = upstream::told(message, &to(7)).unwrap();
                assert_eq!(
                    (told.action, told.amount, told.approval, told.chip),
                    (action, amount, approval, chip)
                );
                assert!(upstream::told(message, &to(8)).is_none(), "another audit number");
                let later = Upstream { at: UnixMs(AT.0 + 1000), ..to(7) };
                assert!(upstream::told(message, &later).is_none(), "the audit number of another time");
            });
        }
        for code in [1, 2, 301] {
            let mut out = Vec::new();
            upstream::network((&dialect, version), &to(5), code, &along(), &mut out).unwrap();
            assert!(seen(&dialect, &out, |message| network(message).unwrap().is_some()));
        }
    }
}
