//! `symbolon tool track`: magnetic tracks as text, bits and times between flux reversals, computed in `core/wire`.
use super::flags::{Flags, line, wrong};
use super::{no_verb, refused_at};
use crate::report::{Failure, Outcome, Report};
use serde_json::{Map, Value, json};
use symbolon_types::Secret;
use symbolon_wire::f2f;
use symbolon_wire::track::{Field, Reading, ServiceCode, Track, TrackData, TrackError, decode, encode, lrc};

/// `symbolon tool track --help`.
pub const HELP: &str = "\
symbolon tool track encode --track 1|2|3 TEXT [--leading N] [--trailing N]
    the bits of a track (ISO/IEC 7811), in the order in which a head meets them
      TEXT        with its sentinels: %…? on track 1, ;…? on tracks 2 and 3; in quotes, for the shell has its own meaning for them;
                  or @FILE, or - for standard input
      --leading   zeros before the start sentinel, by which a reader sets its clock: 62 on tracks 1 and 3, 25 on track 2 unless told otherwise
      --trailing  zeros after the LRC: 25 unless told otherwise
symbolon tool track decode --track 1|2|3 (--bits BITS | --intervals TIMES)
    the text of a track and its fields (ISO/IEC 7813, for track 3 ISO/IEC 4909)
      --bits       0 and 1, in the order in which a head met them: from either end of the stripe, also of an active-low line
      --intervals  the times between flux reversals in any unit, with commas: of F2F, with the speed that a hand has

$ symbolon tool track encode --track 2 ';0?' --leading 5 --trailing 5
000001101000001111110010000000
$ symbolon tool track decode --track 2 --bits 000001101000001111110010000000
;0?
no account track: the text at character 1 is no pan
";

/// The zeros that lead where nothing else is said: as many millimetres of stripe as ISO/IEC 7811 keeps free before the first bit, or
/// a little more.
fn leading_zeros(track: Track) -> u16 {
    if track == Track::Two { 25 } else { 62 }
}

/// The zeros that trail where nothing else is said.
const TRAILING_ZEROS: u16 = 25;

const TRACKS: [(&str, Track); 3] = [("1", Track::One), ("2", Track::Two), ("3", Track::Three)];

/// Runs a verb.
pub fn run(verb: &str, flags: Flags) -> Outcome {
    match verb {
        "encode" => encoded(flags),
        "decode" => decoded(flags),
        _ => Err(no_verb("track", "encode, decode")),
    }
}

fn track(flags: &mut Flags) -> Result<Track, Failure> {
    flags.choice("track", &TRACKS)?.ok_or_else(|| wrong("track", "is missing: 1, 2 or 3"))
}

fn encoded(mut flags: Flags) -> Outcome {
    let track = track(&mut flags)?;
    let leading = flags.number("leading")?.unwrap_or_else(|| leading_zeros(track));
    let trailing = flags.number("trailing")?.unwrap_or(TRAILING_ZEROS);
    let word = flags.word().ok_or_else(|| Failure::Misuse("track encode: the TEXT is missing".into()))?;
    flags.end()?;
    // A space is of the text: track 1 may end its name with one.
    let text = line("text", Secret::new(word))?;
    let data = TrackData::parse(track, text.reveal()).map_err(refused)?;
    let bits: String =
        encode(&data, leading, trailing).reveal().iter().map(|&bit| if bit { '1' } else { '0' }).collect();
    Ok(Report { json: json!({ "bits": bits, "lrc": lrc(&data) }), text: bits })
}

/// The detail is the place of what is wrong, which is no part of what was given.
fn refused(error: TrackError) -> Failure {
    refused_at(error, &error.to_string())
}

fn decoded(mut flags: Flags) -> Outcome {
    let track = track(&mut flags)?;
    let (bits, intervals) = (flags.text("bits")?, flags.text("intervals")?);
    flags.end()?;
    let reading = match (bits, intervals) {
        (Some(bits), None) => decode(track, parsed_bits(bits.reveal())?.reveal()),
        (None, Some(intervals)) => f2f::read(track, parsed_intervals(intervals.reveal())?.reveal()),
        _ => return Err(Failure::Misuse("track decode: --bits or --intervals, one of them".into())),
    };
    Ok(report(&reading.map_err(refused)?))
}

fn parsed_bits(text: &str) -> Result<Secret<Vec<bool>>, Failure> {
    let bit = |character| match character {
        '0' => Some(false),
        '1' => Some(true),
        _ => None,
    };
    let bits: Option<Vec<bool>> = text.chars().map(bit).collect();
    bits.map(Secret::new).ok_or_else(|| wrong("bits", "only 0 and 1"))
}

fn parsed_intervals(text: &str) -> Result<Secret<Vec<u32>>, Failure> {
    let intervals: Result<Vec<u32>, _> = text.split(',').map(|one| one.trim().parse()).collect();
    intervals.map(Secret::new).map_err(|_| wrong("intervals", "whole numbers with commas between them"))
}

fn report(reading: &Reading) -> Report {
    let data = &reading.data;
    let (fields, broken) = data.fields_read();
    let mut json = json!({
        "text": data.reveal(),
        "lrc": lrc(data),
        "direction": reading.direction.name(),
        "inverted": reading.inverted,
    });
    let mut text = vec![data.reveal().to_owned()];
    let mut by_name = Map::new();
    for (field, value) in fields.iter() {
        by_name.insert(field.name().to_owned(), json!(value));
        text.push(format!("{:<16}{value}", field.name()));
        if let Some(code) = ServiceCode::parse(value).filter(|_| field == Field::ServiceCode) {
            json["service"] = meaning(code);
            text.extend(
                parts(code).map(|(name, said)| format!("  {name:<14}{}", said.unwrap_or("reserved"))),
            );
        }
    }
    json["fields"] = Value::Object(by_name);
    if let Some(error) = broken {
        json["no_field"] = json!({ "name": error.field.name(), "at": error.at });
        text.push(format!("no account track: {error}"));
    }
    Report { json, text: text.join("\n") }
}

fn parts(code: ServiceCode) -> [(&'static str, Option<&'static str>); 3] {
    [
        ("interchange", code.interchange()),
        ("authorisation", code.authorisation()),
        ("services", code.services()),
    ]
}

fn meaning(code: ServiceCode) -> Value {
    parts(code).into_iter().map(|(name, said)| (name.to_owned(), json!(said))).collect::<Map<_, _>>().into()
}
