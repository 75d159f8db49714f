//! PIN blocks: translated from one key to another, and checked against a verification value.
//!
//! **Invariant:** the clear PIN lives in this module's stack, in types that wipe themselves, and is in no answer.
use super::super::contents::Contents;
use super::super::key::{KeyRef, Role};
use super::super::message::{Answer, CheckPin, DukptKey, DukptScheme, PinFormat, TranslatePin, ZoneOrDukpt};
use super::account::opened;
use super::{Call, PaymentError, Purpose};
use symbolon_keys::cvv::{PinVerification, pvv};
use symbolon_keys::dukpt::{aes, tdes};
use symbolon_keys::keyblock::Operation;
use symbolon_keys::pinblock::{self, Format, Towards, Under};
use symbolon_keys::usage::{self, Key, KeyAlgorithm};
use symbolon_types::CoreRefusal;
use symbolon_wire::cbor::Bytes;

/// The working key of a transaction.
///
/// A base key that is retiring still makes what answers a terminal: only so can its requests be served during the overlap.
pub(super) fn working_key<U: tdes::Working + aes::Derived>(
    contents: &Contents,
    key: &DukptKey,
    call: &mut Call<'_>,
) -> Result<Key<U>, PaymentError> {
    let base: Key<usage::Base> =
        call.key(contents, &key.base, Role::Base, Purpose::Open, Operation::Derive)?;
    let algorithm = match key.scheme {
        DukptScheme::Tdes => {
            let ksn = tdes::Ksn::new(&key.ksn.0)?;
            let initial = tdes::initial_key(&base, &ksn)?;
            return Ok(tdes::working_key(&tdes::transaction_key(&initial, &ksn)?)?);
        }
        DukptScheme::AesTdes2 => KeyAlgorithm::Tdes2,
        DukptScheme::AesTdes3 => KeyAlgorithm::Tdes3,
        DukptScheme::Aes128 => KeyAlgorithm::Aes128,
        DukptScheme::Aes192 => KeyAlgorithm::Aes192,
        DukptScheme::Aes256 => KeyAlgorithm::Aes256,
    };
    let ksn = aes::Ksn::new(&key.ksn.0)?;
    let initial = aes::initial_key(&base, ksn.id)?;
    Ok(aes::transaction(&initial, &ksn)?.working_key(algorithm)?)
}

fn pin_key(
    contents: &Contents,
    key: &ZoneOrDukpt,
    call: &mut Call<'_>,
) -> Result<Key<usage::Pin>, PaymentError> {
    match key {
        ZoneOrDukpt::Zone(key) => call.key(contents, key, Role::Pin, Purpose::Open, Operation::Decipher),
        ZoneOrDukpt::Dukpt(key) => working_key(contents, key, call),
    }
}

fn zone_out(contents: &Contents, key: &KeyRef, call: &mut Call<'_>) -> Result<Key<usage::Pin>, PaymentError> {
    call.key(contents, key, Role::Pin, Purpose::Make, Operation::Encipher)
}

const fn format(format: PinFormat) -> Format {
    match format {
        PinFormat::Zero => Format::Zero,
        PinFormat::One => Format::One,
        PinFormat::Two => Format::Two,
        PinFormat::Three => Format::Three,
        PinFormat::Four => Format::Four,
    }
}

pub(super) fn translate(
    contents: &Contents,
    asked: &TranslatePin,
    call: &mut Call<'_>,
) -> Result<Answer, PaymentError> {
    let from = pin_key(contents, &asked.from, call)?;
    let to = zone_out(contents, &asked.to, call)?;
    let account = opened(contents, &asked.account, call)?;
    let block = pinblock::translate(
        &asked.block.0,
        account.pan(),
        Under { format: format(asked.from_format), key: &from },
        Under { format: format(asked.to_format), key: &to },
        Towards::Host,
        call.entropy.reveal(),
    )?;
    Ok(Answer::Bytes(Bytes(block)))
}

pub(super) fn check(
    contents: &Contents,
    asked: &CheckPin,
    call: &mut Call<'_>,
) -> Result<Answer, PaymentError> {
    let from = pin_key(contents, &asked.from, call)?;
    let key: Key<PinVerification> =
        call.key(contents, &asked.key, Role::PinVerification, Purpose::Open, Operation::Verify)?;
    let account = opened(contents, &asked.account, call)?;
    let pin = pinblock::decipher(format(asked.format), &from, &asked.block.0, account.pan())?;
    let pin = pin.reveal();
    let made = pvv(&key, asked.key_index, &account.number()?, pin.reveal())?;
    if made.equals(asked.pvv.reveal()) { Ok(Answer::Done(())) } else { Err(CoreRefusal::BadSignature.into()) }
}
