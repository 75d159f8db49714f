//! The crate `iso_8583_rs` on the same messages, with the same checks: fields 35, 37, 38, 41, 42 and 49 printable characters on both sides.
//!
//! **Invariant:** both sides read their fields from one dialect, and both results are of all fields, or of all bytes.
use super::{Decode, Encode, MESSAGES, Plain, Samples, built_in, hash};
use crate::bench::measure::{Side, Sides, Trouble};
use crate::bench::sample::CRYPTO;
use iso_8583_rs::specfile::{FieldDescription, Spec};
use iso_8583_rs::{Builder, CompiledSpec, Message};
use std::collections::HashMap;
use std::hint::black_box;
use std::rc::Rc;
use symbolon_keys::Crypto;
use symbolon_types::Hash;
use symbolon_wire::iso8583::{Coding, Dialect, FieldSpec, Kind, Length, LengthCoding, Places};

/// ISO 8583:1987 in ASCII with track 2 as printable characters: the peer has no type for tracks.
fn dialect() -> Result<Dialect, Trouble> {
    let length = Length::Variable { digits: 2, max: 37, coding: LengthCoding::Ascii };
    let track = FieldSpec { kind: Kind::AlphaNumericSpecial, coding: Coding::Ascii, length };
    built_in()?.to_builder().field(35, track).build().map_err(|_| Trouble::Unmeasurable)
}

/// The peer's table of the same dialect.
fn spec(dialect: &Dialect) -> Result<CompiledSpec, Trouble> {
    let mut fields = HashMap::new();
    for number in 2..=128 {
        let Some(spec) = dialect.spec(number) else { continue };
        let content_type = match spec.kind {
            Kind::Numeric => "n",
            Kind::AlphaNumericSpecial => "ans",
            _ => continue,
        };
        let (len_type, max) = match spec.length {
            Length::Fixed(length) => ("fixed", length),
            Length::Variable { digits: 2, max, .. } => ("llvar", max),
            Length::Variable { max, .. } => ("lllvar", max),
        };
        let description = FieldDescription {
            content_type: content_type.into(),
            max_len: max.into(),
            min_len: 0,
            len_type: len_type.into(),
            label: String::new(),
        };
        fields.insert(i64::from(number), description);
    }
    CompiledSpec::compile(&Spec { fields }).map_err(refused)
}

/// Decoding.
pub fn decode() -> Result<Sides, Trouble> {
    let samples = Samples::new(dialect()?)?;
    let limit = TheirDecode { spec: spec(&samples.dialect)?, samples: Rc::clone(&samples), bytes: 0 };
    Ok(Sides { ours: Box::new(Decode { samples, places: Places::new(), bytes: 0 }), limit: Box::new(limit) })
}

/// Encoding.
pub fn encode() -> Result<Sides, Trouble> {
    let samples = Samples::new(dialect()?)?;
    let (spec, buffer) = (spec(&samples.dialect)?, Vec::new());
    let limit = TheirEncode { spec, samples: Rc::clone(&samples), buffer, made: Vec::new() };
    Ok(Sides {
        ours: Box::new(Encode { samples, buffer: Vec::new(), made: Vec::new() }),
        limit: Box::new(limit),
    })
}

struct TheirDecode {
    spec: CompiledSpec,
    samples: Rc<Samples>,
    bytes: usize,
}

fn refused(_: iso_8583_rs::Error) -> Trouble {
    Trouble::Differ
}

impl Side for TheirDecode {
    fn run(&mut self) -> Result<u32, Trouble> {
        self.bytes = 0;
        for sample in &self.samples.all {
            let message = Message::parse(&self.spec, black_box(&sample.request)).map_err(refused)?;
            black_box(&message);
            self.bytes += sample.request.len();
        }
        Ok(MESSAGES)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        let mut fields: Vec<Plain> = Vec::new();
        for sample in &self.samples.all {
            let message = Message::parse(&self.spec, &sample.request).map_err(refused)?;
            for (number, value) in message.fields() {
                fields.push((u8::try_from(number).map_err(|_| Trouble::Differ)?, value.to_vec()));
            }
        }
        fields.push((0, self.bytes.to_be_bytes().to_vec()));
        Ok(hash(&fields))
    }
}

struct TheirEncode {
    spec: CompiledSpec,
    samples: Rc<Samples>,
    buffer: Vec<u8>,
    made: Vec<u8>,
}

impl Side for TheirEncode {
    fn run(&mut self) -> Result<u32, Trouble> {
        self.made.clear();
        for sample in &self.samples.all {
            let mut builder = Builder::new(&self.spec, b"0200").map_err(refused)?;
            for (number, value) in black_box(&sample.fields) {
                builder.set(usize::from(*number), value).map_err(refused)?;
            }
            builder.pack_into(&mut self.buffer);
            self.made.extend_from_slice(&self.buffer);
        }
        Ok(MESSAGES)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        Ok(CRYPTO.sha256(&[&self.made]))
    }
}
