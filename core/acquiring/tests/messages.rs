//! Messages of both versions and every built-in dialect: what they ask for, what they are answered, what is refused.
mod shop;

use shop::{TERMINAL, TOKEN, eur};
use symbolon_acquiring::*;
use symbolon_wire::iso8583::{BuiltIn, Dialect, Mti, Places, Value};

const PAN: &str = "4012345678909";
const LINK: u32 = 3;

type Fields<'a> = Vec<(u8, &'a str)>;

fn mti(digits: &str) -> Mti {
    Mti::parse(digits.as_bytes().try_into().unwrap()).unwrap()
}

fn is_1993(built_in: BuiltIn) -> bool {
    built_in.name().starts_with("1993")
}

/// The fields of a payment.
fn payment<'a>(built_in: BuiltIn) -> Fields<'a> {
    let local = if is_1993(built_in) { (12, "261124120000") } else { (12, "120000") };
    vec![
        (2, PAN),
        (3, "000000"),
        (4, "000000001250"),
        (7, "1124120000"),
        (11, "000042"),
        local,
        (32, "00012345"),
        (37, "RETRIEVAL001"),
        (41, "TERM0001"),
        (49, "978"),
    ]
}

/// The fields with these instead, or besides.
fn with<'a>(fields: &Fields<'a>, others: &[(u8, &'a str)]) -> Fields<'a> {
    let mut all: Fields<'_> =
        fields.iter().filter(|(n, _)| !others.iter().any(|(other, _)| n == other)).copied().collect();
    all.extend(others);
    all.sort_unstable();
    all
}

fn without<'a>(fields: &Fields<'a>, number: u8) -> Fields<'a> {
    fields.iter().filter(|(n, _)| *n != number).copied().collect()
}

fn encode(dialect: &Dialect, kind: &str, fields: &Fields<'_>) -> Vec<u8> {
    let fields: Vec<(u8, Value<'_>)> = fields.iter().map(|(n, value)| (*n, Value::from(*value))).collect();
    let mut out = Vec::new();
    dialect.encode(mti(kind), &fields, &mut out).unwrap();
    out
}

/// What the message asks for, with the account it names.
fn seen(dialect: &Dialect, kind: &str, fields: &Fields<'_>) -> Result<(Seen, Option<String>), MessageError> {
    let bytes = encode(dialect, kind, fields);
    let mut places = Places::new();
    let message = dialect.decode(&bytes, &mut places).unwrap();
    read(&message, LINK).map(|(seen, pan)| (seen, pan.map(|pan| pan.reveal().to_owned())))
}

fn asked(dialect: &Dialect, kind: &str, fields: &Fields<'_>) -> Request {
    seen(dialect, kind, fields).unwrap().0.request(TOKEN, false)
}

/// The type as this version has it.
fn of(built_in: BuiltIn, kind: &str) -> String {
    format!("{}{kind}", u8::from(is_1993(built_in)))
}

fn each(test: impl Fn(BuiltIn, &Dialect)) {
    for built_in in BuiltIn::ALL {
        test(built_in, &built_in.dialect().unwrap());
    }
}

#[test]
fn a_message_is_read_the_same_in_every_dialect() {
    each(|built_in, dialect| {
        let local = if is_1993(built_in) { 261_124_120_000 } else { 0 };
        let number = if is_1993(built_in) { 1200 } else { 200 };
        let key =
            NaturalKey { link: LINK, mti: number, audit: 42, acquirer: 12345, terminal: TERMINAL, local };
        let fields = payment(built_in);
        let (seen, pan) = seen(dialect, &of(built_in, "200"), &fields).unwrap();
        assert_eq!(pan.as_deref(), Some(PAN));
        assert!(seen.needs_card());
        let pay = Payment { card: TOKEN, amount: eur(1250), partial: true };
        let expected = Request {
            key,
            transmitted: Some(1_124_120_000),
            forwarding: None,
            repeat: false,
            ask: Ask::Purchase(pay),
        };
        assert_eq!(seen.request(TOKEN, true), expected);
        let repeat = asked(dialect, &of(built_in, "201"), &with(&without(&fields, 7), &[(33, "77")]));
        assert_eq!((repeat.key, repeat.repeat), (key, true), "the key of a repeat is that of the first");
        assert_eq!((repeat.transmitted, repeat.forwarding), (None, Some(77)));
        for (kind, ask) in [
            ("100", Ask::Authorise(Payment { partial: false, ..pay })),
            ("120", Ask::AuthorisedBefore(Advice { card: TOKEN, amount: eur(1250), original: None })),
            ("220", Ask::PaidBefore(Advice { card: TOKEN, amount: eur(1250), original: None })),
        ] {
            assert_eq!(asked(dialect, &of(built_in, kind), &fields).ask, ask);
        }
        let refund = asked(dialect, &of(built_in, "200"), &with(&fields, &[(3, "200000")]));
        assert_eq!(refund.ask, Ask::Refund(Payment { partial: false, ..pay }));
        let short = asked(dialect, &of(built_in, "200"), &with(&fields, &[(41, "T1      ")]));
        assert_eq!(short.key.terminal, *b"T1      ");
    });
}

#[test]
fn a_reversal_names_the_key_of_its_original() {
    each(|built_in, dialect| {
        let fields = payment(built_in);
        let first = asked(dialect, &of(built_in, "200"), &with(&fields, &[(33, "77")]));
        let (field, data, told) = if is_1993(built_in) {
            (56, "12010000422611241200000500012345".replacen("0500012345", "0512345", 1), None)
        } else {
            (90, format!("0201000042{}{:0>11}{:0>11}", "1124120000", "12345", "77"), Some(77))
        };
        let reversal = with(&fields, &[(11, "000043"), (field, &data)]);
        for kind in ["400", "420", "421"] {
            let request = asked(dialect, &of(built_in, kind), &reversal);
            let Ask::Reverse(Reversal { original, left }) = request.ask else { panic!("no reversal") };
            assert_eq!(original.key, first.key);
            assert_eq!((original.forwarding, left), (told, None));
        }
        let part = if is_1993(built_in) {
            with(&reversal, &[(24, "401"), (4, "000000000900")])
        } else {
            with(&reversal, &[(95, "000000000900000000000000C00000000C00000000")])
        };
        let request = asked(dialect, &of(built_in, "420"), &part);
        let Ask::Reverse(Reversal { left, .. }) = request.ask else { panic!("no reversal") };
        assert_eq!(left, Some(eur(900)));
        let missing = seen(dialect, &of(built_in, "400"), &fields).unwrap_err();
        assert_eq!(missing, MessageError::Missing(field));
        let completion = with(&fields, &[(field, &data)]);
        let Ask::PaidBefore(advice) = asked(dialect, &of(built_in, "220"), &completion).ask else { panic!() };
        assert_eq!(advice.original.unwrap().key, first.key);
    });
}

#[test]
fn what_a_message_lacks_or_has_wrong_is_named_by_its_field() {
    each(|built_in, dialect| {
        let fields = payment(built_in);
        let pay = of(built_in, "200");
        let wrong = |fields: &Fields<'_>| seen(dialect, &pay, fields).unwrap_err();
        for field in [3, 4, 11, 49] {
            assert_eq!(wrong(&without(&fields, field)), MessageError::Missing(field));
        }
        assert_eq!(wrong(&with(&fields, &[(2, "4012345678908")])), MessageError::Field(2), "the check digit");
        assert_eq!(wrong(&with(&fields, &[(49, "000")])), MessageError::Field(49));
        assert_eq!(wrong(&with(&fields, &[(3, "300000")])), MessageError::NotSupported);
        let track = |data| with(&fields, &[(35, data)]);
        assert!(seen(dialect, &pay, &track("4012345678909=9912101")).is_ok());
        assert_eq!(wrong(&track("4111111111111111=9912101")), MessageError::AccountsDiffer);
        let swiped = without(&track("4012345678909=9912101"), 2);
        assert_eq!(seen(dialect, &pay, &swiped).unwrap().1.as_deref(), Some(PAN));
        let nobody = seen(dialect, &pay, &without(&fields, 2)).unwrap();
        assert_eq!((nobody.1, nobody.0.needs_card()), (None, true));
        for kind in ["210", "500", "800", "206", "600"] {
            let error = seen(dialect, &of(built_in, kind), &fields).unwrap_err();
            assert_eq!(error, MessageError::NotSupported, "{kind}");
        }
        assert_eq!(seen(dialect, "2200", &fields).unwrap_err(), MessageError::NotSupported);
        if is_1993(built_in) {
            assert_eq!(wrong(&without(&fields, 12)), MessageError::Missing(12));
            let short = with(&fields, &[(56, "1200000042261124120000051234")]);
            assert_eq!(seen(dialect, "1420", &short).unwrap_err(), MessageError::Field(56));
            let long = with(&fields, &[(56, "1200000042261124120000041234599")]);
            assert_eq!(seen(dialect, "1420", &long).unwrap_err(), MessageError::Field(56));
        }
    });
}

#[test]
fn an_answer_carries_what_came_and_what_was_decided_and_no_account() {
    each(|built_in, dialect| {
        let fields = with(&payment(built_in), &[(35, "4012345678909=9912101"), (14, "9912")]);
        let bytes = encode(dialect, &of(built_in, "201"), &fields);
        let mut places = Places::new();
        let request = dialect.decode(&bytes, &mut places).unwrap();
        let reply =
            Reply { action: ActionCode::PARTIAL, amount: 990, approval: Some(*b"000007"), chip: None };
        let mut out = Vec::new();
        respond(&request, &reply, &mut out).unwrap();
        let mut places = Places::new();
        let answer = dialect.decode(&out, &mut places).unwrap();
        assert_eq!(answer.mti(), mti(&of(built_in, "210")));
        let text = |number| answer.field(number).map(|field| field.text());
        let code = if is_1993(built_in) { "002" } else { "10" };
        assert_eq!(text(39).as_deref(), Some(code));
        assert_eq!((text(4).as_deref(), text(38).as_deref()), (Some("000000000990"), Some("000007")));
        for number in [3, 7, 11, 12, 32, 37, 41, 49] {
            assert_eq!(text(number), request.field(number).map(|field| field.text()), "{number}");
        }
        assert!([2, 14, 35].iter().all(|number| text(*number).is_none()), "no account goes back");
        let declined = Reply { action: ActionCode::NO_ORIGINAL, amount: 0, approval: None, chip: None };
        respond(&request, &declined, &mut out).unwrap();
        let answered = encode(dialect, &of(built_in, "210"), &fields);
        let mut places = Places::new();
        let before = out.clone();
        assert!(respond(&dialect.decode(&answered, &mut places).unwrap(), &declined, &mut out).is_err());
        assert_eq!(out, before, "an answer is not answered");
    });
}

#[test]
fn network_management_is_answered_by_its_code() {
    each(|built_in, dialect| {
        let field = if is_1993(built_in) { 24 } else { 70 };
        let codes = if is_1993(built_in) { ["801", "802", "831"] } else { ["001", "002", "301"] };
        let known = [Network::SignOn, Network::SignOff, Network::Echo];
        let fields = |code| vec![(7, "1124120000"), (11, "000042"), (field, code)];
        let mut places = Places::new();
        for (code, expected) in codes.into_iter().zip(known) {
            let mut fields = fields(code);
            fields.sort_unstable();
            let bytes = encode(dialect, &of(built_in, "800"), &fields);
            let message = dialect.decode(&bytes, &mut places).unwrap();
            assert_eq!(network(&message), Ok(Some(expected)));
            let mut out = Vec::new();
            respond(&message, &Reply::only(ActionCode::ACCEPTED), &mut out).unwrap();
            let mut places = Places::new();
            let answer = dialect.decode(&out, &mut places).unwrap();
            assert_eq!(answer.mti(), mti(&of(built_in, "810")));
            let accepted = if is_1993(built_in) { "800" } else { "00" };
            assert_eq!(answer.field(39).unwrap().text(), accepted);
            assert_eq!(answer.field(field).unwrap().text(), code);
        }
        let mut other = fields("999");
        other.sort_unstable();
        let bytes = encode(dialect, &of(built_in, "800"), &other);
        assert_eq!(network(&dialect.decode(&bytes, &mut places).unwrap()), Err(MessageError::NotSupported));
        let bytes = encode(dialect, &of(built_in, "800"), &vec![(11, "000042")]);
        assert_eq!(network(&dialect.decode(&bytes, &mut places).unwrap()), Err(MessageError::Missing(field)));
        let bytes = encode(dialect, &of(built_in, "200"), &payment(built_in));
        assert_eq!(network(&dialect.decode(&bytes, &mut places).unwrap()), Ok(None));
    });
}
