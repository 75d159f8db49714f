//! Payers, authenticators and payees: opened, invited, enrolled, revoked.
use super::commands::{
    EnrolAuthenticator, EnrolPayee, EnrolledOutcome, Fund, InviteAuthenticator, InvitePayee, OpenAccount,
    Outcome, RevokeAuthenticator,
};
use super::money::{self, House, payee_account, payer_account};
use super::tables::{
    AUTHENTICATORS, AUTHENTICATORS_OF, AuthenticatorRow, CODES, CodeRow, PAYEES, PAYERS, PayeeRow, PayerRow,
};
use super::trust::deny;
use crate::messages::{PayeeCertificate, PayeeCertificateBody, Verification};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use symbolon_journal::{Limit, Transfer};
use symbolon_proof::Confirmation;
use symbolon_state::{Ctx, Rows};
use symbolon_types::{CoreRefusal, Hash, UnixSeconds};

type Answer = Result<Outcome, Refusal>;

/// The most payments between two reconciliations: as many as one report names within the longest message, 16 KiB, at 71 bytes an object. An
/// authenticator that had made more could never report them.
pub const COUNT_MAX: u32 = 228;

/// The most rules of verification: every grant carries them.
const RULES_MAX: usize = 8;

/// The longest life of a grant, in seconds: 30 days.
const GRANT_SECONDS_MAX: u64 = 30 * 24 * 3600;

pub(super) fn open(rows: &mut dyn Rows, ctx: &Ctx, command: &OpenAccount) -> Answer {
    let limits = &command.limits;
    let row = PayerRow { limits: limits.clone(), debt: command.debt };
    if let Some(found) = PAYERS.get(rows, &command.payer) {
        return if found == row { Ok(Outcome::Done(())) } else { Err(Own::AccountExists.into()) };
    }
    let sane = (1..=32).contains(&limits.pool)
        && (3..=10).contains(&limits.attempts)
        && (1..=COUNT_MAX).contains(&limits.count)
        && (60..=GRANT_SECONDS_MAX).contains(&limits.grant_seconds)
        && limits.per_payment.minor() > 0
        && limits.for_device().is_some()
        && limits.verification.len() <= RULES_MAX
        && limits.verification.iter().all(|rule| rule.user <= Verification::Platform.code())
        && limits.verification.is_sorted_by_key(|rule| rule.from_minor);
    if !sane {
        return Err(CoreRefusal::Malformed.into());
    }
    if symbolon_journal::account(rows, &command.debt).is_some() {
        return Err(Own::AccountExists.into());
    }
    let currency = limits.per_payment.currency();
    money::open(rows, ctx, payer_account(&command.payer), currency, Limit::DebitsWithinCredits(()))?;
    money::open(rows, ctx, command.debt, currency, Limit::Unlimited(()))?;
    PAYERS.put(rows, &command.payer, &row);
    Ok(Outcome::Done(()))
}

pub(super) fn fund(rows: &mut dyn Rows, ctx: &Ctx, command: &Fund) -> Answer {
    let payer = PAYERS.get(rows, &command.payer).ok_or(Own::AccountUnknown)?;
    if payer.limits.per_payment.currency() != command.amount.currency() {
        return Err(CoreRefusal::AmountInvalid.into());
    }
    let cash = House::Cash.account(command.amount.currency());
    let into = payer_account(&command.payer);
    money::execute(rows, ctx, &[Transfer::posted(command.transfer, cash, into, command.amount, Hash::ZERO)])?;
    Ok(Outcome::Done(()))
}

pub(super) fn invite_authenticator(rows: &mut dyn Rows, command: &InviteAuthenticator) -> Answer {
    if PAYERS.get(rows, &command.payer).is_none() {
        return Err(Own::AccountUnknown.into());
    }
    let row = CodeRow { payer: Some(command.payer), payee: None, used_by: None };
    match CODES.get(rows, &command.code) {
        Some(found) if found.payer == row.payer => {}
        Some(_) => return Err(CoreRefusal::Conflict.into()),
        None => CODES.put(rows, &command.code, &row),
    }
    Ok(Outcome::Done(()))
}

pub(super) fn enrol_authenticator(rows: &mut dyn Rows, ctx: &Ctx, command: &EnrolAuthenticator) -> Answer {
    let mut code = CODES.get(rows, &command.code).ok_or(Own::CodeUnknown)?;
    let payer = code.payer.ok_or(Own::CodeUnknown)?;
    if code.used_by.is_some_and(|key| key != command.signing) {
        return Err(Own::CodeUnknown.into());
    }
    let limits =
        PAYERS.get(rows, &payer).and_then(|row| row.limits.for_device()).ok_or(Own::AccountUnknown)?;
    let known = AUTHENTICATORS.get(rows, &command.authenticator);
    if known.as_ref().is_some_and(|row| row.revoked) {
        return Err(Own::Revoked.into());
    }
    // A repeat of the same code gets the same answer; a new code enrols the same machine anew, with its history.
    let row = match known {
        Some(row) if code.used_by.is_some() => row,
        known => AuthenticatorRow {
            payer,
            signing: command.signing,
            kem: command.kem,
            enrolled_at: ctx.at.seconds(),
            seed: command.seed,
            // A machine that lost its store begins to count anew; nonces repeat none of any time, whatever their number.
            sequence: 0,
            counter: known.as_ref().map_or(0, |row| row.counter),
            revoked: false,
            reported_at: known.as_ref().map_or(UnixSeconds(0), |row| row.reported_at),
            grants_until: known.as_ref().map_or(UnixSeconds(0), |row| row.grants_until),
        },
    };
    code.used_by = Some(command.signing);
    CODES.put(rows, &command.code, &code);
    AUTHENTICATORS.put(rows, &command.authenticator, &row);
    AUTHENTICATORS_OF.put(rows, &(row.payer, command.authenticator), &());
    Ok(Outcome::Enrolled(EnrolledOutcome {
        authenticator: command.authenticator,
        kem: row.kem,
        iat: row.enrolled_at,
        limits,
        seed: row.seed,
    }))
}

pub(super) fn invite_payee(rows: &mut dyn Rows, ctx: &Ctx, command: &InvitePayee) -> Answer {
    let row = PayeeRow {
        name: command.name.clone(),
        mcc: command.mcc,
        cap: command.cap,
        valid_seconds: command.valid_seconds,
        loss_minor: 0,
        certificate: None,
        credits: 0,
    };
    if !(1..=40).contains(&row.name.len()) || row.mcc > 9999 || row.valid_seconds == 0 {
        return Err(CoreRefusal::Malformed.into());
    }
    if PAYEES.get(rows, &command.payee).is_some() {
        let again = CODES.get(rows, &command.code).is_some_and(|code| code.payee == Some(command.payee));
        return if again { Ok(Outcome::Done(())) } else { Err(Own::AccountExists.into()) };
    }
    if CODES.get(rows, &command.code).is_some() {
        return Err(CoreRefusal::Conflict.into());
    }
    let unlimited = Limit::Unlimited(());
    money::open(rows, ctx, payee_account(&command.payee), command.cap.currency(), unlimited)?;
    PAYEES.put(rows, &command.payee, &row);
    let code = CodeRow { payer: None, payee: Some(command.payee), used_by: None };
    CODES.put(rows, &command.code, &code);
    Ok(Outcome::Done(()))
}

pub(super) fn enrol_payee(rows: &mut dyn Rows, ctx: &Ctx, command: &EnrolPayee) -> Answer {
    let mut code = CODES.get(rows, &command.code).ok_or(Own::CodeUnknown)?;
    let payee = code.payee.ok_or(Own::CodeUnknown)?;
    if code.used_by.is_some_and(|key| key != command.signing) {
        return Err(Own::CodeUnknown.into());
    }
    let mut row = PAYEES.get(rows, &payee).ok_or(Own::PayeeUnknown)?;
    let now = ctx.at.seconds();
    // A repeat gets the same claims, under the key that signs then; past half of its life a certificate is made anew for the same key.
    let half = row.valid_seconds.checked_div(2).unwrap_or(0);
    let standing = row.certificate.clone().filter(|certificate| certificate.exp > now.plus(half));
    let certificate = standing.unwrap_or_else(|| PayeeCertificate {
        exp: now.plus(row.valid_seconds),
        iat: now,
        cnf: Confirmation { key: command.signing },
        body: PayeeCertificateBody { payee, name: row.name.clone(), mcc: row.mcc, cap: row.cap },
    });
    code.used_by = Some(command.signing);
    row.certificate = Some(certificate.clone());
    CODES.put(rows, &command.code, &code);
    PAYEES.put(rows, &payee, &row);
    Ok(Outcome::PayeeEnrolled(certificate))
}

pub(super) fn revoke_authenticator(rows: &mut dyn Rows, command: &RevokeAuthenticator) -> Answer {
    AUTHENTICATORS.get(rows, &command.authenticator).ok_or(CoreRefusal::NotFound)?;
    deny(rows, &command.authenticator);
    Ok(Outcome::Done(()))
}
