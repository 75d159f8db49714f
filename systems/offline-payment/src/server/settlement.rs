//! What payees send once they are online: settlements, refunds, and the question what they were credited.
use super::Edge;
use crate::authenticator::{AUDIT_INFO, proof_parts};
use crate::messages::{
    Audit, Challenge, PayeeId, Receipt, Refund, SKEW_SECONDS, SecureObjectBody, Settlement, Statement,
    StatementBody, StatementEntry, StatementRequest, Verification, agreed,
};
use crate::payee::check_object;
use crate::state::{self, Command, GrantRow, Settle};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use alloc::vec::Vec;
use symbolon_keys::VerifyingKey;
use symbolon_proof::Raw;
use symbolon_state::Rows;
use symbolon_types::{Amount, CoreRefusal, UnixSeconds};
use symbolon_wire::cbor::{Bytes, from_slice};

/// The most entries in one statement.
const ENTRIES_MAX: u64 = 100;

impl Edge<'_> {
    /// An uploaded settlement: every signature and proof in it is verified here. Its grant may be under any key that the server ever had, a
    /// revoked one too: what protects it is that it must be the very grant on record, so that a stolen key forges none.
    ///
    /// # Errors
    /// MALFORMED, BAD_GRANT, BAD_SIG, LIMIT_TX, UV_TOO_WEAK, WRONG_PAYEE, PAYEE_UNKNOWN, NONCE_UNKNOWN, OPEN_FAILED, TIP_TOO_HIGH, FINAL_TOO_HIGH.
    pub fn open_settlement(&self, rows: &dyn Rows, bytes: &[u8]) -> Result<Command, Refusal> {
        let upload: Settlement = from_slice(bytes)?;
        let checked = check_object(self.crypto, &self.every_key(rows), &upload.object.0, None)?;
        let body = &checked.object.claims().body;
        let grant = state::grant(rows, &body.token).ok_or(Own::NonceUnknown)?;
        if grant.grant != checked.grant {
            return Err(Own::BadGrant.into());
        }
        self.check_proof(&grant, body)?;
        let payee = body.transaction.payee;
        let key = payee_key(rows, &payee)?;
        let asked = Raw(&upload.challenge.0).parse::<Challenge>()?.verify(self.crypto, &key)?;
        let receipt = Raw(&upload.receipt.0).parse::<Receipt>()?.verify(self.crypto, &key)?.into_claims();
        let one = asked.payload_hash(self.crypto) == body.transaction.challenge
            && receipt.body.object == checked.id
            && receipt.body.payee == payee;
        if !one {
            return Err(Own::WrongPayee.into());
        }
        check_amount(asked.claims(), body)?;
        let aad = [body.token.0, body.random].concat();
        let audit = self.keys.open_for_issuer(&body.audit, AUDIT_INFO, &aad)?;
        Ok(Command::Settle(Settle {
            object: checked.id,
            token: body.token,
            payee,
            amount: final_amount(&receipt, body.transaction.amount)?,
            accepted_at: receipt.iat,
            audit: from_slice::<Audit>(audit.reveal())?,
            bytes: upload.object,
            challenge: body.transaction.challenge,
            online: receipt.body.online,
        }))
    }

    /// An object that says that the user was verified proves it; one that says that it was not proves nothing, and [`check_object`] found its
    /// grant to ask for nothing at this amount.
    fn check_proof(&self, grant: &GrantRow, body: &SecureObjectBody) -> Result<(), Refusal> {
        let paid = &body.transaction;
        let agreed = agreed(self.crypto, paid.challenge, paid.tip_minor);
        let parts = proof_parts(&body.token, &body.random, &agreed);
        let holds = match (&body.credential_proof, body.verification) {
            (None, Verification::None) => true,
            (None, _) | (Some(_), Verification::None) => false,
            (Some(proof), _) => self.keys.proof_holds(&grant.authenticator, &parts, proof),
        };
        if holds { Ok(()) } else { Err(CoreRefusal::BadSignature.into()) }
    }

    /// A refund, verified under its payee's key.
    ///
    /// # Errors
    /// MALFORMED, BAD_SIG, PAYEE_UNKNOWN.
    pub fn open_refund(&self, rows: &dyn Rows, bytes: &[u8]) -> Result<Command, Refusal> {
        let signed = Raw(bytes).parse::<Refund>()?;
        let key = payee_key(rows, &signed.danger_unverified().body.payee)?;
        let verified = signed.verify(self.crypto, &key)?;
        let refund = verified.payload_hash(self.crypto);
        let Refund { nonce, body, .. } = verified.into_claims();
        Ok(Command::Refund(state::Refund {
            refund,
            payee: body.payee,
            nonce,
            token: body.token,
            object: body.object,
            amount: body.amount,
        }))
    }

    /// The signed statement that a payee asks for. `now` is the server's time.
    ///
    /// # Errors
    /// MALFORMED, BAD_SIG, PAYEE_UNKNOWN; EXPIRED for a request that is not of this moment; OPEN_FAILED when the vault cannot sign.
    pub fn open_statement(&self, rows: &dyn Rows, bytes: &[u8], now: UnixSeconds) -> Result<Bytes, Refusal> {
        let signed = Raw(bytes).parse::<StatementRequest>()?;
        let key = payee_key(rows, &signed.danger_unverified().body.payee)?;
        let StatementRequest { iat, body } = signed.verify(self.crypto, &key)?.into_claims();
        if now > iat.plus(SKEW_SECONDS) || iat > now.plus(SKEW_SECONDS) {
            return Err(CoreRefusal::Expired.into());
        }
        if body.from == 0 {
            return Err(CoreRefusal::Malformed.into());
        }
        let last = state::payee(rows, &body.payee).ok_or(Own::PayeeUnknown)?.credits;
        let entries = entries(rows, &body.payee, body.from, last);
        let body = StatementBody { payee: body.payee, from: body.from, entries, last };
        self.sign(&Statement { iat: now, body })
    }
}

fn payee_key(rows: &dyn Rows, payee: &PayeeId) -> Result<VerifyingKey, Refusal> {
    let row = state::payee(rows, payee).and_then(|row| row.certificate);
    row.map(|certificate| certificate.cnf.key).ok_or(Own::PayeeUnknown.into())
}

/// What is paid is what was asked for and the tip, and the payee allowed that tip.
fn check_amount(asked: &Challenge, body: &SecureObjectBody) -> Result<(), Refusal> {
    let paid = &body.transaction;
    let (amount, tip_minor) = (asked.body.amount, paid.tip_minor.unwrap_or(0));
    if tip_minor > asked.body.tip_minor_max.unwrap_or(0) {
        return Err(Own::TipTooHigh.into());
    }
    let total = amount.checked_add(Amount::new(tip_minor, amount.currency())?)?;
    if total == paid.amount && asked.nonce == paid.nonce { Ok(()) } else { Err(Own::WrongPayee.into()) }
}

/// What the payee takes of what the object pays.
fn final_amount(receipt: &Receipt, paid: Amount) -> Result<Amount, Refusal> {
    let Some(minor) = receipt.body.final_minor else { return Ok(paid) };
    if (1..=paid.minor()).contains(&minor) {
        Ok(Amount::new(minor, paid.currency())?)
    } else {
        Err(Own::FinalTooHigh.into())
    }
}

fn entries(rows: &dyn Rows, payee: &PayeeId, from: u64, last: u64) -> Vec<StatementEntry> {
    let to = last.min(from.saturating_add(ENTRIES_MAX.saturating_sub(1)));
    let entry = |number| {
        state::credit(rows, payee, number).map(|row| StatementEntry {
            object: row.outcome.object,
            amount: row.outcome.amount,
            source: row.outcome.source,
            refunded_minor: row.refunded_minor,
        })
    };
    (from..=to).filter_map(entry).collect()
}
