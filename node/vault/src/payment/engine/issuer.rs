//! What an issuer's stand-in checks: application cryptograms and card verification values.
//!
//! **Invariant:** comparisons take the same time whatever differs; a wrong cryptogram and a wrong value are one refusal.
use super::super::contents::Contents;
use super::super::key::Role;
use super::super::message::{Answer, Arc, CardKeyOption, CardValue, CheckCardValue, CheckCryptogram};
use super::account::opened;
use super::{Call, PaymentError, Purpose};
use symbolon_keys::cvv::{CardVerification, cvv};
use symbolon_keys::emv::{
    Card, IssuerAc, IssuerAnswer, MasterKeyOption, icc_master, scheme, verify_cryptogram,
};
use symbolon_keys::keyblock::Operation;
use symbolon_keys::usage::Key;
use symbolon_types::CoreRefusal;
use symbolon_wire::cbor::Bytes;

pub(super) fn cryptogram(
    contents: &Contents,
    asked: &CheckCryptogram,
    call: &mut Call<'_>,
) -> Result<Answer, PaymentError> {
    let scheme = scheme(&asked.scheme).ok_or(CoreRefusal::AlgorithmUnsupported)?;
    let issuer: Key<IssuerAc> =
        call.key(contents, &asked.issuer, Role::IssuerCryptogram, Purpose::Open, Operation::Derive)?;
    let account = opened(contents, &asked.account, call)?;
    let option = match asked.option {
        CardKeyOption::A => MasterKeyOption::A,
        CardKeyOption::B => MasterKeyOption::B,
        CardKeyOption::C => MasterKeyOption::C,
    };
    let card = icc_master(&issuer, option, &Card::new(account.number()?, asked.psn)?)?;
    let session = scheme.session(&card, asked.atc, asked.un)?;
    verify_cryptogram(&session, &asked.data.0, scheme.padding, &asked.cryptogram)?;
    let answer = match &asked.answer {
        Arc::ResponseCode(code) => IssuerAnswer::ResponseCode(*code),
        Arc::StatusUpdate(update) => IssuerAnswer::StatusUpdate(update.csu, &update.proprietary.0),
    };
    let arpc = scheme.arpc(&card, (asked.atc, asked.un), &asked.cryptogram, answer)?;
    Ok(Answer::Bytes(Bytes(arpc)))
}

pub(super) fn card_value(
    contents: &Contents,
    asked: &CheckCardValue,
    call: &mut Call<'_>,
) -> Result<Answer, PaymentError> {
    let key: Key<CardVerification> =
        call.key(contents, &asked.key, Role::CardVerification, Purpose::Open, Operation::Verify)?;
    let account = opened(contents, &asked.account, call)?;
    let expiry = account.expiry().ok_or(CoreRefusal::FieldInvalid)?;
    let service = match asked.kind {
        CardValue::Cvv => account.service_code().ok_or(CoreRefusal::FieldInvalid)?,
        CardValue::Cvv2 => "000",
        CardValue::Icvv => "999",
    };
    let made = cvv(&key, &account.number()?, expiry, service)?;
    if made.reveal().len() == asked.value.reveal().len() && made.equals(asked.value.reveal()) {
        Ok(Answer::Done(()))
    } else {
        Err(CoreRefusal::BadSignature.into())
    }
}
