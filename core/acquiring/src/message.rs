//! ISO 8583 messages of a terminal, of 1987 and of 1993: what they ask for, and their answers.
//!
//! | | 1987 | 1993 |
//! | --- | --- | --- |
//! | authorisation, its advice | 0100, 0120 | 1100, 1120 |
//! | payment, its advice | 0200, 0220 | 1200, 1220 |
//! | reversal | 0400, 0420; original in field 90 | 1400, 1420; original in field 56 |
//! | partial reversal: what stands | field 95, its first amount | field 4, when field 24 is 401 |
//! | answer | response code, two characters | action code, three digits |
//!
//! A processing code that begins with 20 is a payment to the card; 00, 01 and 09 are payments by it. Others are not supported.
use crate::key::{NaturalKey, Original};
use crate::reply::Reply;
use crate::request::{Advice, Ask, Payment, Request, Reversal};
use alloc::vec::Vec;
use symbolon_types::{Amount, Currency, Hash, Pan, hex_upper};
use symbolon_wire::iso8583::{
    Class, Field, Function, Iso8583Error, Kind, Message, Mti, Origin, Value, Version,
};

/// Why a message is no request that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageError {
    /// The field that every such message has is not there.
    Missing(u8),
    /// The field does not hold what it must.
    Field(u8),
    /// Fields 2 and 35 are of two accounts.
    AccountsDiffer,
    /// No such message type, or processing code, is answered here.
    NotSupported,
}

/// What a message says. The account is not in it: [`read`] gives it beside, for the one computation of its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    key: NaturalKey,
    transmitted: Option<u64>,
    forwarding: Option<u64>,
    repeat: bool,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Authorise(Amount),
    Purchase(Amount),
    Refund(Amount),
    AuthorisedBefore(Amount, Option<Original>),
    PaidBefore(Amount, Option<Original>),
    Reverse(Reversal),
}

impl Seen {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &NaturalKey {
        &self.key
    }

    /// Whether the request is about a card: all are but a reversal, whose original says it.
    #[must_use]
    pub fn needs_card(&self) -> bool {
        !matches!(self.what, What::Reverse(_))
    }

    /// The request, of the card with this token; `partial` says whether this terminal takes less than it asks for.
    #[must_use]
    pub fn request(&self, card: Hash, partial: bool) -> Request {
        let payment = |amount| Payment { card, amount, partial };
        let advice = |amount, original| Advice { card, amount, original };
        let ask = match self.what {
            What::Authorise(amount) => Ask::Authorise(payment(amount)),
            What::Purchase(amount) => Ask::Purchase(payment(amount)),
            What::Refund(amount) => Ask::Refund(Payment { partial: false, ..payment(amount) }),
            What::AuthorisedBefore(amount, original) => Ask::AuthorisedBefore(advice(amount, original)),
            What::PaidBefore(amount, original) => Ask::PaidBefore(advice(amount, original)),
            What::Reverse(reversal) => Ask::Reverse(reversal),
        };
        let Self { key, transmitted, forwarding, repeat, .. } = *self;
        Request { key, transmitted, forwarding, repeat, ask }
    }
}

/// What a message that came on `link` asks for, and the account in it, if any.
///
/// # Errors
/// [`MessageError`], by the lowest field that is wrong of those that are read.
pub fn read(message: &Message<'_>, link: u32) -> Result<(Seen, Option<Pan>), MessageError> {
    let mti = message.mti();
    let version = mti.version();
    if !matches!(version, Version::V1987 | Version::V1993) {
        return Err(MessageError::NotSupported);
    }
    let repeat = match mti.origin() {
        Origin::AcquirerRepeat | Origin::IssuerRepeat | Origin::OtherRepeat => true,
        Origin::Acquirer | Origin::Issuer | Origin::Other => false,
        Origin::Reserved(_) => return Err(MessageError::NotSupported),
    };
    let reader = Reader { message, link, version };
    let key = reader.key()?;
    let what = reader.what(&key)?;
    let transmitted = optional(message, 7)?;
    let forwarding = optional(message, 33)?;
    Ok((Seen { key, transmitted, forwarding, repeat, what }, account(message)?))
}

struct Reader<'a, 'm> {
    message: &'a Message<'m>,
    link: u32,
    version: Version,
}

impl Reader<'_, '_> {
    fn key(&self) -> Result<NaturalKey, MessageError> {
        let audit = number(self.message, 11)?;
        let local = if self.version == Version::V1993 { number(self.message, 12)? } else { 0 };
        let mut terminal = [b' '; 8];
        if let Some(field) = self.message.field(41) {
            terminal.iter_mut().zip(field.chars()).for_each(|(place, char)| *place = char);
        }
        Ok(NaturalKey {
            link: self.link,
            mti: without_repeat(self.message.mti()),
            audit: u32::try_from(audit).map_err(|_| MessageError::Field(11))?,
            acquirer: optional(self.message, 32)?.unwrap_or(0),
            terminal,
            local,
        })
    }

    fn what(&self, key: &NaturalKey) -> Result<What, MessageError> {
        let mti = self.message.mti();
        match (mti.class(), mti.function()) {
            (Class::Authorisation, Function::Request) => Ok(What::Authorise(self.payment()?)),
            (Class::Financial, Function::Request) if self.is_refund()? => Ok(What::Refund(self.amount()?)),
            (Class::Financial, Function::Request) => Ok(What::Purchase(self.payment()?)),
            (Class::Authorisation, Function::Advice) => {
                Ok(What::AuthorisedBefore(self.payment()?, self.original(key)?))
            }
            (Class::Financial, Function::Advice) => {
                Ok(What::PaidBefore(self.payment()?, self.original(key)?))
            }
            (Class::Reversal, Function::Request | Function::Advice) => {
                let missing = if self.version == Version::V1993 { 56 } else { 90 };
                let original = self.original(key)?.ok_or(MessageError::Missing(missing))?;
                Ok(What::Reverse(Reversal { original, left: self.left()? }))
            }
            _ => Err(MessageError::NotSupported),
        }
    }

    fn is_refund(&self) -> Result<bool, MessageError> {
        match number(self.message, 3)?.checked_div(10_000) {
            Some(20) => Ok(true),
            Some(0 | 1 | 9) => Ok(false),
            _ => Err(MessageError::NotSupported),
        }
    }

    /// The amount of a payment by the card; one to the card is supported as a financial request only.
    fn payment(&self) -> Result<Amount, MessageError> {
        if self.is_refund()? { Err(MessageError::NotSupported) } else { self.amount() }
    }

    fn amount(&self) -> Result<Amount, MessageError> {
        self.amount_of(number(self.message, 4)?, 4)
    }

    fn amount_of(&self, minor: u64, field: u8) -> Result<Amount, MessageError> {
        let code = self.message.field(49).ok_or(MessageError::Missing(49))?.text();
        let currency = match code.parse() {
            Ok(numeric) => Currency::from_numeric(numeric),
            Err(_) => Currency::from_alpha(&code),
        };
        Amount::new(minor, currency.ok_or(MessageError::Field(49))?).map_err(|_| MessageError::Field(field))
    }

    /// Of a partial reversal how much stands.
    fn left(&self) -> Result<Option<Amount>, MessageError> {
        let left = match self.version {
            Version::V1993 if optional(self.message, 24)? == Some(401) => Some((number(self.message, 4)?, 4)),
            Version::V1993 => None,
            _ => match self.message.field(95) {
                Some(field) => digits(field.chars().take(12))
                    .map(Some)
                    .ok_or(MessageError::Field(95))?
                    .map(|left| (left, 95)),
                None => None,
            },
        };
        left.filter(|(minor, _)| *minor > 0).map(|(minor, field)| self.amount_of(minor, field)).transpose()
    }

    /// The request that field 90 or 56 names; of the same link and terminal.
    fn original(&self, key: &NaturalKey) -> Result<Option<Original>, MessageError> {
        if self.version == Version::V1993 { self.original_1993(key) } else { self.original_1987(key) }
    }

    /// Message type, audit number, date and time of transmission, acquiring and forwarding institution: 4, 6, 10, 11 and 11 digits.
    fn original_1987(&self, key: &NaturalKey) -> Result<Option<Original>, MessageError> {
        let Some(field) = self.message.field(90) else { return Ok(None) };
        let mut places = Places { field, at: 0 };
        let mut next = |count| places.next(count).ok_or(MessageError::Field(90));
        let (mti, audit, transmitted, acquirer, forwarding) =
            (next(4)?, next(6)?, next(10)?, next(11)?, next(11)?);
        let told = |value: u64| Some(value).filter(|value| *value > 0);
        let key = NaturalKey {
            mti: named(mti).ok_or(MessageError::Field(90))?,
            audit: u32::try_from(audit).map_err(|_| MessageError::Field(90))?,
            // What sends no field 32 sends zeros here: both are 0.
            acquirer,
            ..*key
        };
        Ok(Some(Original { key, transmitted: told(transmitted), forwarding: told(forwarding) }))
    }

    /// Message type, audit number, local date and time, acquiring institution with its length: 4, 6, 12 and 2 + up to 11 digits.
    fn original_1993(&self, key: &NaturalKey) -> Result<Option<Original>, MessageError> {
        let Some(field) = self.message.field(56) else { return Ok(None) };
        let wrong = MessageError::Field(56);
        let mut places = Places { field, at: 0 };
        let (mti, audit, local) = {
            let mut next = |count| places.next(count).ok_or(wrong);
            (next(4)?, next(6)?, next(12)?)
        };
        let acquirer = match places.left() {
            0 => 0,
            _ => {
                let length = places.next(2).and_then(|length| usize::try_from(length).ok()).ok_or(wrong)?;
                if length > 11 || places.left() != length {
                    return Err(wrong);
                }
                places.next(length).ok_or(wrong)?
            }
        };
        let key = NaturalKey {
            mti: named(mti).ok_or(wrong)?,
            audit: u32::try_from(audit).map_err(|_| wrong)?,
            acquirer,
            local,
            ..*key
        };
        Ok(Some(Original { key, transmitted: None, forwarding: None }))
    }
}

/// The parts of a field of digits, one after the other.
struct Places<'m> {
    field: Field<'m>,
    at: usize,
}

impl Places<'_> {
    fn left(&self) -> usize {
        self.field.units().saturating_sub(self.at)
    }

    fn next(&mut self, count: usize) -> Option<u64> {
        if self.left() < count {
            return None;
        }
        let part = digits(self.field.chars().skip(self.at).take(count));
        self.at = self.at.saturating_add(count);
        part
    }
}

fn digits(chars: impl Iterator<Item = u8>) -> Option<u64> {
    chars
        .map(|char| char.checked_sub(b'0').filter(|digit| *digit <= 9))
        .try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit?)))
}

/// A message type that another message names, as a key has it.
fn named(mti: u64) -> Option<u16> {
    Mti::from_number(u16::try_from(mti).ok()?).map(without_repeat)
}

/// As a number, its repeat digit cleared: 201 is 200.
fn without_repeat(mti: Mti) -> u16 {
    let number =
        digits(mti.digits().iter().copied()).and_then(|number| u16::try_from(number).ok()).unwrap_or(0);
    match mti.origin() {
        Origin::AcquirerRepeat | Origin::IssuerRepeat | Origin::OtherRepeat => number.saturating_sub(1),
        _ => number,
    }
}

fn optional(message: &Message<'_>, field: u8) -> Result<Option<u64>, MessageError> {
    message.field(field).map(|found| found.to_number().ok_or(MessageError::Field(field))).transpose()
}

fn number(message: &Message<'_>, field: u8) -> Result<u64, MessageError> {
    optional(message, field)?.ok_or(MessageError::Missing(field))
}

/// The account of fields 2 and 35, which agree where both are there.
fn account(message: &Message<'_>) -> Result<Option<Pan>, MessageError> {
    let of = |number: u8, ends: fn(&u8) -> bool| {
        let Some(field) = message.field(number) else { return Ok(None) };
        let mut digits = [0u8; 19];
        let mut count = 0usize;
        for (place, char) in digits.iter_mut().zip(field.chars().take_while(|char| !ends(char))) {
            *place = char;
            count = count.saturating_add(1);
        }
        let pan =
            digits.get(..count).and_then(|digits| core::str::from_utf8(digits).ok()).and_then(Pan::parse);
        digits.fill(0);
        core::hint::black_box(&digits);
        pan.map(Some).ok_or(MessageError::Field(number))
    };
    let (plain, track) = (of(2, |_| false)?, of(35, |char| *char == b'=')?);
    match (&plain, &track) {
        (Some(one), Some(other)) if one.reveal() != other.reveal() => Err(MessageError::AccountsDiffer),
        _ => Ok(plain.or(track)),
    }
}

/// What a message of network management asks for: field 70 of 1987, field 24 of 1993.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// 001, 801: the other side begins its work.
    SignOn,
    /// 002, 802: it ends it.
    SignOff,
    /// 301, 831: whether this side is there.
    Echo,
}

/// What a message of network management asks for; `None` of every other message.
///
/// # Errors
/// [`MessageError`]: without its code, or with one that is not answered here.
pub fn network(message: &Message<'_>) -> Result<Option<Network>, MessageError> {
    let mti = message.mti();
    if (mti.class(), mti.function()) != (Class::NetworkManagement, Function::Request) {
        return Ok(None);
    }
    let field = if mti.version() == Version::V1993 { 24 } else { 70 };
    match (mti.version(), number(message, field)?) {
        (Version::V1987, 1) | (Version::V1993, 801) => Ok(Some(Network::SignOn)),
        (Version::V1987, 2) | (Version::V1993, 802) => Ok(Some(Network::SignOff)),
        (Version::V1987, 301) | (Version::V1993, 831) => Ok(Some(Network::Echo)),
        _ => Err(MessageError::NotSupported),
    }
}

/// The fields of a request that its answer carries as they are, in 1987 and in 1993.
const ECHOED_1987: [u8; 14] = [3, 7, 11, 12, 13, 24, 32, 33, 37, 41, 42, 49, 70, 90];
const ECHOED_1993: [u8; 13] = [3, 7, 11, 12, 24, 28, 32, 33, 37, 41, 42, 49, 56];

/// Appends the answer to `request`: those of its fields that tell which one it was and who sent it, as they came; field 4 with what was approved, 38, 39 and 55. The account is
/// not sent back.
///
/// # Errors
/// [`Iso8583Error`] when the dialect has no place for a field of the answer, or the message wants no answer; `out` is then as it was.
pub fn respond(request: &Message<'_>, reply: &Reply, out: &mut Vec<u8>) -> Result<(), Iso8583Error> {
    let mti = request.mti().answer().ok_or(Iso8583Error::MessageType)?;
    let amount = padded::<12>(reply.amount);
    let is_binary = request.dialect().spec(55).is_some_and(|spec| spec.kind == Kind::Binary);
    let chip = reply
        .chip
        .as_ref()
        .map(|chip| if is_binary { chip.0.clone() } else { hex_upper(&chip.0).into_bytes() });
    let digits = reply.action.digits();
    let code: &[u8] = match mti.version() {
        Version::V1993 => &digits,
        _ => reply.action.response_code().as_bytes(),
    };
    let echoed: &[u8] = if mti.version() == Version::V1993 { &ECHOED_1993 } else { &ECHOED_1987 };
    let mut fields: Vec<(u8, Value<'_>)> = echoed
        .iter()
        .filter_map(|number| request.field(*number).map(|field| (*number, Value::Of(field))))
        .chain(request.field(4).map(|_| (4, Value::Plain(&amount))))
        .chain(reply.approval.as_ref().map(|approval| (38, Value::Plain(approval))))
        .chain([(39, Value::Plain(code))])
        .chain(chip.as_ref().map(|chip| (55, Value::Plain(chip))))
        .collect();
    fields.sort_unstable_by_key(|(number, _)| *number);
    request.dialect().encode(mti, &fields, out)
}

/// The last `N` digits of a number.
pub(crate) fn padded<const N: usize>(mut number: u64) -> [u8; N] {
    let mut digits = [b'0'; N];
    for place in digits.iter_mut().rev() {
        *place = u8::try_from(number.checked_rem(10).unwrap_or(0)).unwrap_or(0).saturating_add(b'0');
        number = number.checked_div(10).unwrap_or(0);
    }
    digits
}
