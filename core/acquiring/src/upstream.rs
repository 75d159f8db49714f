//! ISO 8583 messages to a processor, of 1987 and of 1993, and its answers.
//!
//! | | 1987 | 1993 |
//! | --- | --- | --- |
//! | payment, advice | 2 is not sent; 3, 4, 7, 11, 12, 13, 32, 38, 41, 49, 90 | 3, 4, 7, 11, 12, 24, 32, 38, 41, 49, 56 |
//! | reversal | 0420; 90, and 95 in part | 1420; 56, 24 = 400 or 401, 4 what stands |
//! | network | 0800; 70 | 1804; 24 |
//!
//! What is secret is given enciphered under the processor's keys: the account in the dialect's field of account data, a PIN in field 52 or the field of AES PINs.
use crate::message::padded;
use crate::reply::ActionCode;
use crate::state::{Errand, Outgoing, Told, Undo, Upstream};
use alloc::vec::Vec;
use symbolon_types::{Amount, UnixMs, hex_parse, hex_upper};
use symbolon_wire::cbor::Bytes;
use symbolon_wire::iso8583::{
    Dialect, Field, Iso8583Error, Kind, Message, Mti, Role, Value, Version, action_code,
};

/// What goes along, as the processor is to get it.
#[derive(Clone, Debug, Default)]
pub struct Along {
    /// Field 32.
    pub institution: Option<u64>,
    /// The account, enciphered.
    pub account: Option<Vec<u8>>,
    /// A PIN block: of 8 bytes for field 52, of 16 for AES.
    pub pin: Option<Vec<u8>>,
    /// Field 55: what a chip said.
    pub chip: Option<Vec<u8>>,
}

/// What a message is about.
struct About<'a> {
    to: &'a Upstream,
    mti: u16,
    amount: Amount,
    terminal: &'a [u8; 8],
    /// Field 24 of 1993.
    function: u64,
    approval: Option<[u8; 6]>,
    /// Message type, and the message.
    original: Option<(u16, &'a Upstream)>,
    /// How much stands, of a reversal in part.
    left: Option<u64>,
}

/// The longest field 55.
const CHIP_LEN_MAX: usize = 255;

/// The bytes of a field that carries bytes: as they are, or from hexadecimal text where the field holds characters.
#[must_use]
pub fn carried(field: &Field<'_>) -> Option<Vec<u8>> {
    let mut value = Vec::new();
    field.append_to(&mut value);
    if field.is_binary() { Some(value) } else { hex_parse(core::str::from_utf8(&value).ok()?) }
}

/// The fields of one message, by number.
struct Fields<'d> {
    dialect: &'d Dialect,
    list: Vec<(u8, Vec<u8>)>,
}

impl Fields<'_> {
    fn put(&mut self, number: u8, value: &[u8]) {
        self.list.push((number, value.to_vec()));
    }

    /// Bytes, as hexadecimal text where the field holds characters.
    fn put_bytes(&mut self, number: u8, value: &[u8]) {
        match self.dialect.spec(number) {
            Some(spec) if spec.kind == Kind::Binary => self.put(number, value),
            _ => self.put(number, hex_upper(value).as_bytes()),
        }
    }

    fn put_role(&mut self, role: Role, value: &[u8]) -> Result<(), Iso8583Error> {
        let number = self.dialect.role(role).ok_or(Iso8583Error::Unknown { field: 0 })?;
        self.put_bytes(number, value);
        Ok(())
    }

    fn end(mut self, mti: u16, out: &mut Vec<u8>) -> Result<(), Iso8583Error> {
        self.list.sort_by_key(|(number, _)| *number);
        let fields: Vec<(u8, Value<'_>)> =
            self.list.iter().map(|(number, value)| (*number, Value::Plain(value))).collect();
        self.dialect.encode(Mti::from_number(mti).ok_or(Iso8583Error::MessageType)?, &fields, out)
    }
}

/// The message type there, of one of 1987.
fn in_version(version: Version, mti: u16) -> u16 {
    match version {
        Version::V1993 => mti.saturating_add(1000),
        _ => mti,
    }
}

/// Ten digits: month, day, hour, minute, second.
fn transmission(at: UnixMs) -> [u8; 10] {
    let when = at.civil();
    let pair = |high: u64, low: u64| high.saturating_mul(100).saturating_add(low);
    padded(
        pair(pair(pair(when.month, when.day), when.hour), when.minute)
            .saturating_mul(100)
            .saturating_add(when.second),
    )
}

/// Twelve digits: year, and [`transmission`].
fn local(at: UnixMs) -> [u8; 12] {
    let mut out = padded::<12>(at.civil().year.saturating_mul(10_000_000_000));
    for (place, digit) in out.iter_mut().skip(2).zip(transmission(at)) {
        *place = digit;
    }
    out
}

/// Appends a payment: `mti` is 100 or 200, as in 1987.
///
/// # Errors
/// [`Iso8583Error`] when the dialect has no place for a field.
pub fn payment(
    (dialect, version): (&Dialect, Version),
    to: &Upstream,
    (mti, terminal, amount): (u16, &[u8; 8], Amount),
    along: &Along,
    out: &mut Vec<u8>,
) -> Result<(), Iso8583Error> {
    let function = if mti == 100 { 100 } else { 200 };
    let about = About { to, mti, amount, terminal, function, approval: None, original: None, left: None };
    write((dialect, version), &about, along, out)
}

/// Appends what stands in an outbox; `again` where it was sent before.
///
/// # Errors
/// [`Iso8583Error`] when the dialect has no place for a field.
pub fn errand(
    (dialect, version): (&Dialect, Version),
    outgoing: &Outgoing,
    again: bool,
    along: &Along,
    out: &mut Vec<u8>,
) -> Result<(), Iso8583Error> {
    let Outgoing { to, terminal, amount, .. } = outgoing;
    let about = |mti: u16, function| About {
        to,
        mti: mti.saturating_add(u16::from(again)),
        amount: *amount,
        terminal,
        function,
        approval: None,
        original: None,
        left: None,
    };
    let about = match &outgoing.errand {
        Errand::Undo(Undo { mti, original, left }) => {
            let part = Some(*left).filter(|left| *left > 0);
            let function = if part.is_some() { 401 } else { 400 };
            About { original: Some((*mti, original)), left: part, ..about(420, function) }
        }
        Errand::Advise(advised) => {
            let original = advised.completes_mti.zip(advised.completes.as_ref());
            let function = if advised.mti == 120 { 101 } else { 201 };
            About { approval: advised.approval, original, ..about(advised.mti, function) }
        }
    };
    write((dialect, version), &about, along, out)
}

fn write(
    (dialect, version): (&Dialect, Version),
    about: &About<'_>,
    along: &Along,
    out: &mut Vec<u8>,
) -> Result<(), Iso8583Error> {
    let mut fields = Fields { dialect, list: Vec::new() };
    let is_1993 = version == Version::V1993;
    fields.put(3, b"000000");
    let minor = about.left.filter(|_| is_1993).unwrap_or(about.amount.minor());
    fields.put(4, &padded::<12>(minor));
    let (at, when) = (transmission(about.to.at), local(about.to.at));
    fields.put(7, &at);
    fields.put(11, &padded::<6>(u64::from(about.to.audit)));
    if is_1993 {
        fields.put(12, &when);
        fields.put(24, &padded::<3>(about.function));
    } else {
        fields.put(12, when.get(6..).unwrap_or_default());
        fields.put(13, at.get(..4).unwrap_or_default());
    }
    if let Some(institution) = along.institution {
        let digits = padded::<11>(institution);
        let zeros = digits.iter().take(10).take_while(|digit| **digit == b'0').count();
        fields.put(32, digits.get(zeros..).unwrap_or_default());
    }
    if let Some(approval) = &about.approval {
        fields.put(38, approval);
    }
    fields.put(41, about.terminal);
    fields.put(49, &padded::<3>(u64::from(about.amount.currency().numeric())));
    if let Some((mti, original)) = &about.original {
        let institution = along.institution.unwrap_or(0);
        let mut named = padded::<4>(u64::from(in_version(version, *mti))).to_vec();
        named.extend_from_slice(&padded::<6>(u64::from(original.audit)));
        if is_1993 {
            named.extend_from_slice(&local(original.at));
            named.extend_from_slice(b"11");
            named.extend_from_slice(&padded::<11>(institution));
            fields.put(56, &named);
        } else {
            named.extend_from_slice(&transmission(original.at));
            named.extend_from_slice(&padded::<11>(institution));
            named.extend_from_slice(&padded::<11>(0));
            fields.put(90, &named);
        }
    }
    if let Some(left) = about.left.filter(|_| !is_1993) {
        let mut amounts = padded::<12>(left).to_vec();
        amounts.extend_from_slice(b"000000000000C00000000C00000000");
        fields.put(95, &amounts);
    }
    if let Some(chip) = &along.chip {
        fields.put_bytes(55, chip);
    }
    match &along.pin {
        Some(block) if block.len() == 8 => fields.put_bytes(52, block),
        Some(block) => fields.put_role(Role::AesPinBlock, block)?,
        None => {}
    }
    if let Some(account) = &along.account {
        fields.put_role(Role::AccountData, account)?;
    }
    fields.end(in_version(version, about.mti), out)
}

/// Appends a message of network management: sign-on (1), sign-off (2) or echo (301), as field 70 of 1987 has them.
///
/// # Errors
/// [`Iso8583Error`] when the dialect has no place for a field.
pub fn network(
    (dialect, version): (&Dialect, Version),
    to: &Upstream,
    code: u16,
    along: &Along,
    out: &mut Vec<u8>,
) -> Result<(), Iso8583Error> {
    let mut fields = Fields { dialect, list: Vec::new() };
    fields.put(7, &transmission(to.at));
    fields.put(11, &padded::<6>(u64::from(to.audit)));
    if let Some(institution) = along.institution {
        fields.put(32, &padded::<11>(institution));
    }
    let mti = if version == Version::V1993 {
        let code = if code == 301 { 831 } else { code.saturating_add(800) };
        fields.put(12, &local(to.at));
        fields.put(24, &padded::<3>(u64::from(code)));
        1804
    } else {
        fields.put(70, &padded::<3>(u64::from(code)));
        800
    };
    fields.end(mti, out)
}

/// What an answer says; `None` of a message that is none, or is not of the message `to`. An approval's amount is that of field 4.
#[must_use]
pub fn told(message: &Message<'_>, to: &Upstream) -> Option<Told> {
    let audit = message.field(11)?.to_number()?;
    let same_time = message.field(7).is_none_or(|field| field.chars().eq(transmission(to.at)));
    if audit != u64::from(to.audit) || !same_time {
        return None;
    }
    let code = message.field(39)?.text();
    let action = match message.mti().version() {
        Version::V1993 => code.parse().ok().filter(|code| *code <= 999),
        _ => action_code(&code).and_then(|code| code.parse().ok()),
    };
    let mut approval = [b' '; 6];
    let field = message.field(38);
    if let Some(field) = &field {
        approval.iter_mut().zip(field.chars()).for_each(|(place, char)| *place = char);
    }
    Some(Told {
        processor: to.processor,
        audit: to.audit,
        // What cannot be understood is no approval.
        action: action.map_or(ActionCode::DECLINED, ActionCode),
        amount: message.field(4).and_then(|field| field.to_number()).unwrap_or(0),
        approval: field.map(|_| approval),
        chip: message
            .field(55)
            .and_then(|field| carried(&field))
            .filter(|chip| chip.len() <= CHIP_LEN_MAX)
            .map(Bytes),
    })
}
