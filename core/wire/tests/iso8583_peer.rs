//! ISO 8583 beside the crate `iso_8583_rs`: random tables of fields, random messages, and bytes changed on their way.
use iso_8583_rs::specfile::{FieldDescription, Spec};
use iso_8583_rs::{Builder, CompiledSpec, Message};
use proptest::prelude::*;
use std::collections::BTreeMap;
use symbolon_wire::iso8583::{
    BitmapCoding, Coding, Dialect, DialectBuilder, FieldSpec, Kind, Length, LengthCoding, Mti, Places, Value,
};

/// The message type and the fields of a message.
type Read = ([u8; 4], BTreeMap<u8, Vec<u8>>);

/// One field as both have it: digits or printable characters, a length of 1 and more, and the digits of its prefix.
#[derive(Clone, Copy, Debug)]
struct Plain {
    numeric: bool,
    prefix: u8,
    max: u16,
}

impl Plain {
    fn ours(self) -> FieldSpec {
        let length = match self.prefix {
            0 => Length::Fixed(self.max),
            digits => Length::Variable { digits, max: self.max, coding: LengthCoding::Ascii },
        };
        let kind = if self.numeric { Kind::Numeric } else { Kind::AlphaNumericSpecial };
        FieldSpec { kind, coding: Coding::Ascii, length }
    }

    fn theirs(self) -> FieldDescription {
        FieldDescription {
            content_type: if self.numeric { "n" } else { "ans" }.into(),
            max_len: self.max.into(),
            min_len: 0,
            len_type: ["fixed", "", "llvar", "lllvar"][usize::from(self.prefix)].into(),
            label: String::new(),
        }
    }

    /// A value that it may have.
    fn value(self, random: &[u8]) -> Vec<u8> {
        let max = usize::from(self.max);
        let length = if self.prefix == 0 { max } else { usize::from(random[0]) % (max + 1) };
        let (first, many) = if self.numeric { (b'0', 10) } else { (b' ', 95) };
        (0..length).map(|at| first + random[at % random.len()] % many).collect()
    }
}

fn plain() -> impl Strategy<Value = Plain> {
    (any::<bool>(), prop_oneof![Just(0_u8), Just(2), Just(3)], 1_u16..60)
        .prop_map(|(numeric, prefix, max)| Plain { numeric, prefix, max })
}

/// A table of fields as both have it, with the values of one message.
#[derive(Debug)]
struct Case {
    ours: Dialect,
    theirs: CompiledSpec,
    mti: [u8; 4],
    values: BTreeMap<u8, Vec<u8>>,
}

fn case() -> impl Strategy<Value = Case> {
    let numbers = (2_u8..=128).prop_filter("65 says that a third bitmap follows", |number| *number != 65);
    let random = proptest::collection::vec(any::<u8>(), 1..40);
    let table = proptest::collection::btree_map(numbers, (plain(), any::<bool>(), random), 1..40);
    (table, 0_u16..10_000).prop_map(|(table, number)| {
        let mti = FieldSpec { kind: Kind::Numeric, coding: Coding::Ascii, length: Length::Fixed(4) };
        let mut ours = DialectBuilder::new(BitmapCoding::Hex, 2).field(0, mti);
        let mut fields = std::collections::HashMap::new();
        for (number, (plain, _, _)) in &table {
            ours = ours.field(*number, plain.ours());
            fields.insert(i64::from(*number), plain.theirs());
        }
        let sent = table.into_iter().filter(|(_, (_, sent, _))| *sent);
        Case {
            ours: ours.build().unwrap(),
            theirs: CompiledSpec::compile(&Spec { fields }).unwrap(),
            mti: *Mti::from_number(number).unwrap().digits(),
            values: sent.map(|(number, (plain, _, random))| (number, plain.value(&random))).collect(),
        }
    })
}

impl Case {
    fn encoded(&self) -> Vec<u8> {
        let fields: Vec<(u8, Value<'_>)> =
            self.values.iter().map(|(number, value)| (*number, value.as_slice().into())).collect();
        let mut out = Vec::new();
        self.ours.encode(Mti::parse(self.mti).unwrap(), &fields, &mut out).unwrap();
        out
    }

    fn encoded_by_the_peer(&self) -> Vec<u8> {
        let mut builder = Builder::new(&self.theirs, &self.mti).unwrap();
        for (number, value) in &self.values {
            builder.set(usize::from(*number), value).unwrap();
        }
        let mut out = Vec::new();
        builder.pack_into(&mut out);
        out
    }

    fn decoded(&self, bytes: &[u8]) -> Option<Read> {
        let mut places = Places::new();
        let message = self.ours.decode(bytes, &mut places).ok()?;
        let fields = message.fields().map(|field| (field.number(), field.text().into_bytes()));
        Some((*message.mti().digits(), fields.collect()))
    }

    fn decoded_by_the_peer(&self, bytes: &[u8]) -> Option<Read> {
        let message = Message::parse(&self.theirs, bytes).ok()?;
        let fields = message.fields().map(|(number, value)| (u8::try_from(number).unwrap(), value.to_vec()));
        Some((message.mti, fields.collect()))
    }
}

/// What the peer takes and we do not: a bitmap in lower-case letters, and a second bitmap that says nothing.
fn has_another_form(bytes: &[u8]) -> bool {
    let bitmaps = bytes.get(4..).unwrap_or_default();
    let second = bitmaps.first().is_some_and(|first| *first >= b'8');
    let length = if second { 32 } else { 16 };
    let lower = bitmaps.iter().take(length).any(u8::is_ascii_lowercase);
    lower || (second && bitmaps.iter().skip(16).take(16).all(|digit| *digit == b'0'))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn both_write_the_same_bytes_and_read_the_same_fields(case in case()) {
        let bytes = case.encoded();
        prop_assert_eq!(&bytes, &case.encoded_by_the_peer());
        let values = Some((case.mti, case.values.clone()));
        prop_assert_eq!(case.decoded(&bytes), values.clone());
        prop_assert_eq!(case.decoded_by_the_peer(&bytes), values);
    }

    #[test]
    fn both_take_and_refuse_the_same_bytes(
        case in case(),
        changes in proptest::collection::vec((any::<u16>(), any::<u8>(), 0..4_u8), 1..4),
    ) {
        let mut bytes = case.encoded();
        for (at, with, what) in changes {
            let at = usize::from(at) % bytes.len().max(1);
            match what {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, with),
                2 => bytes[at..].iter_mut().take(1).for_each(|byte| *byte = b'0' + with % 23),
                _ => bytes[at..].iter_mut().take(1).for_each(|byte| *byte = with),
            }
        }
        let (ours, theirs) = (case.decoded(&bytes), case.decoded_by_the_peer(&bytes));
        if ours.is_some() || !has_another_form(&bytes) {
            prop_assert_eq!(ours, theirs);
        }
    }
}
