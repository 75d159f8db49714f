//! Tracks against `vectors/track_f2f.json`, row by row, and what an error in the bits may do.
use serde_json::Value;
use std::fs;
use symbolon_types::CoreRefusal;
use symbolon_wire::track::{Direction, Field, Track, TrackData, TrackError, decode, encode, lrc};

fn rows() -> Vec<Value> {
    let path = format!("{}/../../vectors/track_f2f.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{}: no {field}", row["id"]))
}

fn bits(text: &str) -> Vec<bool> {
    text.chars().map(|bit| bit == '1').collect()
}

fn as_text(bits: &[bool]) -> String {
    bits.iter().map(|&bit| if bit { '1' } else { '0' }).collect()
}

fn track(row: &Value) -> Track {
    Track::from_number(row["track"].as_u64().unwrap().try_into().unwrap()).unwrap()
}

#[test]
fn every_text_of_the_vectors_has_its_bits_and_its_lrc() {
    let mut seen = 0;
    for row in rows().iter().filter(|row| row["kind"] == "encode") {
        let zeros = |field: &str| row[field].as_u64().unwrap().try_into().unwrap();
        let data = TrackData::parse(track(row), text(row, "text")).unwrap();
        let found = encode(&data, zeros("leading_zeros"), zeros("trailing_zeros"));
        assert_eq!(as_text(found.reveal()), text(row, "bits"), "{}", row["id"]);
        assert_eq!(u64::from(lrc(&data)), row["lrc_value"].as_u64().unwrap(), "{}", row["id"]);
        let characters: Vec<&str> =
            row["characters"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        assert_eq!(as_text(encode(&data, 0, 0).reveal()), characters.concat(), "{}", row["id"]);
        let back = decode(track(row), found.reveal()).unwrap();
        assert_eq!((back.data, back.direction, back.inverted), (data, Direction::Forward, false));
        seen += 1;
    }
    assert_eq!(seen, 17);
}

#[test]
fn every_decode_row_with_bits_gives_its_text_in_its_direction() {
    let (mut seen, mut captured) = (0, 0);
    for row in rows() {
        let direction = if row["direction"] == "reverse" { Direction::Reverse } else { Direction::Forward };
        let check = |field: &str, inverted: bool| {
            let found = decode(track(&row), &bits(text(&row, field))).unwrap();
            assert_eq!(found.data.reveal(), text(&row, "text"), "{}", row["id"]);
            assert_eq!((found.direction, found.inverted), (direction, inverted), "{}", row["id"]);
        };
        if row["kind"] == "decode" && row["bits"].is_string() {
            check("bits", false);
            seen += 1;
        }
        if row["kind"] == "decode_captured" {
            check("bits_complemented", false);
            check("bits_as_captured", true);
            captured += 1;
        }
    }
    assert_eq!((seen, captured), (6, 1));
}

#[test]
fn every_refuse_row_is_refused_for_its_reason_in_both_directions() {
    let mut seen = 0;
    for row in rows().iter().filter(|row| row["kind"] == "refuse") {
        let expect = match row["first_failed_check"].as_str() {
            Some("parity") => CoreRefusal::Parity,
            Some("lrc") => CoreRefusal::Lrc,
            None => CoreRefusal::TrackInvalid,
            other => panic!("{other:?}"),
        };
        let mut bits = bits(text(row, "bits"));
        let refused = |bits: &[bool]| CoreRefusal::from(decode(track(row), bits).unwrap_err());
        assert_eq!(refused(&bits), expect, "{}", row["id"]);
        bits.reverse();
        decode(track(row), &bits).unwrap_err();
        seen += 1;
    }
    assert_eq!(seen, 18);
}

#[test]
fn every_row_is_of_a_kind_that_is_run() {
    let kinds = ["encode", "decode", "decode_captured", "refuse"];
    let count = |kind: &str| rows().iter().filter(|row| row["kind"] == kind).count();
    // Seven rows of kind decode have no bits: tests/f2f.rs.
    assert_eq!(kinds.map(count), [17, 13, 1, 18]);
    assert_eq!(rows().len(), 49);
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(end).unwrap()).unwrap()
    }

    /// Any text that a track can hold.
    fn data(&mut self, characters_max: usize) -> TrackData {
        let track = [Track::One, Track::Two, Track::Three][self.below(3)];
        let first = if track == Track::One { 0x20 } else { 0x30 };
        let codes = 1 << (track.character_bits() - 1);
        let length = 1 + self.below((track.characters_max() - 3).min(characters_max));
        let mut text = String::from(track.start());
        while text.len() <= length {
            let character = char::from(first + u8::try_from(self.below(codes)).unwrap());
            if character != track.start() && character != track.end() {
                text.push(character);
            }
        }
        text.push(track.end());
        TrackData::parse(track, &text).unwrap()
    }
}

/// What one error may do: a text that is read is the one that was written.
fn harmless(data: &TrackData, bits: &[bool]) -> bool {
    decode(data.track(), bits).is_ok_and(|found| found.data == *data)
}

#[test]
fn random_tracks_are_read_in_both_directions_and_polarities() {
    let mut chance = Chance(1);
    for _ in 0..3_000 {
        let data = chance.data(usize::MAX);
        let mut bits = encode(&data, 10, 10).reveal().clone();
        for inverted in [false, true] {
            for direction in [Direction::Forward, Direction::Reverse] {
                let found = decode(data.track(), &bits).unwrap();
                assert_eq!((found.direction, found.inverted), (direction, inverted));
                assert_eq!(found.data, data);
                bits.reverse();
            }
            bits.iter_mut().for_each(|bit| *bit = !*bit);
        }
    }
}

#[test]
fn every_single_error_in_a_track_is_found_and_none_beside_it_changes_the_text() {
    let mut chance = Chance(2);
    let (mut inside, mut beside, mut refused_beside) = (0_u32, 0_u32, 0_u32);
    for _ in 0..200 {
        let data = chance.data(usize::MAX);
        let mut bits = encode(&data, 24, 24).reveal().clone();
        for at in 0..bits.len() {
            bits[at] = !bits[at];
            let found = decode(data.track(), &bits);
            if (24..bits.len() - 24).contains(&at) {
                assert!(found.is_err(), "{} bits of track {:?}, bit {at}", bits.len(), data.track());
                inside += 1;
            } else {
                assert!(found.is_err() || harmless(&data, &bits));
                refused_beside += u32::from(found.is_err());
                beside += 1;
            }
            bits[at] = !bits[at];
        }
    }
    assert!(inside > 40_000 && beside == 200 * 48, "{inside} {beside}");
    assert!(refused_beside < beside * 6 / 10, "zeros far from the track may be wrong: {refused_beside}");
}

#[test]
fn no_two_errors_in_a_track_give_another_text() {
    let mut chance = Chance(3);
    let (mut tried, mut undetected) = (0_u32, 0_u32);
    for _ in 0..24 {
        let data = chance.data(40);
        let mut bits = encode(&data, 12, 12).reveal().clone();
        for one in 12..bits.len() - 12 {
            bits[one] = !bits[one];
            for two in one + 1..bits.len() - 12 {
                bits[two] = !bits[two];
                undetected += u32::from(decode(data.track(), &bits).is_ok());
                tried += 1;
                bits[two] = !bits[two];
            }
            bits[one] = !bits[one];
        }
    }
    assert!(tried > 150_000, "{tried}");
    assert_eq!(undetected, 0, "of {tried}");
}

/// Two characters with two wrong bits each, in the same columns: that is the least which parity and LRC let pass.
#[test]
fn four_errors_can_pass_and_the_grammar_has_to_find_them() {
    let data = TrackData::parse(Track::Two, ";4761739001010010=30121200012339900031?").unwrap();
    let mut bits = encode(&data, 0, 0).reveal().clone();
    for character in [1, 2] {
        for column in [0, 1] {
            let at = character * 5 + column;
            bits[at] = !bits[at];
        }
    }
    assert_eq!(decode(Track::Two, &bits).unwrap().data.reveal(), ";7461739001010010=30121200012339900031?");
}

/// All texts of one to four characters of track 2: no one of them reads as another backwards.
#[test]
fn no_short_text_is_ambiguous() {
    let characters = "0123456789:<=>";
    let mut texts = vec![String::new()];
    let mut seen = 0;
    for _ in 0..4 {
        texts =
            texts.iter().flat_map(|text| characters.chars().map(move |one| format!("{text}{one}"))).collect();
        for text in &texts {
            let data = TrackData::from_element(Track::Two, text).unwrap();
            let found = decode(Track::Two, encode(&data, 5, 5).reveal());
            assert_eq!(found.map(|found| found.data == data), Ok(true), "{text}");
            seen += 1;
        }
    }
    assert_eq!(seen, 14 + 14_u32.pow(2) + 14_u32.pow(3) + 14_u32.pow(4));
}

#[test]
fn noise_before_and_after_the_zeros_is_passed_over() {
    let data = TrackData::parse(Track::Two, ";4761739001010010=3012?").unwrap();
    let frame = as_text(encode(&data, 0, 0).reveal());
    let check = |before: &str, after: &str, expect: Result<(), TrackError>| {
        let found = decode(Track::Two, &bits(&format!("{before}{frame}{after}")));
        assert_eq!(found.map(|found| assert_eq!(found.data, data)), expect, "{before} {after}");
    };
    check("", "", Ok(()));
    check("10110000000000", "", Ok(()));
    check("10110000000000", "0000000001101", Ok(()));
    check("1011000", "0000000001101", Err(TrackError::Parity { at: 1 }));
    check("0000", "0001", Err(TrackError::Trailing));
    assert_eq!(decode(Track::Two, &[]), Err(TrackError::NoStart));
    assert_eq!(decode(Track::Two, &[true; 500]), Err(TrackError::NoStart));
    assert_eq!(decode(Track::Two, &bits(&frame[..frame.len() - 1])), Err(TrackError::NoEnd));
}

#[test]
fn nothing_of_a_track_is_shown_but_the_masked_number() {
    let mut chance = Chance(4);
    for _ in 0..2_000 {
        let pan: String =
            (0..16).map(|_| char::from(b'0' + u8::try_from(chance.below(10)).unwrap())).collect();
        let data =
            TrackData::parse(Track::One, &format!("%B{pan}^QUIXOTE/ALONSO^3012120{}?", &pan[..9])).unwrap();
        let found = decode(Track::One, encode(&data, 5, 5).reveal()).unwrap();
        let fields = data.fields().unwrap();
        assert_eq!(fields.field(Field::Pan), Some(pan.as_str()));
        let shown = format!("{data} {data:?} {found:?} {fields:?} {:?}", fields.service_code());
        let masked = format!("{}******{}", &pan[..6], &pan[12..]);
        assert_eq!(shown.matches(&masked).count(), 4, "{shown}");
        for hidden in [&pan[..7], &pan[11..], "QUIXOTE", "ALONSO", "3012", "120"] {
            assert!(!shown.replace(&masked, "").contains(hidden), "{shown}");
        }
    }
}
