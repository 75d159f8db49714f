//! Short values and MACs: `cvv`, `dcvv`, `cvc3`, `pvv`, `offset`, `pin`, `mac`.
//!
//! **Invariant:** as the family's: a refusal names the field, never its value.
use super::{PADDINGS, account, card, derived, field, fixed, key, one, option, refused, required};
use crate::report::{Failure, Outcome};
use crate::tool::flags::{Flags, wrong};
use symbolon_keys::cipher::{Padding, Tdes, retail_mac};
use symbolon_keys::cvv::{self, CardVerification, Ibm3624, IssuerDynamic, PinVerification};
use symbolon_keys::emv::{EmvError, icc_master};
use symbolon_keys::usage::{Key, KeyAlgorithm};
use symbolon_types::{Secret, hex_upper};

pub fn cvv(mut flags: Flags) -> Outcome {
    let key: Key<CardVerification> = key(&mut flags, "cvk", false)?;
    let pan = account(&mut flags)?;
    let (expiry, service) = (flags.required_text("expiry")?, flags.required_text("service")?);
    flags.end()?;
    let value = cvv::cvv(&key, &pan, expiry.reveal(), service.reveal()).map_err(refused)?;
    Ok(one("cvv", value.reveal()))
}

pub fn dynamic_cvv(mut flags: Flags) -> Outcome {
    let (option, aes) = option(&mut flags)?;
    let issuer: Key<IssuerDynamic> = key(&mut flags, "imk", aes)?;
    let card = card(&mut flags)?;
    let atc = flags.required_text("atc")?;
    let (expiry, service) = (flags.required_text("expiry")?, flags.required_text("service")?);
    flags.end()?;
    let icc = icc_master(&issuer, option, &card).map_err(refused)?;
    let value = cvv::dynamic_cvv(&icc, card.pan(), atc.reveal(), expiry.reveal(), service.reveal());
    Ok(one("dcvv", value.map_err(refused)?.reveal()))
}

pub fn cvc3(mut flags: Flags) -> Outcome {
    let icc = derived::<IssuerDynamic>(&mut flags)?;
    let ivcvc3 = match (flags.bytes("track")?, fixed(&mut flags, "ivcvc3")?) {
        (Some(track), None) => cvv::ivcvc3(&icc, track.reveal()).map_err(refused)?,
        (None, Some(ivcvc3)) => ivcvc3,
        (Some(_), Some(_)) => return Err(wrong("ivcvc3", "the track gives it")),
        (None, None) => return Err(wrong("track", "is missing, and --ivcvc3 too")),
    };
    let (atc, un) = (required(&mut flags, "atc")?, required(&mut flags, "un")?);
    let digits = flags.number("digits")?.unwrap_or(5);
    flags.end()?;
    let code = cvv::cvc3(&icc, ivcvc3, un, atc).map_err(refused)?;
    let skipped = 5_usize.checked_sub(digits).filter(|_| digits > 0).ok_or_else(|| field("digits"))?;
    Ok(one("cvc3", code.reveal().get(skipped..).unwrap_or_default()))
}

/// A PIN verification key of double or triple length, or of single length, which is used as both halves.
fn pin_key(flags: &mut Flags) -> Result<Key<PinVerification>, Failure> {
    let given = flags.required_bytes("pvk")?;
    let bytes = given.reveal();
    let made = match bytes.len() {
        8 => Key::new(KeyAlgorithm::Tdes2, Secret::new(bytes.repeat(2)).reveal()),
        24 => Key::new(KeyAlgorithm::Tdes3, bytes),
        _ => Key::new(KeyAlgorithm::Tdes2, bytes),
    };
    made.map_err(|_| refused(EmvError::Key))
}

pub fn pvv(mut flags: Flags) -> Outcome {
    let key = pin_key(&mut flags)?;
    let index = flags.required_number("pvki")?;
    let (pan, pin) = (account(&mut flags)?, flags.required_text("pin")?);
    flags.end()?;
    Ok(one("pvv", cvv::pvv(&key, index, &pan, pin.reveal()).map_err(refused)?.reveal()))
}

fn ibm_3624(flags: &mut Flags) -> Result<(Key<PinVerification>, Ibm3624), Failure> {
    let key = pin_key(flags)?;
    let (table, pan) = (flags.required_text("table")?, account(flags)?);
    let (start, length) = (flags.required_number("start")?, flags.required_number("length")?);
    let pad = flags.required_text("pad")?;
    let mut digits =
        pad.reveal().chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
    let pad = match (digits.next().flatten(), digits.next()) {
        (Some(pad), None) => pad,
        _ => return Err(field("pad")),
    };
    Ok((key, Ibm3624::new(table.reveal(), &pan, start, length, pad).map_err(refused)?))
}

pub fn offset(mut flags: Flags) -> Outcome {
    let (key, method) = ibm_3624(&mut flags)?;
    let pin = flags.required_text("pin")?;
    flags.end()?;
    Ok(one("offset", method.offset(&key, pin.reveal()).map_err(refused)?.reveal()))
}

pub fn pin(mut flags: Flags) -> Outcome {
    let (key, method) = ibm_3624(&mut flags)?;
    let offset = flags.required_text("offset")?;
    flags.end()?;
    Ok(one("pin", method.pin(&key, offset.reveal()).map_err(refused)?.reveal()))
}

pub fn mac(mut flags: Flags) -> Outcome {
    let (key, data) = (flags.required_bytes("key")?, flags.required_bytes("data")?);
    let padding = flags.choice("padding", &PADDINGS)?.unwrap_or(Padding::Bit);
    flags.end()?;
    let cipher = match key.reveal().len() {
        16 | 24 => Tdes::new(key.reveal()).map_err(|_| refused(EmvError::Key))?,
        _ => return Err(refused(EmvError::Key)),
    };
    Ok(one("mac", &hex_upper(retail_mac(&cipher, data.reveal(), padding).reveal())))
}
