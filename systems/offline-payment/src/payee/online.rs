//! A payee that is online (profile P1): it asks the server before it gives a receipt, so it needs no list of denied devices and no clock of its own.
//!
//! ```text
//!   forward(object) ──► kept as forwarded ──upload──► SETTLED ──► accepted, settled; the receipt is given
//!        │ again: the same upload      │ dies here: the upload is repeated, the server answers as it did
//!        │                             └──────► refused ──► dropped; the payer is told, and has no receipt
//!        └ known already ──► its receipt again
//! ```
//! **Invariant:** no receipt of a forwarded object leaves before the server has settled it.
use super::{Payee, PayeeState, Taking, bill, check_object};
use crate::messages::{Receipt, SKEW_SECONDS, Settlement};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use symbolon_proof::{Raw, sign};
use symbolon_types::{Hash, UnixSeconds};
use symbolon_wire::cbor::Bytes;

/// What is to be done with an object that was taken online.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forward {
    /// Upload this, once the state is kept, and bring the server's answer to [`Payee::answered`].
    Upload(Hash, Settlement),
    /// It was settled or accepted before: the receipt again.
    Known(Bytes),
}

impl Payee<'_> {
    /// Takes an object that the server will be asked about at once. `server_time` is what the server says the time is. A device that the payee knows
    /// to be denied is refused here already; for others the server decides. `final_minor` as in [`Payee::accept_final`].
    ///
    /// # Errors
    /// As [`Payee::accept_final`], without CLOCK_BACK and DENY_LIST_OLD.
    pub fn forward(
        &self,
        state: PayeeState,
        object: &[u8],
        server_time: UnixSeconds,
        final_minor: Option<u64>,
    ) -> Result<(PayeeState, Forward), Refusal> {
        if let Some(known) = known(&state, |settlement, _| settlement.object.0 == object) {
            return Ok((state, known));
        }
        let checked = check_object(self.crypto, &state.trust, object, Some(server_time))?;
        if let Some(known) = known(&state, |_, id| id == checked.id) {
            return Ok((state, known));
        }
        let taking = Taking { now: server_time, final_minor, online: true };
        let (mut state, forwarded) = self.take(state, object, &checked, &taking)?;
        let upload = Forward::Upload(forwarded.id, forwarded.settlement.clone());
        state.forwarded.push(forwarded);
        Ok((state, upload))
    }

    /// A forwarded object that the server is asked about again, at `server_time`: the same object and challenge, with the receipt as it was, or one
    /// of now where too much time has passed for the server to take that as given online. The former one never left.
    ///
    /// # Errors
    /// CHALLENGE_UNKNOWN when no such object is forwarded; OPEN_FAILED when the key cannot sign.
    pub fn asked_again(
        &self,
        mut state: PayeeState,
        object: Hash,
        server_time: UnixSeconds,
    ) -> Result<(PayeeState, Settlement), Refusal> {
        let found = state.forwarded.iter_mut().find(|forwarded| forwarded.id == object);
        let settlement = &mut found.ok_or(Own::ChallengeUnknown)?.settlement;
        let Receipt { iat, body } =
            Raw(&settlement.receipt.0).parse::<Receipt>()?.danger_unverified().clone();
        if server_time > iat.plus(SKEW_SECONDS) {
            settlement.receipt =
                Bytes(sign(self.crypto, &self.signer(), &Receipt { iat: server_time, body })?);
        }
        let settlement = settlement.clone();
        Ok((state, settlement))
    }

    /// Takes the server's answer for a forwarded object: with its settlement the receipt may be given, once the state is kept. A refusal drops
    /// it; what is no answer (the server busy, the network gone) must not be brought here.
    ///
    /// # Errors
    /// CHALLENGE_UNKNOWN when no such object is forwarded.
    pub fn answered(
        &self,
        mut state: PayeeState,
        object: Hash,
        answer: Result<(), Refusal>,
    ) -> Result<(PayeeState, Option<Bytes>), Refusal> {
        let at = state.forwarded.iter().position(|forwarded| forwarded.id == object);
        let mut answered = state.forwarded.remove(at.ok_or(Own::ChallengeUnknown)?);
        if answer.is_err() {
            return Ok((state, None));
        }
        bill::paid(&mut state, &answered)?;
        let receipt = answered.settlement.receipt.clone();
        answered.settled = true;
        state.accepted.push(answered);
        Ok((state, Some(receipt)))
    }
}

fn known(state: &PayeeState, is: impl Fn(&Settlement, Hash) -> bool) -> Option<Forward> {
    let forwarded = state.forwarded.iter().find(|known| is(&known.settlement, known.id));
    let accepted = state.accepted.iter().find(|known| is(&known.settlement, known.id));
    accepted
        .map(|known| Forward::Known(known.settlement.receipt.clone()))
        .or_else(|| forwarded.map(|known| Forward::Upload(known.id, known.settlement.clone())))
}
