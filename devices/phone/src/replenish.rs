//! What the phone does while it is online: nonces beforehand, and the report afterwards.
use crate::{Failure, Node, Phone, Witness, phone::CRYPTO};
use symbolon_keys::Crypto;
use symbolon_offline_payment::{
    OfflinePaymentRefusal as Own, Refusal,
    messages::{Reconciled, Request, TrustUpdate},
};
use symbolon_proof::Raw;
use symbolon_state::Flash;
use symbolon_types::CoreRefusal;
use symbolon_wire::cbor::Bytes;

/// How many nonces are fetched unless told otherwise.
pub const COUNT_USUAL: u32 = 5;

/// Payments with a receipt that are remembered.
const PAYMENTS_MAX: usize = 100;

impl<F: Flash> Phone<F> {
    /// Fetches `count` nonces: tokens from the authenticator, kept, then the server's grants on them. Tokens of an earlier time whose
    /// grants never came are sent first, the same bytes. The number of nonces that were added.
    ///
    /// # Errors
    /// NOT_ENROLLED, POOL_FULL, FUNDS_SHORT, REVOKED, BAD_GRANT, STORE_FAILED; [`Failure::Transport`]. Tokens that were asked for stay kept.
    pub fn prefetch(&mut self, node: &Node, count: u32, witness: &mut Witness<'_>) -> Result<usize, Failure> {
        self.recover()?;
        self.hear(node)?;
        let wallet = self.secure.get().wallet.clone().drop_expired(self.trust()?.heard)?;
        self.keep(|state| state.wallet = wallet)?;
        let before = self.redeem(node, witness)?;
        let tokens = match self.authenticator.messages(&Request::Nonces(count)) {
            // Nonces that have ended at the server still fill the pool; a reconciliation tells which.
            Err(failure) if is_full(&failure) => {
                self.report(node, witness)?;
                match self.authenticator.messages(&Request::Nonces(count)) {
                    // Full of nonces that have just been granted again: that is what was wanted.
                    Err(failure) if before > 0 && is_full(&failure) => return Ok(before),
                    answer => answer?,
                }
            }
            answer => answer?,
        };
        self.keep(|state| state.asked = tokens)?;
        Ok(before.saturating_add(self.redeem(node, witness)?))
    }

    /// Sends the tokens whose grants are not in, and takes the grants. Where one of them will never be granted they are sent one by one, so that
    /// it alone is given up.
    fn redeem(&mut self, node: &Node, witness: &mut Witness<'_>) -> Result<usize, Failure> {
        let tokens = self.secure.get().asked.clone();
        if tokens.is_empty() {
            return Ok(0);
        }
        match self.redeem_these(node, &tokens, witness) {
            Err(failure) if tokens.len() > 1 && is_never_granted(&failure) => {}
            done => return done,
        }
        let (mut added, mut refused) = (0usize, None);
        for token in &tokens {
            match self.redeem_these(node, std::slice::from_ref(token), witness) {
                Err(failure) if is_never_granted(&failure) => refused = Some(failure),
                done => added = added.saturating_add(done?),
            }
        }
        refused.map_or(Ok(added), Err)
    }

    /// One request, all of it granted or nothing; a token that stands alone in it and is never granted is given up.
    fn redeem_these(
        &mut self,
        node: &Node,
        tokens: &[Bytes],
        witness: &mut Witness<'_>,
    ) -> Result<usize, Failure> {
        let grants: Vec<Bytes> = match node.exchange("grants", &tokens.to_vec()) {
            Err(failure) if tokens.len() == 1 && is_never_granted(&failure) => {
                self.keep(|state| state.asked.retain(|asked| !tokens.contains(asked)))?;
                return Err(failure);
            }
            answer => answer?,
        };
        let wallet = self.secure.get().wallet.clone().add(CRYPTO, &self.trust()?, tokens, &grants)?;
        self.keep(|state| {
            state.wallet = wallet;
            state.asked.retain(|asked| !tokens.contains(asked));
        })?;
        for (number, (token, grant)) in (1..).zip(tokens.iter().zip(&grants)) {
            witness(&format!("nonce-token-{number}"), &token.0);
            witness(&format!("grant-{number}"), &grant.0);
        }
        Ok(tokens.len())
    }

    /// Reports to the server what was emitted, and takes its time, limits and unlocking home.
    ///
    /// # Errors
    /// NOT_ENROLLED, REVOKED, STORE_FAILED; [`Failure::Transport`].
    pub fn reconcile(&mut self, node: &Node, witness: &mut Witness<'_>) -> Result<(), Failure> {
        // First, because the authenticator forgets the objects that the server knows.
        self.recover()?;
        self.hear(node)?;
        self.report(node, witness)
    }

    /// Takes the server's word on its keys in, here and in the authenticator. Nonces that are under a key that counts no more, by the time of the
    /// server's list, leave the wallet and are granted again at the next prefetch.
    ///
    /// # Errors
    /// NOT_ENROLLED; BAD_SIG and GRANT_REVOKED for lists that do not lead on from the keys known; STORE_FAILED; [`Failure::Transport`].
    pub fn hear(&mut self, node: &Node) -> Result<(), Failure> {
        let before = self.trust()?;
        let update = node.trust()?;
        self.tell(&update)?;
        let (trust, _) = before.updated(CRYPTO, &update)?;
        let (wallet, ungranted) = self.secure.get().wallet.clone().drop_revoked(CRYPTO, &trust)?;
        self.keep(|state| {
            (state.trust, state.wallet) = (Some(trust), wallet);
            state.asked.extend(ungranted);
        })
    }

    /// Brings every list to the authenticator, oldest first. A rotation that is not for it, because it knows a later key already, it refuses, and
    /// needs not; the present list it must take.
    pub(crate) fn tell(&self, update: &TrustUpdate) -> Result<(), Failure> {
        for rotation in &update.rotations {
            match self.authenticator.done(&Request::Trust(rotation.clone())) {
                Err(Failure::Transport(error)) => return Err(error.into()),
                Ok(()) | Err(Failure::Refused { .. }) => {}
            }
        }
        self.authenticator.done(&Request::Trust(update.list.clone()))
    }

    fn report(&mut self, node: &Node, witness: &mut Witness<'_>) -> Result<(), Failure> {
        let report = self.authenticator.message(&Request::Report(()))?;
        witness("report", &report.0);
        let answer = node.post("reports", &report)?;
        witness("reconciled", &answer.0);
        self.authenticator.done(&Request::Reconciled(answer.clone()))?;
        self.drop_dead(&answer)?;
        self.forget_old()
    }

    /// Drops the tokens and grants that the authenticator has just dropped, by the same answer, which it has verified.
    fn drop_dead(&mut self, answer: &Bytes) -> Result<(), Failure> {
        let live = Raw(&answer.0).parse::<Reconciled>()?.danger_unverified().body.live.clone();
        let alive = |token: &Bytes| live.contains(&CRYPTO.sha256(&[&token.0]));
        self.keep(|state| {
            state.asked.retain(alive);
            state.wallet.pool.retain(|nonce| alive(&nonce.token));
        })
    }

    /// Forgets payments that can be charged no more, and the oldest of those that have a receipt.
    fn forget_old(&mut self) -> Result<(), Failure> {
        let now = self.trust()?.heard;
        let receipted = self.payments().iter().filter(|held| held.payment.receipt.is_some()).count();
        let mut surplus = receipted.saturating_sub(PAYMENTS_MAX);
        self.keep(|state| {
            state.payments.retain(|held| {
                let surplus_one = held.payment.receipt.is_some() && surplus > 0;
                surplus = surplus.saturating_sub(usize::from(surplus_one));
                !surplus_one && held.payment.may_be_charged_until > now
            });
        })
    }
}

/// Tokens of which the server will never grant one: sending it again leads nowhere.
fn is_never_granted(failure: &Failure) -> bool {
    matches!(
        failure.refusal(),
        Some(
            Refusal::Own(Own::NonceRepeated)
                | Refusal::Core(CoreRefusal::Expired | CoreRefusal::BadSignature)
        )
    )
}

fn is_full(failure: &Failure) -> bool {
    failure.refusal() == Some(Refusal::Own(Own::PoolFull))
}
