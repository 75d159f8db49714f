//! F2F against the rows of `vectors/track_f2f.json` that have levels or intervals, and against swipes that a hand might make.
use serde_json::Value;
use std::fs;
use symbolon_wire::f2f;
use symbolon_wire::track::{Direction, Track, TrackData, TrackError, encode};

fn rows() -> Vec<Value> {
    let path = format!("{}/../../vectors/track_f2f.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn bits(row: &Value, field: &str) -> Vec<bool> {
    row[field].as_str().unwrap().chars().map(|bit| bit == '1').collect()
}

fn track(row: &Value) -> Track {
    Track::from_number(row["track"].as_u64().unwrap().try_into().unwrap()).unwrap()
}

#[test]
fn every_encode_row_has_its_levels_and_they_give_its_bits() {
    let mut seen = 0;
    for row in rows().iter().filter(|row| row["kind"] == "encode") {
        let (bits, expect) = (bits(row, "bits"), bits(row, "levels"));
        let found = f2f::levels(&bits, row["initial_level"] == 1);
        assert_eq!(found.reveal(), &expect, "{}", row["id"]);
        assert_eq!(f2f::from_levels(&expect).unwrap().reveal(), &bits, "{}", row["id"]);
        let intervals = f2f::level_intervals(&expect);
        assert_eq!(intervals.reveal(), f2f::intervals(&bits, 2).reveal(), "{}", row["id"]);
        assert_eq!(f2f::decode(intervals.reveal()).unwrap().reveal(), &bits, "{}", row["id"]);
        seen += 1;
    }
    assert_eq!(seen, 17);
}

#[test]
fn every_row_of_half_cells_and_of_intervals_gives_its_text() {
    let (mut half_cells, mut intervals) = (0, 0);
    for row in rows().iter().filter(|row| row["kind"] == "decode") {
        let field = match (&row["half_cells"], &row["intervals_us"]) {
            (Value::Array(list), Value::Null) => {
                half_cells += 1;
                list
            }
            (Value::Null, Value::Array(list)) => {
                intervals += 1;
                list
            }
            _ => continue,
        };
        let mut list: Vec<u32> = field.iter().map(|one| one.as_u64().unwrap().try_into().unwrap()).collect();
        for direction in [Direction::Forward, Direction::Reverse] {
            let found = f2f::read(track(row), &list).unwrap();
            assert_eq!(found.data.reveal(), row["text"].as_str().unwrap(), "{}", row["id"]);
            assert_eq!(found.direction, direction, "{}", row["id"]);
            list.reverse();
        }
    }
    assert_eq!((half_cells, intervals), (4, 3));
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        u32::try_from((mixed ^ (mixed >> 31)) % u64::from(end)).unwrap()
    }

    fn data(&mut self) -> TrackData {
        let track = [Track::One, Track::Two, Track::Three][self.below(3) as usize];
        let characters = 1 + self.below(u32::try_from(track.characters_max()).unwrap() - 3);
        let mut element = String::new();
        for _ in 0..characters {
            element.push(match (track, self.below(12)) {
                (_, digit @ 0..10) => char::from(b'0' + u8::try_from(digit).unwrap()),
                (Track::One, 10) => char::from(b'A' + u8::try_from(self.below(26)).unwrap()),
                _ => track.separator(),
            });
        }
        TrackData::from_element(track, &element).unwrap()
    }

    /// A value changed by up to so many thousandths either way.
    fn jitter(&mut self, value: u64, thousandths: u32) -> u64 {
        value * u64::from(1000 - thousandths + self.below(2 * thousandths + 1)) / 1000
    }
}

/// How a hand moves a card.
struct Swipe {
    speed_mm_s: [u32; 2],
    /// Of each cell, in thousandths.
    cell_jitter: u32,
    /// Of the reversal in the middle of a 1, in thousandths of the cell.
    middle_jitter: u32,
}

impl Swipe {
    /// The times between reversals in whole microseconds; the speed changes evenly along the stripe.
    fn intervals(&self, track: Track, bits: &[bool], chance: &mut Chance) -> Vec<u32> {
        let [from, to] = self.speed_mm_s.map(u64::from);
        let last = u64::try_from(bits.len()).unwrap();
        let mut intervals = Vec::new();
        for (at, &bit) in (0..).zip(bits) {
            let speed = (from * (last - at) + to * at) / last;
            // A nanometre at a millimetre a second takes a microsecond.
            let cell = chance.jitter(u64::from(track.cell_nm()) / speed, self.cell_jitter);
            let cell = u32::try_from(cell).unwrap();
            if bit {
                let middle =
                    cell * (500 - self.middle_jitter + chance.below(2 * self.middle_jitter + 1)) / 1000;
                intervals.extend([middle, cell - middle]);
            } else {
                intervals.push(cell);
            }
        }
        intervals
    }
}

/// Acceptance test T8: random tracks, 100 to 1,270 mm/s, a speed that halves or doubles on the way, cells off by 15 %, both directions.
/// Polarity has no meaning for reversals.
#[test]
fn ten_thousand_random_tracks_at_any_speed_with_jitter_in_both_directions() {
    let mut chance = Chance(8);
    for number in 0..10_000 {
        let data = chance.data();
        let from = 100 + chance.below(1_171);
        let to = (from / 2 + chance.below(from * 3 / 2 + 1)).clamp(100, 1_270);
        let swipe = Swipe { speed_mm_s: [from, to], cell_jitter: 150, middle_jitter: 80 };
        let zeros = [12, 25, 62][chance.below(3) as usize];
        let bits = encode(&data, zeros, 12);
        let mut intervals = swipe.intervals(data.track(), bits.reveal(), &mut chance);
        let direction = if chance.below(2) == 0 { Direction::Forward } else { Direction::Reverse };
        if direction == Direction::Reverse {
            intervals.reverse();
        }
        let found = f2f::read(data.track(), &intervals);
        let found = found.unwrap_or_else(|error| panic!("{number}: {error}, {from} to {to} mm/s"));
        assert_eq!((found.data, found.direction), (data, direction), "{number}");
    }
}

/// Harder than any card: what is not read is refused.
#[test]
fn no_jitter_gives_another_text() {
    let mut chance = Chance(9);
    let mut read = [0; 5];
    for (grade, cell_jitter) in [200, 250, 300, 350, 400].into_iter().enumerate() {
        for _ in 0..400 {
            let data = chance.data();
            let swipe = Swipe { speed_mm_s: [300, 500], cell_jitter, middle_jitter: 120 };
            let intervals = swipe.intervals(data.track(), encode(&data, 20, 20).reveal(), &mut chance);
            if let Ok(found) = f2f::read(data.track(), &intervals) {
                assert_eq!(found.data, data);
                read[grade] += 1;
            }
        }
    }
    assert!(read[0] >= 390 && read[4] < read[0], "of 400 each: {read:?}");
}

#[test]
fn pulses_of_noise_pauses_and_noise_at_the_ends_are_passed_over() {
    let mut chance = Chance(10);
    for number in 0..1_000 {
        let data = chance.data();
        let swipe = Swipe { speed_mm_s: [400, 600], cell_jitter: 80, middle_jitter: 50 };
        let bits = encode(&data, 25, 25);
        let mut intervals = swipe.intervals(data.track(), bits.reveal(), &mut chance);
        for _ in 0..3 {
            let at = chance.below(u32::try_from(intervals.len()).unwrap()) as usize;
            let whole = intervals[at];
            let pulse = whole / 25;
            let before = chance.below(whole - pulse);
            intervals.splice(at..=at, [before, pulse, whole - pulse - before]);
        }
        let noise = |chance: &mut Chance| (0..4).map(|_| 1 + chance.below(3_000)).collect::<Vec<_>>();
        let pause = [500_000];
        let all = [noise(&mut chance), pause.into(), intervals, pause.into(), noise(&mut chance)].concat();
        let found = f2f::read(data.track(), &all);
        assert_eq!(found.map(|found| found.data == data), Ok(true), "{number}");
    }
}

#[test]
fn two_swipes_of_one_card_are_one_text_and_of_two_cards_none() {
    let of = |text| {
        let bits = encode(&TrackData::parse(Track::Two, text).unwrap(), 20, 20);
        f2f::intervals(bits.reveal(), 700).reveal().clone()
    };
    let (one, mut other) = (of(";4761739001010010=3012?"), of(";4761739001010028=3012?"));
    let mut back = one.clone();
    back.reverse();
    let pause = vec![100_000];
    let both = f2f::read(Track::Two, &[one.clone(), pause.clone(), back].concat()).unwrap();
    assert_eq!(both.direction, Direction::Forward);
    assert_eq!(
        f2f::read(Track::Two, &[one.clone(), pause.clone(), other.clone()].concat()),
        Err(TrackError::Ambiguous)
    );
    // A damaged one does not hinder: its intervals are those of no text.
    other.truncate(40);
    assert_eq!(f2f::read(Track::Two, &[one, pause, other].concat()).map(|found| found.data), Ok(both.data));
}
