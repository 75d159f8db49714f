//! ISO 8583: messages in every built-in dialect, and dialects made of the input.
use symbolon_wire::iso8583::{
    BitmapCoding, BuiltIn, Coding, Dialect, DialectBuilder, FieldSpec, Head, Kind, Layout, Length,
    LengthCoding, Message, Places, Value,
};

/// A message that is read is written again to the bit, field by field and as a whole; its masks are as long as what they hide.
fn one_form(dialect: &Dialect, message: &Message<'_>, data: &[u8]) {
    let mut plain = Vec::new();
    for field in message.fields() {
        let mut value = Vec::new();
        field.append_to(&mut value);
        assert_eq!(field.chars().len(), field.chars().count());
        assert_eq!(message.masked(field.number()).map(|masked| masked.len()), Some(field.chars().len()));
        plain.push((field.number(), value));
    }
    let values: Vec<(u8, Value<'_>)> =
        plain.iter().map(|(number, value)| (*number, value.as_slice().into())).collect();
    let mut out = Vec::new();
    let head = Head { mti: message.mti(), bitmaps_min: message.bitmaps() };
    dialect.encode(head, &values, &mut out).expect("what was read can be written");
    assert_eq!(out, data, "a message has one form");
    out.clear();
    message.changed(message.mti(), &[], &mut out).expect("nothing is changed");
    let again = dialect.decode(&out, &mut Places::new()).map(|again| again.bitmap() == message.bitmap());
    assert_eq!(again, Ok(true));
}

fn read(dialect: &Dialect, data: &[u8]) {
    if let Ok(message) = dialect.decode(data, &mut Places::new()) {
        one_form(dialect, &message, data);
    }
}

/// The input as a message of each dialect.
pub fn decode(data: &[u8]) {
    for built_in in BuiltIn::ALL {
        read(&built_in.dialect().expect("it builds"), data);
    }
    for digits in 1..=4 {
        let layout = Layout { id_digits: digits, length_digits: 3 };
        let read: Vec<u8> =
            layout.entries(data).map_while(Result::ok).flat_map(|entry| entry.raw).copied().collect();
        assert!(data.starts_with(&read), "what is passed on is what was read");
    }
}

const KINDS: [Kind; 9] = [
    Kind::Numeric,
    Kind::Alphabetic,
    Kind::AlphaNumeric,
    Kind::AlphaSpecial,
    Kind::NumericSpecial,
    Kind::AlphaNumericSpecial,
    Kind::Track,
    Kind::SignedAmount,
    Kind::Binary,
];
const CODINGS: [Coding; 7] = [
    Coding::Ascii,
    Coding::Ebcdic,
    Coding::BcdLeft,
    Coding::BcdRight,
    Coding::SignBcd,
    Coding::Raw,
    Coding::Hex,
];
const LENGTHS: [LengthCoding; 4] =
    [LengthCoding::Ascii, LengthCoding::Ebcdic, LengthCoding::Bcd, LengthCoding::Binary];

fn pick<T: Copy, const COUNT: usize>(all: [T; COUNT], byte: u8) -> T {
    all[usize::from(byte) % COUNT]
}

/// A dialect of the input's first part, four bytes a field, and the rest as a message of it.
pub fn dialect(data: &[u8]) {
    let [bitmap, fields, rest @ ..] = data else { return };
    let coding = if bitmap & 1 == 0 { BitmapCoding::Binary } else { BitmapCoding::Hex };
    let text = if bitmap & 2 == 0 { Coding::Ascii } else { Coding::BcdLeft };
    let mti = FieldSpec { kind: Kind::Numeric, coding: text, length: Length::Fixed(4) };
    let mut builder = DialectBuilder::new(coding, bitmap >> 4).field(0, mti);
    let (lines, rest) = rest.split_at((usize::from(*fields) * 4).min(rest.len()));
    for line in lines.as_chunks::<4>().0 {
        let [number, types, prefix, max] = *line;
        let length = match prefix % 6 {
            0 => Length::Fixed(u16::from(max)),
            digits => Length::Variable { digits, max: u16::from(max) * 3, coding: pick(LENGTHS, prefix / 6) },
        };
        let spec = FieldSpec { kind: pick(KINDS, types), coding: pick(CODINGS, types / 9), length };
        builder = builder.field(number, spec);
    }
    if let Ok(dialect) = builder.build() {
        read(&dialect, rest);
        assert!(dialect.to_builder().build().is_ok(), "a dialect builds again");
    }
}

/// A dialect of three fields and a message of it.
pub fn dialect_seeds() -> Vec<Vec<u8>> {
    vec![
        [&[0x20, 2, 3, 0, 0, 6, 41, 5, 0, 8][..], b"0200\x20\0\0\0\0\x80\0\0000000TERM0001"].concat(),
        [&[0x31, 2, 2, 0, 2, 7, 130, 53, 8, 9][..], b"0100C00000000000000080000000000000004000000000000000"]
            .concat(),
        [&[0x12, 1, 2, 18, 14, 7][..], b"\x01\x00\x40\0\0\0\0\0\0\0\x05\x01\x23\x45"].concat(),
    ]
}
