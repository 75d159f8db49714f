//! A dialect with what the standard's have not, and encoding what was decoded.
//!
//! **Invariant:** each test file that has this module uses all of it.
use symbolon_wire::iso8583::{
    BitmapCoding, Coding, Dialect, DialectBuilder, FieldSpec, Head, Kind, Length, LengthCoding, Message, Mti,
    Value,
};

/// A message type.
pub fn mti(number: u16) -> Mti {
    Mti::from_number(number).unwrap()
}

/// Encodes what was decoded, by values.
pub fn encoded(dialect: &Dialect, message: &Message<'_>) -> Vec<u8> {
    let plain: Vec<(u8, Vec<u8>)> = message
        .fields()
        .map(|field| {
            let mut value = Vec::new();
            field.append_to(&mut value);
            (field.number(), value)
        })
        .collect();
    let values: Vec<(u8, Value<'_>)> =
        plain.iter().map(|(number, value)| (*number, value.as_slice().into())).collect();
    let mut out = b"before".to_vec();
    let head = Head { mti: message.mti(), bitmaps_min: message.bitmaps() };
    dialect.encode(head, &values, &mut out).unwrap();
    assert_eq!(out.drain(..6).as_slice(), b"before");
    out
}

/// A field of fixed length.
pub const fn fixed(kind: Kind, coding: Coding, length: u16) -> FieldSpec {
    FieldSpec { kind, coding, length: Length::Fixed(length) }
}

/// A field with a prefix.
pub const fn variable(kind: Kind, coding: Coding, digits: u8, max: u16, by: LengthCoding) -> FieldSpec {
    FieldSpec { kind, coding, length: Length::Variable { digits, max, coding: by } }
}

/// The message type in ASCII.
pub const TYPE: FieldSpec = fixed(Kind::Numeric, Coding::Ascii, 4);

/// Three bitmaps, every coding of a length, and the rarer types.
pub fn odd() -> Dialect {
    use Coding::{Ascii, BcdLeft, BcdRight, Ebcdic, Hex, Raw, SignBcd};
    use Kind::{
        AlphaNumeric, AlphaSpecial, Alphabetic, Binary, Numeric, NumericSpecial, SignedAmount, Track,
    };
    DialectBuilder::new(BitmapCoding::Binary, 3)
        .field(0, TYPE)
        .field(2, variable(Numeric, BcdLeft, 4, 9999, LengthCoding::Bcd))
        .field(3, variable(Binary, Raw, 2, 255, LengthCoding::Binary))
        .field(4, variable(Binary, Raw, 4, 9999, LengthCoding::Binary))
        .field(5, variable(Alphabetic, Ascii, 1, 9, LengthCoding::Ascii))
        .field(6, variable(AlphaNumeric, Ebcdic, 4, 5000, LengthCoding::Ebcdic))
        .field(7, fixed(SignedAmount, SignBcd, 8))
        .field(8, fixed(SignedAmount, SignBcd, 9))
        .field(9, fixed(SignedAmount, Ebcdic, 9))
        .field(10, variable(Track, BcdLeft, 1, 9, LengthCoding::Bcd))
        .field(11, variable(Track, Ebcdic, 2, 37, LengthCoding::Ascii))
        .field(12, fixed(AlphaSpecial, Ascii, 3))
        .field(13, fixed(NumericSpecial, Ebcdic, 3))
        .field(64, variable(Binary, Hex, 3, 999, LengthCoding::Bcd))
        .field(66, variable(Track, BcdRight, 2, 37, LengthCoding::Bcd))
        .field(128, fixed(Numeric, BcdRight, 3))
        .field(130, fixed(Numeric, BcdLeft, 3))
        .field(192, variable(AlphaNumeric, Ascii, 3, 999, LengthCoding::Ascii))
        .build()
        .unwrap()
}
