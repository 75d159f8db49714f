//! `--dialect`: one that is built in, by its name, or a JSON object of fields.
//!
//! ```text
//!   {"0": {"len":0,"max":4,"type":"n","enc":"ascii"}, "1": {"kind":"bitmap","max":16,"enc":"hex"},
//!    "2": {"len":2,"max":19,"type":"n","enc":"ascii","len_enc":"ascii"}, …, "roles": {"ksn": 53}}
//! ```
//! **Invariant:** what is not understood is refused with the field and the key that it is about: a dialect is never guessed.
use super::super::flags::{Flags, named};
use super::super::json;
use super::wrong_dialect as wrong;
use crate::args;
use crate::report::Failure;
use serde_json::{Map, Value as Json};
use symbolon_wire::iso8583::{
    BitmapCoding, BuiltIn, Coding, Dialect, DialectBuilder, FieldSpec, Kind, Length, LengthCoding, Role,
};

const KINDS: [(&str, Kind); 13] = [
    ("n", Kind::Numeric),
    ("a", Kind::Alphabetic),
    ("an", Kind::AlphaNumeric),
    ("anp", Kind::AlphaNumeric),
    ("as", Kind::AlphaSpecial),
    ("ns", Kind::NumericSpecial),
    ("ans", Kind::AlphaNumericSpecial),
    ("s", Kind::AlphaNumericSpecial),
    ("z", Kind::Track),
    ("x+n", Kind::SignedAmount),
    ("xn", Kind::SignedAmount),
    ("x", Kind::SignedAmount),
    ("b", Kind::Binary),
];

const CODINGS: [(&str, Coding); 8] = [
    ("ascii", Coding::Ascii),
    ("ebcdic", Coding::Ebcdic),
    ("bcd", Coding::BcdLeft),
    ("bcd-left", Coding::BcdLeft),
    ("bcd-right", Coding::BcdRight),
    ("x-ascii-bcd", Coding::SignBcd),
    ("raw", Coding::Raw),
    ("hex", Coding::Hex),
];

const LENGTH_CODINGS: [(&str, LengthCoding); 4] = [
    ("ascii", LengthCoding::Ascii),
    ("ebcdic", LengthCoding::Ebcdic),
    ("bcd", LengthCoding::Bcd),
    ("binary", LengthCoding::Binary),
];

const BITMAP_CODINGS: [(&str, BitmapCoding); 2] =
    [("binary", BitmapCoding::Binary), ("hex", BitmapCoding::Hex)];

const ROLES: [(&str, Role); 4] = [
    ("aes_pin_block", Role::AesPinBlock),
    ("ksn", Role::Ksn),
    ("mac_ksn", Role::MacKsn),
    ("account_data", Role::AccountData),
];

/// A dialect, and which one of the built in ones it is.
pub struct Named {
    pub dialect: Dialect,
    built_in: Option<BuiltIn>,
}

impl Named {
    /// The dialect that `--dialect` names.
    pub fn read(flags: &mut Flags) -> Result<Self, Failure> {
        Self::of(flags.required_text("dialect")?.reveal())
    }

    /// The dialect of this name, of this JSON, or of the file with it.
    pub fn of(given: &str) -> Result<Self, Failure> {
        if let Some(built_in) = BuiltIn::ALL.into_iter().find(|known| known.name() == named(given)) {
            let dialect = built_in.dialect().map_err(|error| wrong(&error.to_string()))?;
            return Ok(Self { dialect, built_in: Some(built_in) });
        }
        let bytes = match given.starts_with('{') {
            true => given.as_bytes().to_vec(),
            false => args::file_of("dialect", given).map_err(|_| not_found())?,
        };
        Ok(Self { dialect: parsed(&bytes)?, built_in: None })
    }

    /// The standard's name of a field, where the dialect is the standard's.
    pub fn field_name(&self, number: u8) -> Option<&'static str> {
        self.built_in?.field_name(number)
    }
}

fn not_found() -> Failure {
    let names: Vec<&str> = BuiltIn::ALL.iter().map(|known| known.name()).collect();
    wrong(&format!("one of {}, or a JSON file that can be read", names.join(", ")))
}

fn parsed(bytes: &[u8]) -> Result<Dialect, Failure> {
    let json = json::parsed(bytes).map_err(wrong)?;
    let fields = json.as_object().ok_or_else(|| wrong("the file is not an object of fields"))?;
    let bitmap = fields.get("1").ok_or_else(|| wrong("field 1, the bitmap, is missing"))?;
    let bitmap = bitmap.as_object().ok_or_else(|| wrong("field 1 is not an object"))?;
    let mut builder = bitmaps(bitmap)?;
    for (key, field) in fields.iter().filter(|(key, _)| !matches!(key.as_str(), "1" | "roles")) {
        // As it is written back: no sign, and no zero before it.
        let number = key.parse().ok().filter(|number: &u8| number.to_string() == *key);
        let number = number.ok_or_else(|| wrong("a key is neither a field's number nor \"roles\""))?;
        let field = field.as_object().ok_or_else(|| wrong(&format!("field {number} is not an object")))?;
        builder = builder.field(number, spec(number, field)?);
    }
    let roles =
        fields.get("roles").map(|roles| roles.as_object().ok_or_else(|| wrong("\"roles\" is not an object")));
    for (key, number) in roles.transpose()?.into_iter().flatten() {
        let known = ROLES.iter().find(|(known, _)| known == key);
        let &(_, role) = known.ok_or_else(|| wrong("\"roles\" are aes_pin_block, ksn, mac_ksn"))?;
        let number = number.as_u64().and_then(|number| u8::try_from(number).ok());
        builder = builder.role(role, number.ok_or_else(|| wrong("\"roles\" name fields by number"))?);
    }
    builder.build().map_err(|error| wrong(&error.to_string()))
}

fn bitmaps(field: &Map<String, Json>) -> Result<DialectBuilder, Failure> {
    only(1, field, &["kind", "max", "enc"])?;
    if field.get("kind").is_some_and(|kind| kind != "bitmap") {
        return Err(wrong("field 1: \"kind\" is bitmap"));
    }
    let coding = choice(1, field, "enc", &BITMAP_CODINGS)?;
    let count = match number(1, field, "max")? {
        8 => 1,
        16 => 2,
        24 => 3,
        _ => return Err(wrong("field 1: \"max\" is 8, 16 or 24 bytes")),
    };
    Ok(DialectBuilder::new(coding, count))
}

fn spec(of: u8, field: &Map<String, Json>) -> Result<FieldSpec, Failure> {
    only(of, field, &["len", "max", "type", "enc", "len_enc", "name"])?;
    let kind = match choice(of, field, "type", &KINDS)? {
        // What tracks 2 and 3 have beside digits is allowed where a dialect calls them n.
        Kind::Numeric if matches!(of, 35 | 36) => Kind::Track,
        kind => kind,
    };
    let coding = choice(of, field, "enc", &CODINGS)?;
    let max = number(of, field, "max")?;
    let length = match u8::try_from(number(of, field, "len")?).unwrap_or(u8::MAX) {
        0 if field.contains_key("len_enc") => {
            return Err(wrong(&format!("field {of}: \"len_enc\" with a fixed length")));
        }
        0 => Length::Fixed(max),
        digits => Length::Variable { digits, max, coding: choice(of, field, "len_enc", &LENGTH_CODINGS)? },
    };
    Ok(FieldSpec { kind, coding, length })
}

fn only(of: u8, field: &Map<String, Json>, keys: &[&str]) -> Result<(), Failure> {
    match field.keys().all(|key| keys.contains(&key.as_str())) {
        true => Ok(()),
        false => Err(wrong(&format!("field {of}: keys are {}", keys.join(", ")))),
    }
}

fn number(of: u8, field: &Map<String, Json>, key: &str) -> Result<u16, Failure> {
    let number = field.get(key).and_then(Json::as_u64).and_then(|number| u16::try_from(number).ok());
    number.ok_or_else(|| wrong(&format!("field {of}: \"{key}\" is not a number in range")))
}

fn choice<T: Copy>(
    of: u8,
    field: &Map<String, Json>,
    key: &str,
    choices: &[(&str, T)],
) -> Result<T, Failure> {
    let word = field.get(key).and_then(Json::as_str);
    let found = choices.iter().find(|choice| Some(choice.0) == word).map(|choice| choice.1);
    let names = || choices.iter().map(|choice| choice.0).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| wrong(&format!("field {of}: \"{key}\" is one of {}", names())))
}
