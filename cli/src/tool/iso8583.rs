//! `symbolon tool iso8583`: messages between acquirers and issuers (ISO 8583:1987, ISO 8583:1993), read and made in `core/wire`.
//!
//! **Invariant:** account data is masked unless `--reveal` was said; no error repeats a value.
pub mod dialect;

use super::flags::{Flags, wrong};
use super::{json, no_verb, refused_at};
use crate::args;
use crate::report::{Failure, Outcome, Report};
use dialect::Named;
use serde_json::{Map, Value as Json};
use std::fmt::Write;
use symbolon_types::{CoreRefusal, hex_parse, hex_upper};
use symbolon_wire::iso8583::{Dialect, Head, Iso8583Error, Kind, Message, Mti, Places, Value};

/// `symbolon tool iso8583 --help`.
pub const HELP: &str = "\
symbolon tool iso8583 decode --dialect D --hex HEX [--reveal]
    reads a message: its type, its bitmaps, each field by its number
      --reveal   shows account data, which is masked otherwise: of the account number (field 2) the first six and the last four digits are seen
symbolon tool iso8583 encode --dialect D FILE.json [--reveal]
    makes a message from {\"mti\",\"fields\"}, as decode --reveal --json answers it; \"bitmap\" may be there and must then be right; - is standard input
A dialect says how long each field is and how it is written:
    1987-ascii, 1987-binary, 1987-ebcdic, 1993-ascii, 1993-binary, or a JSON file (docs/tool/iso8583.md says which)
Fields that hold bytes (type b) are hexadecimal in JSON.

$ echo '{\"mti\":\"0200\",\"fields\":{\"2\":\"4111111111111111\",\"41\":\"TERM0001\"}}' | symbolon tool iso8583 encode --dialect 1987-binary -
020040000000008000001641111111111111115445524D30303031
$ symbolon tool iso8583 decode --dialect 1987-binary --hex 020040000000008000001641111111111111115445524D30303031
0200 4000000000800000
  2 411111******1111                         primary account number
 41 TERM0001                                 card acceptor terminal identification
";

/// Runs a verb.
pub fn run(verb: &str, flags: Flags) -> Outcome {
    match verb {
        "decode" => decode(flags),
        "encode" => encode(flags),
        _ => Err(no_verb("iso8583", "decode, encode")),
    }
}

fn wrong_message(error: Iso8583Error) -> Failure {
    refused_at(CoreRefusal::from(error), &error.to_string())
}

fn decode(mut flags: Flags) -> Outcome {
    let dialect = Named::read(&mut flags)?;
    let bytes = flags.required_bytes("hex")?;
    let reveal = flags.switch("reveal");
    flags.end()?;
    let mut places = Places::new();
    let message = dialect.dialect.decode(bytes.reveal(), &mut places).map_err(wrong_message)?;
    Ok(shown(&dialect, &message, reveal))
}

fn shown(dialect: &Named, message: &Message<'_>, reveal: bool) -> Report {
    let mut fields = Map::new();
    let mut text = format!("{} {}\n", message.mti(), message.bitmap_hex());
    for field in message.fields() {
        let number = field.number();
        let value = if reveal { field.text() } else { message.masked(number).unwrap_or_default() };
        let name = dialect.field_name(number).unwrap_or_default();
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{}", format!("{number:3} {value:40} {name}").trim_end());
        fields.insert(number.to_string(), value.into());
    }
    let json = json!({ "mti": message.mti().to_string(), "bitmap": message.bitmap_hex(), "fields": fields });
    Report { json, text }
}

fn encode(mut flags: Flags) -> Outcome {
    let dialect = Named::read(&mut flags)?;
    let path = flags.word().ok_or_else(|| misuse("which file holds the fields?"))?;
    let reveal = flags.switch("reveal");
    flags.end()?;
    let bytes = args::file_of("file", path.strip_prefix('@').unwrap_or(&path))?;
    let wanted = Wanted::read(&bytes, &dialect.dialect)?;
    let out = wanted.encode(&dialect.dialect)?;
    let mut places = Places::new();
    let message = dialect.dialect.decode(&out, &mut places).map_err(wrong_message)?;
    let text = hex_upper(&out);
    let mut json = shown(&dialect, &message, reveal).json;
    json["hex"] = Json::from(text.as_str());
    Ok(Report { json, text })
}

fn misuse(why: &str) -> Failure {
    Failure::Misuse(format!("tool iso8583: {why}"))
}

/// What a file asks for: the fields in rising order, as characters or bytes.
struct Wanted {
    mti: Mti,
    /// Upper-case, as it is sent.
    bitmap: Option<String>,
    fields: Vec<(u8, Vec<u8>)>,
}

impl Wanted {
    fn read(bytes: &[u8], dialect: &Dialect) -> Result<Self, Failure> {
        let json = json::parsed(bytes).map_err(misuse)?;
        let known = |key: &String| matches!(key.as_str(), "mti" | "bitmap" | "fields");
        let object = json.as_object().filter(|object| object.keys().all(known));
        let object = object
            .ok_or_else(|| misuse("the file is not {\"mti\",\"fields\"}, with or without \"bitmap\""))?;
        let text = |name: &str| {
            object
                .get(name)
                .map(|value| value.as_str().ok_or_else(|| misuse(&format!("\"{name}\" is not a text"))))
        };
        let mti = text("mti").ok_or_else(|| misuse("\"mti\" is missing"))??;
        let mti = mti.as_bytes().try_into().ok().and_then(Mti::parse);
        let mti = mti.ok_or_else(|| wrong_message(Iso8583Error::MessageType))?;
        let bitmap = text("bitmap").transpose()?.map(str::to_uppercase);
        let fields = object.get("fields").ok_or_else(|| misuse("\"fields\" is missing"))?;
        let fields = fields.as_object().ok_or_else(|| misuse("\"fields\" is no object"))?;
        let mut fields =
            fields.iter().map(|(key, value)| field(dialect, key, value)).collect::<Result<Vec<_>, _>>()?;
        fields.sort_by_key(|field| field.0);
        Ok(Self { mti, bitmap, fields })
    }

    fn encode(&self, dialect: &Dialect) -> Result<Vec<u8>, Failure> {
        let fields: Vec<(u8, Value<'_>)> =
            self.fields.iter().map(|field| (field.0, field.1.as_slice().into())).collect();
        // As many bitmaps as are given: the last may be empty.
        let bitmaps_min = match self.bitmap.as_ref().map(String::len) {
            Some(48) => 3,
            Some(32) => 2,
            _ => 1,
        };
        let mut out = Vec::new();
        dialect.encode(Head { mti: self.mti, bitmaps_min }, &fields, &mut out).map_err(wrong_message)?;
        let mut places = Places::new();
        let message = dialect.decode(&out, &mut places).map_err(wrong_message)?;
        if self.bitmap.as_ref().is_some_and(|bitmap| *bitmap != message.bitmap_hex()) {
            return Err(refused_at(CoreRefusal::Malformed, "the bitmap given is not that of the fields"));
        }
        Ok(out)
    }
}

fn field(dialect: &Dialect, key: &str, value: &Json) -> Result<(u8, Vec<u8>), Failure> {
    let plain = !key.starts_with('0') && !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    if !plain {
        return Err(misuse("a key of \"fields\" is not a field's number"));
    }
    let unknown = || refused_at(CoreRefusal::FieldUnknown, "the dialect has no field of such a number");
    let number: u8 = key.parse().map_err(|_| unknown())?;
    let value = value.as_str().ok_or_else(|| misuse(&format!("field {number} is not a text")))?;
    let spec = dialect.spec(number).ok_or_else(|| wrong_message(Iso8583Error::Unknown { field: number }))?;
    if spec.kind != Kind::Binary {
        return Ok((number, value.as_bytes().to_vec()));
    }
    let hex = || {
        refused_at(CoreRefusal::FieldInvalid, &format!("field {number} holds bytes and is not hexadecimal"))
    };
    Ok((number, hex_parse(value).ok_or_else(hex)?))
}

/// That a dialect's file is not understood.
fn wrong_dialect(why: &str) -> Failure {
    wrong("dialect", why)
}
