//! Seeds: published vectors, the golden log, and small inputs by hand.
use crate::dukpt;
use std::fs;
use std::path::{Path, PathBuf};
use symbolon_log::memory::MemoryDisk;
use symbolon_log::{Disk, History, Reading};
use symbolon_wire::{base45, parts};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every hexadecimal string of these fields in a file of vectors.
fn vectors(file: &str, fields: &[&str]) -> Vec<Vec<u8>> {
    let bytes = |text: Vec<u8>| symbolon_types::hex_parse(std::str::from_utf8(&text).ok()?);
    texts(file, fields).into_iter().filter_map(bytes).collect()
}

/// Track number and a text field of each row of `track_f2f.json` that has it.
fn tracks(field: &str) -> Vec<(u8, String)> {
    let text = fs::read_to_string(root().join("vectors/track_f2f.json")).unwrap_or_default();
    let parsed: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let rows = parsed["vectors"].as_array().cloned().unwrap_or_default();
    let track = |row: &serde_json::Value| row["track"].as_u64().and_then(|track| u8::try_from(track).ok());
    rows.iter().filter_map(|row| Some((track(row)?, row[field].as_str()?.to_owned()))).collect()
}

/// An input of a target of tracks: the first byte says which.
fn named(track: u8, rest: &[u8]) -> Vec<u8> {
    [&[track.saturating_sub(1)], rest].concat()
}

/// Eight bits a byte, the first one highest, the last byte filled with zeros.
fn packed(bits: &str) -> Vec<u8> {
    let byte = |eight: &[u8]| (0..8).fold(0, |byte, at| byte << 1 | u8::from(eight.get(at) == Some(&b'1')));
    bits.as_bytes().chunks(8).map(byte).collect()
}

/// These fields of a file of vectors, as the texts that they are.
fn texts(file: &str, fields: &[&str]) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(root().join("vectors").join(file)).unwrap_or_default();
    let parsed: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let rows = parsed["vectors"].as_array().cloned().unwrap_or_default();
    let field =
        |row: &serde_json::Value, field: &str| row[field].as_str().map(|text| text.as_bytes().to_vec());
    rows.iter().flat_map(|row| fields.iter().filter_map(move |name| field(row, name))).collect()
}

/// The records of the golden log: commands as they lie there. Read from a copy in memory, since reading takes a lock.
fn golden() -> Option<Vec<Vec<u8>>> {
    let disk = MemoryDisk::default();
    for entry in fs::read_dir(root().join("node/machine/tests/golden/v1/log")).ok()?.flatten() {
        let file = disk.create(entry.file_name().to_str()?).ok()?;
        disk.write_at(&file, 0, &fs::read(entry.path()).ok()?).ok()?;
    }
    let reading = Reading::open(disk).ok()?;
    let mut records = Vec::new();
    for batch in reading.batches().ok()? {
        records.extend(batch.ok()?.records().map(|(_, record)| record.to_vec()));
    }
    Some(records)
}

/// The seeds of a target; of one that is not known, one empty input.
#[must_use]
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let by_hand: Vec<Vec<u8>> = match target {
        "cbor-any" => vectors("cose_cwt.json", &["cbor", "payload"]),
        "cose" => vectors("cose_cwt.json", &["cbor"]),
        "apdu" | "apdu-chain" => vec![
            vec![0x00, 0xA4, 0x04, 0x00, 0x05, 0xF0, 0x01, 0x02, 0x03, 0x04, 0x00],
            vec![0x10, 0xB0, 0x00, 0x00, 0x02, 0xAA, 0xBB],
            vec![0x00, 0xC0, 0x00, 0x00, 0x00],
            vec![0x90, 0x00],
            vec![0x00, 0xD6, 0x00, 0x00, 0x00, 0x01, 0x00, 0x55],
        ],
        "base45" => [b"QR".as_slice(), b"", b"The quick brown fox"]
            .map(|bytes| base45::encode(bytes).into_bytes())
            .into(),
        "qr-parts" => {
            let texts = parts::split(&[0xC3; 3000]).unwrap_or_default();
            vec![texts.join("\n").into_bytes(), b"short".to_vec()]
        }
        "frame" => {
            let mut framed = Vec::new();
            let _ = symbolon_state::frame::append(&mut framed, b"a record");
            vec![framed]
        }
        "ocra-suite" => vec![
            b"OCRA-1:HOTP-SHA512-8:C-QN08-PSHA1-S064-T1M".to_vec(),
            b"OCRA-1:HOTP-SHA256-8:C-QH64".to_vec(),
        ],
        "track-bits" => {
            tracks("bits").into_iter().map(|(track, bits)| named(track, &packed(&bits))).collect()
        }
        "track-text" => {
            tracks("text").into_iter().map(|(track, text)| named(track, text.as_bytes())).collect()
        }
        // Times are squares of bytes: 10 and 7 are a cell and nearly half of one.
        "f2f" => tracks("bits")
            .into_iter()
            .map(|(track, bits)| {
                let times = bits.bytes().flat_map(|bit| if bit == b'1' { vec![7, 7] } else { vec![10] });
                named(track, &times.collect::<Vec<u8>>())
            })
            .collect(),
        "keyblock-header" => texts("keyblock.json", &["text", "header_text", "canonical"]),
        "keyblock-unwrap" => texts("keyblock.json", &["block"]),
        // An account number of sixteen digits; the first block is one of format 0 that is bound to it.
        "pinblock-decode" => [vec![0x04, 0x12, 0x23, 0xC6, 0xFF, 0xEF, 0xEF, 0xFE]]
            .into_iter()
            .chain(vectors("pinblock.json", &["block", "pin_field"]))
            .map(|block| [&[16], block.as_slice()].concat())
            .collect(),
        "tlv" => vectors("emv_tlv.json", &["hex", "tlv"]),
        "dol" => vectors("emv_tlv.json", &["hex", "dol", "cvm_list"]),
        "qr-mpm" => texts("emv_tlv.json", &["text", "mpm"]),
        "qr-cpm" => [texts("emv_tlv.json", &["qr"]), vectors("emv_tlv.json", &["tlv"])].concat(),
        "dukpt-aes-ksn" => dukpt::aes_ksn_seeds(),
        "dukpt-aes-terminal" => dukpt::aes_terminal_seeds(),
        "dukpt-tdes-ksn" => dukpt::tdes_ksn_seeds(),
        "dukpt-tdes-terminal" => dukpt::tdes_terminal_seeds(),
        "iso8583-decode" => vectors("iso8583.json", &["hex"]),
        "iso8583-dialect" => crate::iso8583::dialect_seeds(),
        "commands" => golden().unwrap_or_default(),
        "log" => vec![vec![0, 16, 0, 1, 2, 3], vec![1, 0, 0, 255], vec![2, 16, 8, 7, 7, 7, 7]],
        "world" => (0..4_u8)
            .map(|seed| (0..90).map(|at: u8| at.wrapping_mul(37).wrapping_add(seed)).collect())
            .collect(),
        _ => Vec::new(),
    };
    if by_hand.is_empty() { vec![Vec::new()] } else { by_hand }
}
