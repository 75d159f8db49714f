//! One payment, from the payee's challenge to the secure object.
//!
//! ```text
//!   lost_network ─► challenge ─► Preview ─► nonce taken [kept] ─► password [counter kept] ─► SecondNonce ─► credential sealed
//!     ─► Authorise ─► object [kept] ─► payment application completes ─► present
//! ```
//! **Invariant:** refused before there is an object, the nonce goes back, unless it is dead; died in between, [`Phone::recover`] finds out.
use crate::{
    Failure, HeldPayment, PayeeLink, Phone, Underway, Witness,
    phone::{CRYPTO, random16},
};
use symbolon_keys::Crypto;
use symbolon_offline_payment::{
    OfflinePaymentRefusal as Own, Refusal,
    authenticator::Credential,
    messages::{Preview, Request, SecondNonceRequest, Verification},
    payment_application::{self, launch},
    secure_application::{AwaitCredential, GrantedNonce, LastCall, Offline, Wallet, lost_network},
};
use symbolon_state::Flash;
use symbolon_transport::entropy;
use symbolon_types::{Amount, CoreRefusal, Hash};
use symbolon_wire::cbor::{Bytes, to_vec};

/// What the user is asked for.
pub struct Asking<'a> {
    /// Who is paid, and for what.
    pub preview: &'a Preview,
    /// What will be paid, the tip included.
    pub amount: Amount,
    /// The least verification that is needed; never none. The grant asks for it, or what may be paid without one is used up.
    pub user: Verification,
    /// What a platform authenticator must sign.
    pub question: Hash,
}

/// The user, in front of the phone. A function of the preview that gives a credential is a user who never tips.
pub trait User {
    /// What the user adds, in minor units; asked only where the payee asks for a tip.
    ///
    /// # Errors
    /// Whatever the user's side fails with; nothing is paid then.
    fn tip(&mut self, _preview: &Preview) -> Result<Option<u64>, Failure> {
        Ok(None)
    }

    /// Shows what is to be paid and takes the credential; not called where none is needed.
    ///
    /// # Errors
    /// Whatever the user's side fails with; the nonce goes back.
    fn verify(&mut self, asking: &Asking<'_>) -> Result<Credential, Failure>;
}

impl<T: FnMut(&Preview) -> Result<Credential, Failure>> User for T {
    fn verify(&mut self, asking: &Asking<'_>) -> Result<Credential, Failure> {
        self(asking.preview)
    }
}

/// The user of one payment.
pub type Entry<'a> = dyn User + 'a;

/// A payment in the middle: its nonce, and what the payment application waits for.
struct Sealed {
    application: payment_application::AwaitObject,
    message: symbolon_offline_payment::messages::SealedCredential,
}

impl<F: Flash> Phone<F> {
    /// Pays what the payee asks for. A challenge that already has an object is answered with that object, whatever `entry` would say. What
    /// comes back has a receipt, or may have been charged.
    ///
    /// # Errors
    /// ONLINE unless the network is lost; NO_NONCE, CRED_WRONG, CRED_LOCKED, LIMIT_TX, LIMIT_CUM, BAD_SIG, PAYEE_UNKNOWN, CLOCK_BACK, EXPIRED,
    /// STORE_FAILED, BUSY; [`Failure::Transport`], after which [`Phone::resume`] leads on.
    pub fn pay(
        &mut self,
        link: &mut dyn PayeeLink,
        entry: &mut Entry<'_>,
        last: LastCall,
        witness: &mut Witness<'_>,
    ) -> Result<HeldPayment, Failure> {
        let lost = lost_network(last)?;
        self.trust()?;
        self.recover()?;
        let challenge = Bytes(link.challenge()?);
        witness("challenge", &challenge.0);
        let held = match self.held(&challenge) {
            Some(held) => held,
            None => self.make(challenge, entry, lost, witness)?,
        };
        self.present(held, link, witness)
    }

    /// Makes the object of a challenge; durable on return.
    pub(crate) fn make(
        &mut self,
        challenge: Bytes,
        entry: &mut Entry<'_>,
        lost: Offline,
        witness: &mut Witness<'_>,
    ) -> Result<HeldPayment, Failure> {
        let preview = self.authenticator.preview(&challenge)?;
        let tip_minor = match preview.tip_minor_max {
            Some(_) => entry.tip(&preview)?,
            None => None,
        };
        let (begun, waiting) = self.begin(challenge, preview, tip_minor)?;
        let answer = self.seal(waiting, &begun.challenge, entry, lost, witness).and_then(|sealed| {
            let object = self.authenticator.message(&Request::Authorise(sealed.message))?;
            Ok((object, sealed.application))
        });
        let (object, application) = match answer {
            Ok(answer) => answer,
            Err(failure) => return Err(self.give_back(begun.nonce, failure)?),
        };
        witness("secure-object", &object.0);
        let held = self.made(begun, object)?;
        // The payment application hands over what the secure application gives it, and nothing else.
        application.complete(&held.payment)?;
        Ok(held)
    }

    /// Takes the nonce; durable on return.
    fn begin(
        &mut self,
        challenge: Bytes,
        preview: Preview,
        tip_minor: Option<u64>,
    ) -> Result<(Underway, AwaitCredential), Failure> {
        let before = self.secure.get().wallet.clone();
        let (wallet, waiting) =
            before.clone().offer_with_tip(preview.clone(), challenge.clone(), tip_minor)?;
        let token = waiting.token(CRYPTO);
        let nonce = taken(&before, token).ok_or(Own::NoNonce)?;
        let begun = Underway { nonce, challenge, preview, tip_minor };
        self.keep(|state| (state.wallet, state.underway) = (wallet, Some(begun.clone())))?;
        Ok((begun, waiting))
    }

    fn seal(
        &mut self,
        waiting: AwaitCredential,
        challenge: &Bytes,
        entry: &mut Entry<'_>,
        lost: Offline,
        witness: &mut Witness<'_>,
    ) -> Result<Sealed, Failure> {
        let user = waiting.needed().user;
        let credential = match user {
            Verification::None => None,
            user => Some(entry.verify(&Asking {
                preview: waiting.preview(),
                amount: waiting.amount(),
                user,
                question: waiting.question(CRYPTO),
            })?),
        };
        let (second, application) = self.second(&waiting, challenge, lost)?;
        witness("second-nonce", &second.0);
        let waiting = waiting.with_second(second);
        let (_, message) = match credential {
            Some(credential) => waiting.enter(CRYPTO, credential, &self.key(), lost, &entropy::seed()?)?,
            None => waiting.unverified(CRYPTO, &self.key(), lost, &entropy::seed()?)?,
        };
        witness("sealed-credential", &to_vec(&message));
        Ok(Sealed { application, message })
    }

    /// The payment application's password, its counter raised durably before it is used, and the second nonce that it buys.
    fn second(
        &mut self,
        waiting: &AwaitCredential,
        challenge: &Bytes,
        lost: Offline,
    ) -> Result<(Bytes, payment_application::AwaitObject), Failure> {
        let state = self.application.get().clone();
        let application = state.application;
        let password = launch(state, lost).password(CRYPTO, waiting.agreed(CRYPTO))?;
        self.application.put(password.state)?;
        let request = SecondNonceRequest {
            token: waiting.token(CRYPTO),
            challenge: challenge.clone(),
            application,
            random: random16()?,
            otp: password.otp,
            tip_minor: waiting.tip_minor(),
        };
        Ok((self.authenticator.message(&Request::SecondNonce(request))?, password.next))
    }

    /// After a refusal: the nonce goes back to where it was, behind the others when time was against it, among those to be granted again when its
    /// grant counts no more, or nowhere when it is dead. After anything else nothing is known, and the payment stays underway.
    fn give_back(&mut self, nonce: GrantedNonce, failure: Failure) -> Result<Failure, Failure> {
        let Some(refusal) = failure.refusal() else { return Ok(failure) };
        if refusal == Refusal::Own(Own::StoreFailed) {
            return Ok(failure);
        }
        self.keep(|state| {
            state.underway = None;
            match refusal {
                Refusal::Own(Own::NonceSpent | Own::NonceUnknown) => {}
                // The token still fills the pools: the server signs its grant anew, or says that it never will.
                Refusal::Own(Own::BadGrant | Own::GrantRevoked) => state.asked.push(nonce.token),
                // The authenticator has wiped its pool: no token of it will ever be paid with.
                Refusal::Own(Own::CredentialLocked) => (state.wallet, state.asked) = Default::default(),
                Refusal::Core(CoreRefusal::Expired) => state.wallet.pool.push(nonce),
                _ => state.wallet.pool.insert(0, nonce),
            }
        })?;
        Ok(failure)
    }
}

fn taken(before: &Wallet, token: Hash) -> Option<GrantedNonce> {
    before.pool.iter().find(|nonce| CRYPTO.sha256(&[&nonce.token.0]) == token).cloned()
}
