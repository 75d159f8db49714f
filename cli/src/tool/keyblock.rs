//! `symbolon tool keyblock`: key blocks of X9.143, TR-31 and ISO 20038, opened and made in `core/keys`.
//!
//! **Invariant:** the answer alone shows a key; a refusal names the field of the block, never its text.
use super::flags::{Flags, wrong};
use super::no_verb;
use crate::report::{Failure, Outcome, Report};
use serde_json::{Value, json};
use symbolon_keys::keyblock::{
    Deprecated, Header, KeyBlockError, Version, masked_len, padding_len, unwrap, wrap,
};
use symbolon_keys::usage::{Key, KeyAlgorithm, KeyEncryption};
use symbolon_types::{CoreRefusal, Secret, hex_upper};

/// `symbolon tool keyblock --help`.
pub const HELP: &str = "\
symbolon tool keyblock unwrap --kbpk HEX --block TEXT
    checks the MAC of a block of any version, and shows its header, its optional blocks and its key, also of one that wrap would refuse to make
symbolon tool keyblock wrap --kbpk HEX --header TEXT --key HEX [--pad HEX] [--legacy]
    makes the block of a key; what X9.143 does not allow is refused
  --kbpk     the key block protection key: 16 or 24 bytes (triple DES) for versions A, B and C; 16, 24 or 32 (AES) for D and E
  --header   the 16 characters and the optional blocks of the block to be made; its length (0000 will do) and its padding block are made anew
  --pad      the random bytes after the key. Left out, they are drawn: as many as hide how long the key is, in version E none
  --legacy   versions A and C, which are deprecated, may be made
Keys come best from @FILE or -.

  D 0000 P0 A E 00 E 00 00  is  version, length, usage, algorithm, mode, key version, exportability, number of optional blocks, 00

$ symbolon tool keyblock wrap --kbpk E78E5CD51122F74E98F202008DC28B91 --header D0000P0AE00E0000 \\
    --key 997D9DCE777A48A331600ABFFC9CF084 --pad 9EC6CB6D71D2187C7A18D2A58B37
D0112P0AE00E0000B24263B306CF95613C16958B773D158DD9DE49E9E78987C5CA0B27632007C3E23027AA565ED15A38230CC1EBD82E74B5
";

/// Runs a verb.
pub fn run(verb: &str, flags: Flags) -> Outcome {
    match verb {
        "unwrap" => opened(flags),
        "wrap" => made(flags),
        _ => Err(no_verb("keyblock", "unwrap, wrap")),
    }
}

/// A refusal, with the field and its place where there is one.
fn refused(error: KeyBlockError) -> Failure {
    let more = match error {
        KeyBlockError::Malformed { field, offset } => json!({ "field": field, "offset": offset }),
        _ => json!({}),
    };
    Failure::Refused { refused: CoreRefusal::from(error).refused(), more }
}

/// The protection key of a version, by its length.
fn protection_key(version: Version, bytes: &Secret<Vec<u8>>) -> Result<Key<KeyEncryption>, Failure> {
    let aes = matches!(version, Version::D | Version::E);
    let algorithm = match (aes, bytes.reveal().len()) {
        (false, 16) => KeyAlgorithm::Tdes2,
        (false, 24) => KeyAlgorithm::Tdes3,
        (true, 16) => KeyAlgorithm::Aes128,
        (true, 24) => KeyAlgorithm::Aes192,
        (true, 32) => KeyAlgorithm::Aes256,
        _ => return Err(refused(KeyBlockError::ProtectionKey)),
    };
    Key::new(algorithm, bytes.reveal()).map_err(|_| refused(KeyBlockError::ProtectionKey))
}

fn opened(mut flags: Flags) -> Outcome {
    let bytes = flags.required_bytes("kbpk")?;
    let block = flags.required_text("block")?;
    flags.end()?;
    let block = block.reveal().as_bytes();
    let version = Header::read(block).map_err(refused)?.header.version;
    let opened = unwrap(&protection_key(version, &bytes)?, block).map_err(refused)?;
    let (header, key) = (&opened.header, hex_upper(opened.key.reveal()));
    let version = version.letter();
    let exportability = header.exportability.letter();
    let Header { usage, algorithm, mode, key_version, .. } = header;
    let optional: Vec<Value> = header.optional.iter().map(|block| json!([block.id, block.data])).collect();
    let mut text = format!(
        "version {version}, usage {usage}, algorithm {algorithm}, mode {mode}, key version {key_version}, exportability {exportability}\n"
    );
    header
        .optional
        .iter()
        .for_each(|block| text.push_str(&format!("optional {} {}\n", block.id, block.data)));
    text.push_str(&format!("key {key}"));
    let json = json!({
        "version": version, "usage": usage, "algorithm": algorithm, "mode": mode, "key_version": key_version,
        "exportability": exportability, "optional": optional, "key": key,
    });
    Ok(Report { json, text })
}

fn made(mut flags: Flags) -> Outcome {
    let bytes = flags.required_bytes("kbpk")?;
    // An optional block may end with a space.
    let text = flags.line("header")?.ok_or_else(|| wrong("header", "is missing"))?;
    let key = flags.required_bytes("key")?;
    let pad = flags.bytes("pad")?;
    let deprecated = if flags.switch("legacy") { Deprecated::Allow } else { Deprecated::Refuse };
    flags.end()?;
    let read = Header::read(text.reveal().as_bytes()).map_err(refused)?;
    if read.header_len != text.reveal().len() {
        return Err(refused(KeyBlockError::Malformed {
            field: "end of the header",
            offset: read.header_len,
        }));
    }
    let (header, key) = (&read.header, key.reveal());
    let pad = match pad {
        Some(pad) => pad,
        None => drawn(header, key.len())?,
    };
    let protection_key = protection_key(header.version, &bytes)?;
    let block =
        wrap(&protection_key, header, key, pad.reveal(), deprecated).map_err(|error| match error {
            KeyBlockError::Deprecated => wrong("legacy", "is missing: versions A and C are deprecated"),
            error => refused(error),
        })?;
    Ok(Report { json: json!({ "block": block }), text: block })
}

/// Padding from the operating system. ISO 20038 has none; the other versions hide the key's length among those of its algorithm.
fn drawn(header: &Header<'_>, key_len: usize) -> Result<Secret<Vec<u8>>, Failure> {
    let masked = if header.version == Version::E { 0 } else { masked_len(header.algorithm) };
    let mut pad = vec![0; padding_len(header.version, key_len, masked)];
    getrandom::fill(&mut pad).map_err(|_| CoreRefusal::Unavailable.refused())?;
    Ok(Secret::new(pad))
}
