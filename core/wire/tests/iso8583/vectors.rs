//! The rows of `vectors/iso8583.json` and the dialects that they are in.
//!
//! **Invariant:** a dialect that has a key or a word which is not understood here fails the test.
use serde_json::Value;
use symbolon_wire::iso8583::{
    BitmapCoding, Coding, Dialect, DialectBuilder, FieldSpec, Kind, Length, LengthCoding,
};

/// The whole file.
pub fn file() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/iso8583.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Its rows.
pub fn rows(file: &Value) -> &[Value] {
    file["vectors"].as_array().unwrap()
}

/// A text of a row.
pub fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_else(|| panic!("{name} of {}", row["id"]))
}

/// The bytes of a row.
pub fn bytes(row: &Value) -> Vec<u8> {
    symbolon_types::hex_parse(text(row, "hex")).unwrap()
}

fn number(spec: &Value, name: &str) -> u16 {
    u16::try_from(spec[name].as_u64().unwrap()).unwrap()
}

/// A field of a dialect of the file.
pub fn spec(number_of_field: u8, spec: &Value) -> FieldSpec {
    let kind = match (text(spec, "type"), number_of_field) {
        // "In fields 35 and 36 nibble D stands for =."
        ("n", 35 | 36) => Kind::Track,
        ("n", _) => Kind::Numeric,
        ("ans", _) => Kind::AlphaNumericSpecial,
        ("x+n", _) => Kind::SignedAmount,
        ("b", _) => Kind::Binary,
        other => panic!("{other:?}"),
    };
    let coding = match text(spec, "enc") {
        "ascii" => Coding::Ascii,
        "ebcdic" => Coding::Ebcdic,
        "bcd-left" => Coding::BcdLeft,
        "bcd-right" => Coding::BcdRight,
        "x-ascii-bcd" => Coding::SignBcd,
        "raw" => Coding::Raw,
        "hex" => Coding::Hex,
        other => panic!("{other}"),
    };
    let max = number(spec, "max");
    let length = match u8::try_from(number(spec, "len")).unwrap() {
        0 => Length::Fixed(max),
        digits => {
            let coding = match text(spec, "len_enc") {
                "ascii" => LengthCoding::Ascii,
                "ebcdic" => LengthCoding::Ebcdic,
                "bcd" => LengthCoding::Bcd,
                other => panic!("{other}"),
            };
            Length::Variable { digits, max, coding }
        }
    };
    FieldSpec { kind, coding, length }
}

/// A dialect of the file.
pub fn dialect(file: &Value, name: &str) -> Dialect {
    let fields = file["dialects"][name].as_object().unwrap();
    let bitmap = match text(&fields["1"], "enc") {
        "hex" => BitmapCoding::Hex,
        "binary" => BitmapCoding::Binary,
        other => panic!("{other}"),
    };
    let bitmaps = u8::try_from(number(&fields["1"], "max") / 8).unwrap();
    let mut builder = DialectBuilder::new(bitmap, bitmaps);
    for (number, field) in fields.iter().filter(|field| field.0 != "1") {
        let number = number.parse().unwrap();
        builder = builder.field(number, spec(number, field));
    }
    builder.build().unwrap()
}
