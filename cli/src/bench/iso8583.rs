//! `iso8583.decode`, `iso8583.encode`, `iso8583.answer`: messages of ISO 8583:1987 in ASCII against a bare copy of their bytes; with the feature
//! `peers` against the crate `iso_8583_rs`.
//!
//! A message is a 0200 of 165 bytes with the 15 fields 2, 3, 4, 7, 11, 12, 13, 22, 25, 35, 37, 38, 41, 42 and 49; 64 of them in turn.
//!
//! **Invariant:** the result is every field of every message that was decoded, or every byte that was made.
use super::measure::{Side, Sides, Trouble};
use super::sample::CRYPTO;
use std::hint::black_box;
use std::rc::Rc;
use symbolon_keys::Crypto;
use symbolon_types::Hash;
use symbolon_wire::iso8583::{BuiltIn, Dialect, Iso8583Error, Mti, Places, Value};

#[cfg(feature = "peers")]
pub mod peers;

const MESSAGES: u32 = 64;

/// The bytes of a message.
const MESSAGE_BYTES: usize = 165;

/// A field of a request, and its value.
type Plain = (u8, Vec<u8>);

/// A request, and its response.
struct Sample {
    fields: Vec<Plain>,
    request: Vec<u8>,
    response: Vec<u8>,
}

/// What both sides work on.
struct Samples {
    dialect: Dialect,
    all: Vec<Sample>,
}

impl From<Iso8583Error> for Trouble {
    fn from(error: Iso8583Error) -> Self {
        Self::Refused(symbolon_types::CoreRefusal::from(error).refused())
    }
}

/// 0200 or 0210.
fn mti(number: u16) -> Result<Mti, Trouble> {
    Mti::from_number(number).ok_or(Trouble::Unmeasurable)
}

/// The fields of a request: digits that differ from message to message, lengths that do not.
fn fields(number: u32) -> Vec<Plain> {
    let pan = format!("41111111{number:08}");
    let texts: [(u8, String); 15] = [
        (2, pan.clone()),
        (3, "000000".into()),
        (4, format!("{:012}", number * 37)),
        (7, "0604123456".into()),
        (11, format!("{number:06}")),
        (12, "143501".into()),
        (13, "0604".into()),
        (22, "051".into()),
        (25, "00".into()),
        (35, format!("{pan}=301220112345678")),
        (37, format!("26156584{number:04}")),
        (38, "ABC123".into()),
        (41, "TERM0001".into()),
        (42, "MERCHANT0000001".into()),
        (49, "978".into()),
    ];
    texts.into_iter().map(|(number, text)| (number, text.into_bytes())).collect()
}

fn values(fields: &[Plain]) -> Vec<(u8, Value<'_>)> {
    fields.iter().map(|(number, value)| (*number, value.as_slice().into())).collect()
}

/// What a response has in place of what the request had: no track, an approval.
const RESPONSE: [(u8, Option<&[u8]>); 3] = [(35, None), (38, Some(b"765432")), (39, Some(b"00"))];

impl Samples {
    fn new(dialect: Dialect) -> Result<Rc<Self>, Trouble> {
        let all: Result<Vec<Sample>, Trouble> =
            (0..MESSAGES).map(|number| sample(&dialect, number)).collect();
        Ok(Rc::new(Self { all: all?, dialect }))
    }

    /// Every field of every request.
    fn values(&self) -> Vec<Plain> {
        self.all.iter().flat_map(|sample| sample.fields.iter().cloned()).collect()
    }
}

fn sample(dialect: &Dialect, number: u32) -> Result<Sample, Trouble> {
    let fields = fields(number);
    let (mut request, mut response) = (Vec::new(), Vec::new());
    dialect.encode(mti(200)?, &values(&fields), &mut request)?;
    if request.len() != MESSAGE_BYTES {
        return Err(Trouble::Unmeasurable);
    }
    let mut answered: Vec<Plain> = fields.clone();
    answered.retain(|field| !RESPONSE.iter().any(|(number, _)| *number == field.0));
    answered.extend(RESPONSE.iter().filter_map(|(number, value)| Some((*number, value.as_ref()?.to_vec()))));
    answered.sort_unstable();
    dialect.encode(mti(210)?, &values(&answered), &mut response)?;
    Ok(Sample { fields, request, response })
}

fn hash(fields: &[Plain]) -> Hash {
    let bytes: Vec<u8> =
        fields.iter().flat_map(|(number, value)| [&[*number], value.as_slice()].concat()).collect();
    CRYPTO.sha256(&[&bytes])
}

fn built_in() -> Result<Dialect, Trouble> {
    BuiltIn::Ascii1987.dialect().map_err(|_| Trouble::Unmeasurable)
}

/// Decoding: each message checked wholly, its fields found.
pub fn decode() -> Result<Sides, Trouble> {
    let samples = Samples::new(built_in()?)?;
    let ours = Decode { samples: Rc::clone(&samples), places: Places::new(), bytes: 0 };
    Ok(Sides {
        ours: Box::new(ours),
        limit: Box::new(Copy { samples, buffer: Vec::new(), bytes: 0, of: Of::Fields }),
    })
}

/// Encoding of 15 values that are there.
pub fn encode() -> Result<Sides, Trouble> {
    let samples = Samples::new(built_in()?)?;
    let ours = Encode { samples: Rc::clone(&samples), buffer: Vec::new(), made: Vec::new() };
    Ok(Sides {
        ours: Box::new(ours),
        limit: Box::new(Copy { samples, buffer: Vec::new(), bytes: 0, of: Of::Requests }),
    })
}

/// A request decoded, changed and sent back as its response.
pub fn answer() -> Result<Sides, Trouble> {
    let samples = Samples::new(built_in()?)?;
    let ours = Answer { samples: Rc::clone(&samples), places: Places::new(), made: Vec::new() };
    Ok(Sides {
        ours: Box::new(ours),
        limit: Box::new(Copy { samples, buffer: Vec::new(), bytes: 0, of: Of::Responses }),
    })
}

struct Decode {
    samples: Rc<Samples>,
    places: Places,
    bytes: usize,
}

impl Side for Decode {
    fn run(&mut self) -> Result<u32, Trouble> {
        self.bytes = 0;
        for sample in &self.samples.all {
            let message = self.samples.dialect.decode(black_box(&sample.request), &mut self.places)?;
            self.bytes += black_box(&message).bytes().len();
        }
        Ok(MESSAGES)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        let mut fields = Vec::new();
        for sample in &self.samples.all {
            let message = self.samples.dialect.decode(&sample.request, &mut self.places)?;
            fields.extend(message.fields().map(|field| (field.number(), field.chars().collect::<Vec<u8>>())));
        }
        fields.push((0, self.bytes.to_be_bytes().to_vec()));
        Ok(hash(&fields))
    }
}

struct Encode {
    samples: Rc<Samples>,
    buffer: Vec<u8>,
    /// The bytes of the last run.
    made: Vec<u8>,
}

impl Side for Encode {
    fn run(&mut self) -> Result<u32, Trouble> {
        self.made.clear();
        let mti = mti(200)?;
        for sample in &self.samples.all {
            let mut values: [(u8, Value<'_>); 15] = [(0, Value::Plain(&[])); 15];
            for (value, (number, plain)) in values.iter_mut().zip(black_box(&sample.fields)) {
                *value = (*number, plain.as_slice().into());
            }
            self.buffer.clear();
            self.samples.dialect.encode(mti, &values, &mut self.buffer)?;
            self.made.extend_from_slice(&self.buffer);
        }
        Ok(MESSAGES)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        Ok(CRYPTO.sha256(&[&self.made]))
    }
}

struct Answer {
    samples: Rc<Samples>,
    places: Places,
    made: Vec<u8>,
}

impl Side for Answer {
    fn run(&mut self) -> Result<u32, Trouble> {
        self.made.clear();
        let changes = RESPONSE.map(|(number, value)| (number, value.map(Value::Plain)));
        for sample in &self.samples.all {
            let request = self.samples.dialect.decode(black_box(&sample.request), &mut self.places)?;
            let mti = request.mti().answer().ok_or(Trouble::Unmeasurable)?;
            request.changed(mti, &changes, &mut self.made)?;
        }
        Ok(MESSAGES)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        Ok(CRYPTO.sha256(&[&self.made]))
    }
}

/// What a limit gives as its result.
#[derive(PartialEq, Eq)]
enum Of {
    Fields,
    Requests,
    Responses,
}

/// The limit: the bytes of each message copied into a buffer, and their lengths summed.
struct Copy {
    samples: Rc<Samples>,
    buffer: Vec<u8>,
    bytes: usize,
    of: Of,
}

impl Side for Copy {
    fn run(&mut self) -> Result<u32, Trouble> {
        self.buffer.clear();
        self.bytes = 0;
        for sample in &self.samples.all {
            let bytes = if self.of == Of::Responses { &sample.response } else { &sample.request };
            self.buffer.extend_from_slice(black_box(bytes));
            self.bytes += bytes.len();
        }
        Ok(MESSAGES)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        if self.of != Of::Fields {
            return Ok(CRYPTO.sha256(&[&self.buffer]));
        }
        let mut fields = self.samples.values();
        fields.push((0, self.bytes.to_be_bytes().to_vec()));
        Ok(hash(&fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_15_fields_and_165_bytes_and_its_response_is_made_of_it() {
        let samples = Samples::new(built_in().unwrap()).unwrap();
        let mut ours = Answer { samples: Rc::clone(&samples), places: Places::new(), made: Vec::new() };
        assert_eq!(ours.run().unwrap(), MESSAGES);
        let expect: Vec<u8> = samples.all.iter().flat_map(|sample| sample.response.clone()).collect();
        assert_eq!(ours.made, expect);
        assert!(
            samples
                .all
                .iter()
                .all(|sample| sample.fields.len() == 15 && sample.request.len() == MESSAGE_BYTES)
        );
        assert!(expect.starts_with(b"0210"));
    }

    #[test]
    fn an_altered_message_stops_the_row() {
        let samples = Samples::new(built_in().unwrap()).unwrap();
        let mut samples = Rc::into_inner(samples).unwrap();
        samples.all[5].request[30] = b'x';
        let mut ours = Decode { samples: Rc::new(samples), places: Places::new(), bytes: 0 };
        assert!(matches!(ours.run(), Err(Trouble::Refused(refused)) if refused.name == "FIELD_INVALID"));
    }
}
