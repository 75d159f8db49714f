//! Magnetic tracks: bits from a head, texts, and times between flux reversals.
use symbolon_wire::f2f;
use symbolon_wire::track::{Track, TrackData, decode, encode};

/// The track that the first byte names, and what follows it.
fn split(data: &[u8]) -> Option<(Track, &[u8])> {
    let (&first, rest) = data.split_first()?;
    Some((Track::from_number(first % 3 + 1)?, rest))
}

/// The bits of the bytes, the highest first.
fn bits(data: &[u8]) -> Vec<bool> {
    data.iter().flat_map(|byte| (0..8).rev().map(move |place| byte >> place & 1 == 1)).collect()
}

/// ISO/IEC 7811 bits: a text that is read is written as bits that are read, and the same backwards.
pub fn track_bits(data: &[u8]) {
    let Some((track, rest)) = split(data) else { return };
    let mut bits = bits(rest);
    let found = decode(track, &bits);
    bits.reverse();
    let turned = decode(track, &bits);
    assert_eq!(found.as_ref().ok().map(|found| &found.data), turned.as_ref().ok().map(|found| &found.data));
    if let Ok(found) = found {
        round(&found.data);
    }
}

fn round(data: &TrackData) {
    let bits = encode(data, 9, 9);
    assert!(
        decode(data.track(), bits.reveal()).is_ok_and(|found| found.data == *data),
        "what is written is read"
    );
    let _ = data.fields();
}

/// ISO/IEC 7813 and 4909 texts, with sentinels and as data elements: what is taken is written and read; fields are parts of the text.
pub fn track_text(data: &[u8]) {
    let Some((track, text)) =
        split(data).and_then(|(track, rest)| Some((track, std::str::from_utf8(rest).ok()?)))
    else {
        return;
    };
    for data in [TrackData::parse(track, text), TrackData::from_element(track, text)].into_iter().flatten() {
        round(&data);
        assert_eq!(TrackData::from_element(track, data.element()), Ok(data.clone()));
        let (fields, _) = data.fields_read();
        assert!(fields.iter().all(|(_, value)| data.element().contains(value)));
    }
}

/// Reversals: bytes as times that are read or refused; as bits behind zeros they are levels and even times, and come back.
pub fn f2f(data: &[u8]) {
    let Some((track, rest)) = split(data) else { return };
    let times: Vec<u32> = rest.iter().map(|&byte| u32::from(byte) * u32::from(byte)).collect();
    if let Ok(found) = f2f::read(track, &times) {
        round(&found.data);
    }
    let bits = [&[false; f2f::SYNC_CELLS][..], &bits(rest)].concat();
    let levels = f2f::levels(&bits, rest.len() % 2 == 1);
    assert_eq!(f2f::from_levels(levels.reveal()).map(|found| *found.reveal() == bits), Ok(true));
    let even = f2f::intervals(&bits, 16 + u32::try_from(rest.len() % 500).unwrap_or(0));
    if even.reveal().len() <= f2f::INTERVALS_MAX {
        assert_eq!(f2f::decode(even.reveal()).map(|found| *found.reveal() == bits), Ok(true));
    }
    let _ = f2f::from_levels(&bits);
}
