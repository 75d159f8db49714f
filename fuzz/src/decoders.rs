//! Decoders of what comes from wires, cameras and disks.
use symbolon_keys::OcraSuite;
use symbolon_log::memory::{MemoryDisk, Unsynced};
use symbolon_log::{Disk, Log, Options};
use symbolon_machine::Submission;
use symbolon_offline_payment::messages::{Reply, Request, SealedCredential, Settlement, TrustUpdate};
use symbolon_state::frame::{self, Frame};
use symbolon_wire::apdu::{Chain, CommandApdu, Incoming, ResponseApdu};
use symbolon_wire::cbor::any::Item;
use symbolon_wire::cbor::{Cbor, from_slice, to_vec};
use symbolon_wire::{base45 as text45, parts};

/// Any CBOR: an item that is read is equal to itself, and no input hangs or panics.
pub fn cbor_any(data: &[u8]) {
    if let Ok(item) = Item::read(data) {
        assert_eq!(Item::read(data).as_ref(), Ok(&item));
    }
}

/// What one type reads it writes again to the bit: there is one form.
fn one_form<T: Cbor>(data: &[u8]) {
    if let Ok(value) = from_slice::<T>(data) {
        assert_eq!(to_vec(&value), data, "a message has one form");
        assert!(Item::read(data).is_ok(), "strict CBOR is CBOR");
    }
}

/// Messages without a signature.
pub fn cbor_strict(data: &[u8]) {
    one_form::<Request>(data);
    one_form::<Reply>(data);
    one_form::<SealedCredential>(data);
    one_form::<Settlement>(data);
    one_form::<TrustUpdate>(data);
}

/// Command and response APDUs (ISO/IEC 7816-4 §5): decoded, encoded, decoded they are the same.
pub fn apdu(data: &[u8]) {
    if let Ok(command) = CommandApdu::decode(data) {
        let bytes = command.encode().expect("what was read can be written");
        assert_eq!(CommandApdu::decode(&bytes), Ok(command));
    }
    if let Ok(response) = ResponseApdu::decode(data) {
        assert_eq!(response.encode().as_deref(), Ok(data));
    }
}

/// Chained commands and responses in pieces: the input is cut by its own length bytes.
pub fn apdu_chain(data: &[u8]) {
    let (mut chain, mut incoming) = (Chain::new(), Incoming::new(0));
    let mut rest = data;
    while let Some((&length, after)) = rest.split_first() {
        let (piece, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        if let Ok(link) = CommandApdu::decode(piece) {
            let _ = chain.push(link);
        }
        if let Ok(response) = ResponseApdu::decode(piece) {
            let _ = incoming.push(response);
        }
    }
}

/// Base45 (RFC 9285): a text that is read is the one that would be written.
pub fn base45(data: &[u8]) {
    if let Some(bytes) = std::str::from_utf8(data).ok().and_then(|text| text45::decode(text).ok()) {
        assert_eq!(text45::encode(&bytes).as_bytes(), data);
    }
    assert_eq!(text45::decode(&text45::encode(data)).as_deref(), Ok(data));
}

/// Symbols of a message that does not fit one, in any order, some not of it.
pub fn qr_parts(data: &[u8]) {
    let mut assembler = parts::Assembler::new();
    for line in String::from_utf8_lossy(data).split('\n') {
        let _ = assembler.accept(line);
        let (have, of) = assembler.progress();
        assert!(have <= of || of == 0);
    }
    if let Ok(texts) = parts::split(data) {
        let mut assembler = parts::Assembler::new();
        let last = texts.iter().rev().filter_map(|text| assembler.accept(text).ok().flatten()).last();
        assert_eq!(last.as_deref(), Some(data), "what is split is put together");
    }
}

/// Records of flash and log: one that is read was framed so.
pub fn frame(data: &[u8]) {
    if let Frame::Record { payload, size } = frame::read(data) {
        let mut again = Vec::new();
        frame::append(&mut again, payload).expect("what was read can be framed");
        assert_eq!(again.as_slice(), &data[..size]);
    }
}

/// OCRA suites (RFC 6287 §6): one that is read has the text that it was read from.
pub fn ocra_suite(data: &[u8]) {
    if let Some(suite) = std::str::from_utf8(data).ok().and_then(|text| OcraSuite::parse(text).ok()) {
        assert!(OcraSuite::parse(suite.text()).is_ok());
    }
}

/// Records of the log: a command that is read is written as it was, so a replay of a copy is a replay.
pub fn commands(data: &[u8]) {
    if let Ok(command) = Submission::from_record(data) {
        assert_eq!(command.record(), data);
    }
}

/// A log whose file holds the input, as a torn write or a dying disk leaves it: it opens or refuses, never panics, and what it opens to it opens to again.
pub fn log(data: &[u8]) {
    let options = Options { segment_bytes: 64 * 1024, ..Options::default() };
    let disk = MemoryDisk::default();
    {
        let (mut log, _) = Log::open(disk.clone(), options).expect("a new log");
        log.append(1, &[b"one", b"two"]).expect("room");
    }
    disk.restart(Unsynced::Kept);
    let (&place, rest) = data.split_first().unwrap_or((&0, &[]));
    let names = disk.names();
    if let Some(name) = names.get(usize::from(place) % names.len().max(1))
        && let Ok(file) = disk.open(name)
    {
        let (offset, bytes) = rest.split_at(rest.len().min(2));
        let offset = offset.iter().fold(0, |sum, byte| sum * 256 + u64::from(*byte));
        let _ = disk.write_at(&file, offset, bytes);
        let _ = disk.sync(&file);
    }
    let open = || Log::open(disk.clone(), options).map(|(log, opened)| (log.head(), opened.first_sequence));
    if let Ok(first) = open() {
        assert_eq!(open().ok(), Some(first), "opening changes nothing that opening reads");
    }
}
