//! `symbolon tool pinblock`: PIN blocks of ISO 9564-1 formats 0 to 4, clear or under a key, made and read in `core/keys`.
//!
//! **Invariant:** what is wrong with a block, a PIN or an account number is one refusal; the answer alone shows a PIN.
use super::flags::{Flags, wrong};
use super::no_verb;
use crate::report::{Failure, Outcome, Report};
use serde_json::json;
use symbolon_keys::pinblock::{
    Fill, Format, Pin, PinBlockError, account_field, decipher, decode, encipher, encode, key_algorithm,
};
use symbolon_keys::usage::{self, Key};
use symbolon_types::{CoreRefusal, Secret, hex_upper};

/// `symbolon tool pinblock --help`.
pub const HELP: &str = "\
symbolon tool pinblock encode --format N --pin P --pan PAN [--key HEX] [--fill NIBBLES]
    the block that carries a PIN; --random is another name of --fill
symbolon tool pinblock decode --format N --block HEX --pan PAN [--key HEX]
    the PIN that a block carries
  --format   0, 3 and 4 are bound to the account number; 1 is for where it is not known, 2 for a card's own check (ISO 9564-1)
  --pan      the whole account number with its check digit: 13 to 19 digits for formats 0 and 3, 1 to 19 for 4; 1 and 2 do not look at it
  --key      the PIN key: 16 or 24 bytes (triple DES) for formats 0 to 3, 16, 24 or 32 (AES) for 4. Formats 0 to 3 are clear without it
  --fill     hexadecimal digits after the PIN: for 1 any, for 3 A to F, as many as make 14 with the PIN; for 4 sixteen. Left out, they are random
PINs, account numbers and keys come best from @FILE or -.

$ symbolon tool pinblock encode --format 0 --pin 1234 --pan 5555555551234567
041261AAAAEDCBA9
$ symbolon tool pinblock decode --format 4 --key C1D0F8FB4958670DBA40AB1F3752EF0D --block CC17F65586BFD0953010226C4FC5B3CA --pan 432198765432109870
1234
";

/// Runs a verb.
pub fn run(verb: &str, flags: Flags) -> Outcome {
    match verb {
        "encode" => made(flags),
        "decode" => read(flags),
        _ => Err(no_verb("pinblock", "encode, decode")),
    }
}

const FORMATS: [(&str, Format); 5] =
    [("0", Format::Zero), ("1", Format::One), ("2", Format::Two), ("3", Format::Three), ("4", Format::Four)];

fn refused(error: PinBlockError) -> Failure {
    CoreRefusal::from(error).refused().into()
}

/// What both verbs take: the format, the account number (empty where the format does not bind one), and the key's bytes.
struct Common {
    format: Format,
    pan: Secret<String>,
    key: Option<Secret<Vec<u8>>>,
}

impl Common {
    fn take(flags: &mut Flags) -> Result<Self, Failure> {
        let format = flags.choice("format", &FORMATS)?.ok_or_else(|| wrong("format", "is missing"))?;
        let pan = flags.text("pan")?;
        if pan.is_none() && format.binds_account() {
            return Err(wrong("pan", "is missing"));
        }
        let pan = pan.unwrap_or_else(|| Secret::new(String::new()));
        Ok(Self { format, pan, key: flags.bytes("key")? })
    }

    /// The key, if one was given. Format 4 is nothing without.
    fn key(&self) -> Result<Option<Key<usage::Pin>>, Failure> {
        let Some(bytes) = &self.key else {
            return if self.format == Format::Four { Err(wrong("key", "is missing")) } else { Ok(None) };
        };
        let algorithm = key_algorithm(self.format, bytes.reveal().len());
        let key = algorithm.and_then(|algorithm| Key::new(algorithm, bytes.reveal()).ok());
        key.map(Some).ok_or_else(|| refused(PinBlockError::Key))
    }
}

fn made(mut flags: Flags) -> Outcome {
    let common = Common::take(&mut flags)?;
    let pin = flags.required_text("pin")?;
    let fill = match (flags.text("fill")?, flags.text("random")?) {
        (Some(_), Some(_)) => return Err(wrong("random", "is --fill, which was given")),
        (fill, random) => fill.or(random),
    };
    flags.end()?;
    let given = fill.map(|text| {
        Fill::parse(text.reveal()).ok_or_else(|| wrong("fill", "not up to 16 hexadecimal digits"))
    });
    let pin = Pin::parse(pin.reveal()).map_err(refused)?;
    let (format, pan) = (common.format, common.pan.reveal());
    if format == Format::Four {
        account_field(pan).map_err(refused)?;
    }
    let fill = given.transpose()?.map_or_else(|| drawn(format, &pin), Ok)?;
    let block = match common.key()? {
        Some(key) => encipher(format, &key, &pin, pan, &fill).map(|block| hex_upper(&block)),
        None => encode(format, &pin, pan, &fill).map(|block| hex_upper(block.reveal())),
    };
    let block = block.map_err(refused)?;
    Ok(Report { json: json!({ "block": block }), text: block })
}

/// A fill from the operating system.
fn drawn(format: Format, pin: &Pin) -> Result<Fill, Failure> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|_| CoreRefusal::Unavailable.refused())?;
    Ok(Fill::drawn(format, pin, &random))
}

fn read(mut flags: Flags) -> Outcome {
    let common = Common::take(&mut flags)?;
    let block = flags.required_bytes("block")?;
    flags.end()?;
    let (format, pan, block) = (common.format, common.pan.reveal(), block.reveal());
    let pin = match common.key()? {
        Some(key) => decipher(format, &key, block, pan),
        None => decode(format, block, pan),
    };
    let pin = pin.map_err(refused)?.reveal();
    Ok(Report { json: json!({ "pin": pin.reveal() }), text: pin.reveal().clone() })
}
