//! MACs of messages: by a zone's key, or by the keys of a terminal's transaction, one for requests and one for responses.
//!
//! **Invariant:** the vault is the host: under a transaction's keys it checks requests and makes responses, and nothing else.
use super::super::contents::Contents;
use super::super::key::Role;
use super::super::message::{Answer, MacAlgorithm, MacPadding, MacSpec, MakeMac, VerifyMac, ZoneOrDukpt};
use super::pin::working_key;
use super::{Call, PaymentError, Purpose, typed};
use symbolon_keys::cipher::{Padding, cmac, mac_algorithm_1, retail_mac};
use symbolon_keys::keyblock::Operation;
use symbolon_keys::usage::{Key, MacBoth, MacRequest, MacResponse, Usage};
use symbolon_types::{CoreRefusal, Secret};
use symbolon_wire::cbor::Bytes;

/// A MAC of fewer bytes is guessed.
const LEN_MIN: u8 = 4;

fn computed<U: Usage>(key: &Key<U>, spec: &MacSpec, message: &[u8]) -> Result<Secret<Vec<u8>>, PaymentError> {
    let padding = match spec.padding {
        MacPadding::Zeros => Padding::Zeros,
        MacPadding::Bit => Padding::Bit,
    };
    let mut mac = match spec.algorithm {
        MacAlgorithm::Algorithm1 => mac_algorithm_1(&key.tdes()?, message, padding).reveal().to_vec(),
        MacAlgorithm::Retail => retail_mac(&key.tdes()?, message, padding).reveal().to_vec(),
        MacAlgorithm::Cmac => match key.aes() {
            Ok(cipher) => cmac(&cipher, &[message]).reveal().to_vec(),
            Err(_) => cmac(&key.tdes()?, &[message]).reveal().to_vec(),
        },
    };
    let len = usize::from(spec.len);
    if spec.len < LEN_MIN || len > mac.len() {
        return Err(CoreRefusal::FieldInvalid.into());
    }
    mac.truncate(len);
    Ok(Secret::new(mac))
}

/// The MAC under a zone's key, whose role is the algorithm's.
fn zone(
    contents: &Contents,
    spec: &MacSpec,
    (purpose, operation): (Purpose, Operation),
    message: &[u8],
    call: &mut Call<'_>,
) -> Result<Option<Secret<Vec<u8>>>, PaymentError> {
    let ZoneOrDukpt::Zone(key) = &spec.key else { return Ok(None) };
    let role = match spec.algorithm {
        MacAlgorithm::Algorithm1 => Role::MacAlgorithm1,
        MacAlgorithm::Retail => Role::MacRetail,
        MacAlgorithm::Cmac => Role::MacCmac,
    };
    let key: Key<MacBoth> = typed(call.slot(contents, key, &[role], purpose, operation)?)?;
    computed(&key, spec, message).map(Some)
}

pub(super) fn make(
    contents: &Contents,
    asked: &MakeMac,
    call: &mut Call<'_>,
) -> Result<Answer, PaymentError> {
    let message = &asked.message.0;
    let made = match &asked.spec.key {
        ZoneOrDukpt::Dukpt(key) => {
            computed::<MacResponse>(&working_key(contents, key, call)?, &asked.spec, message)?
        }
        ZoneOrDukpt::Zone(_) => {
            let make = (Purpose::Make, Operation::Generate);
            zone(contents, &asked.spec, make, message, call)?.ok_or(CoreRefusal::KeyUsage)?
        }
    };
    Ok(Answer::Bytes(Bytes(made.reveal().clone())))
}

pub(super) fn verify(
    contents: &Contents,
    asked: &VerifyMac,
    call: &mut Call<'_>,
) -> Result<Answer, PaymentError> {
    let message = asked.message.reveal();
    let made = match &asked.spec.key {
        ZoneOrDukpt::Dukpt(key) => {
            computed::<MacRequest>(&working_key(contents, key, call)?, &asked.spec, message)?
        }
        ZoneOrDukpt::Zone(_) => {
            let check = (Purpose::Open, Operation::Verify);
            zone(contents, &asked.spec, check, message, call)?.ok_or(CoreRefusal::KeyUsage)?
        }
    };
    if made.equals(&asked.mac.0) { Ok(Answer::Done(())) } else { Err(CoreRefusal::BadSignature.into()) }
}
