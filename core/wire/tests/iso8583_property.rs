//! ISO 8583 on random values and on changed copies of the vectors, in every dialect.
#[path = "iso8583/common.rs"]
mod common;
#[path = "iso8583/vectors.rs"]
mod vectors;

use common::{encoded, mti, odd};
use proptest::prelude::*;
use symbolon_wire::iso8583::{BuiltIn, Dialect, FieldSpec, Kind, Length, Places, Value};
use vectors::{bytes, dialect, file, rows, text};

fn built_in() -> impl Strategy<Value = Dialect> {
    (0..6_usize)
        .prop_map(|index| BuiltIn::ALL.get(index).map_or_else(odd, |built_in| built_in.dialect().unwrap()))
}

/// A value that the field may have, from random bytes.
fn value(spec: &FieldSpec, random: &[u8]) -> Vec<u8> {
    let length = match spec.length {
        Length::Fixed(length) => usize::from(length),
        Length::Variable { max, .. } => usize::from(random[0]) * 7 % (usize::from(max) + 1),
    };
    let alphabet: &[u8] = match spec.kind {
        Kind::Numeric => b"0123456789",
        Kind::Track => b"0123456789=",
        Kind::Alphabetic => b"AZaz ",
        Kind::AlphaNumeric => b"AZaz 09",
        Kind::AlphaSpecial => b"AZaz -~",
        Kind::NumericSpecial => b"09 -~",
        Kind::AlphaNumericSpecial => b"AZaz 09-~^=",
        Kind::SignedAmount => b"0123456789",
        Kind::Binary => return (0..length).map(|at| random[at % random.len()]).collect(),
    };
    let pick = |at: usize| alphabet[usize::from(random[at % random.len()]) % alphabet.len()];
    let mut value: Vec<u8> = (0..length).map(pick).collect();
    if spec.kind == Kind::SignedAmount {
        value[0] = if random[0] & 1 == 0 { b'C' } else { b'D' };
    }
    value
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_to_the_same_values(
        dialect in built_in(),
        numbers in proptest::collection::btree_set(2_u8..=192, 0..30),
        random in proptest::collection::vec(any::<u8>(), 16..64),
        number in 0_u16..10_000,
    ) {
        let defined: Vec<u8> = numbers.into_iter().filter(|number| dialect.spec(*number).is_some()).collect();
        let values: Vec<(u8, Vec<u8>)> = defined
            .iter()
            .map(|number| (*number, value(dialect.spec(*number).unwrap(), &random[usize::from(*number) % 8..])))
            .collect();
        let fields: Vec<(u8, Value<'_>)> = values.iter().map(|(number, value)| (*number, value.as_slice().into())).collect();
        let mut out = Vec::new();
        dialect.encode(mti(number), &fields, &mut out).unwrap();
        let mut places = Places::new();
        let message = dialect.decode(&out, &mut places).unwrap();
        prop_assert_eq!(message.mti(), mti(number));
        let found: Vec<(u8, Vec<u8>)> = message
            .fields()
            .map(|field| {
                let mut value = Vec::new();
                field.append_to(&mut value);
                (field.number(), value)
            })
            .collect();
        prop_assert_eq!(found, values);
    }

    #[test]
    fn whatever_is_decoded_has_one_form(
        other in built_in(),
        own in any::<bool>(),
        row in 0..143_usize,
        changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..4),
    ) {
        let file = file();
        let row = &rows(&file)[row];
        let dialect = if own { dialect(&file, text(row, "dialect")) } else { other };
        let mut input = bytes(row);
        for (at, byte) in changes {
            let length = input.len().max(1);
            if let Some(place) = input.get_mut(usize::from(at) % length) {
                *place = byte;
            }
        }
        let mut places = Places::new();
        match dialect.decode(&input, &mut places) {
            Ok(message) => {
                prop_assert_eq!(&encoded(&dialect, &message), &input);
                for field in message.fields() {
                    prop_assert_eq!(message.masked(field.number()).map(|text| text.len()), Some(field.text().len()));
                }
            }
            Err(error) => {
                let told = format!("{error} {error:?}");
                let digits = told.split(|character: char| !character.is_ascii_digit());
                prop_assert!(digits.map(str::len).max() < Some(6), "{}", told);
            }
        }
    }
}
