//! A phone: the secure application and the payment application on a flash that loses power, beside an authenticator. The order of its
//! steps is that of `devices/phone`: what a step gives away is durable first.
//!
//! ```text
//!   asked ──grants──► wallet ──pay──► underway ──object──► payments ──receipt──► payments, receipt there
//!                        ▲               │ refused, or no object was made
//!                        └───────────────┘
//! ```
use super::authenticator::{Device, Trouble};
use super::edge::Route;
use super::facts::Facts;
use super::kind;
use crate::crypto::CRYPTO;
use crate::network::{Node, PLATFORM};
use crate::world::Common;
use std::collections::BTreeMap;
use symbolon_keys::{Crypto, KemKey, VerifyingKey};
use symbolon_offline_payment::authenticator::Credential;
use symbolon_offline_payment::messages::{
    ApplicationId, PayerId, Preview, Reconciled, Reply, Request, SealedCredential, SecondNonceRequest,
};
use symbolon_offline_payment::payment_application::{ApplicationState, launch, pairing};
use symbolon_offline_payment::secure_application::{
    AwaitCredential, AwaitObject, GrantedNonce, LastCall, Offline, Payment, Wallet, first_credential,
    lost_network,
};
use symbolon_offline_payment::trust::Trust;
use symbolon_offline_payment::{OfflinePaymentRefusal as Own, Refusal};
use symbolon_proof::Raw;
use symbolon_state::fake::{FakeFlash, Image, Power};
use symbolon_state::{FlashError, Kept};
use symbolon_types::{CoreRefusal, Secret};
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};
use symbolon_wire::cbor_map;

/// What every user types.
const PIN: &str = "73519";

cbor_map! {
    /// A payment whose nonce is taken and whose object is not in hand.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Underway {
        /// The nonce.
        1 => nonce: GrantedNonce,
        /// What is to be paid.
        2 => challenge: Bytes,
        /// What the authenticator read in it.
        3 => preview: Preview,
        /// Whose challenge.
        4 => shop: u32,
    }

    /// A payment whose object was made.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct HeldPayment {
        /// What is paid.
        1 => challenge: Bytes,
        /// The object, and the receipt once it is there.
        2 => payment: Payment,
        /// To whom.
        3 => shop: u32,
    }

    /// What the applications keep.
    #[derive(Clone, Debug)]
    pub struct PhoneState {
        /// The key that credentials are sealed from.
        1 => key: Secret<[u8; 32]>,
        /// Nonces that may be paid with.
        2 => wallet: Wallet,
        /// Nonce tokens whose grants are not in.
        3 => asked: Vec<Bytes>,
        /// The payment that was begun.
        4 => underway: Option<Underway>,
        /// Payments, oldest first.
        5 => payments: Vec<HeldPayment>,
        /// The payment application.
        6 => application: ApplicationState,
        /// The code that it enrols with, until it has.
        7 => code: Option<[u8; 16]>,
    }
}

/// How the user behaves in one payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Types the PIN.
    Right,
    /// Types another.
    WrongPin,
    /// Something garbles what is sealed on its way.
    Garbled,
    /// Has its network and pays all the same.
    Online,
    /// Uses the one-time password of the payment application although nobody asks for it.
    WithOtp,
}

/// A phone.
pub struct Phone {
    /// Its place in the network.
    pub node: Node,
    /// Whose account it pays from.
    pub payer: PayerId,
    /// Its authenticator.
    pub device: Device,
    /// What the server has said of its device: no more use.
    pub revoked: bool,
    power: Power,
    flash: FakeFlash,
    kept: Option<Kept<PhoneState, FakeFlash>>,
    /// An old image of its own store.
    pub photograph: Option<Image>,
    /// The requests that an answer is awaited for; forgotten when it is switched off.
    awaited: BTreeMap<u64, Route>,
    requests: u64,
    /// How the user behaves next.
    pub mood: Mood,
    /// In the hands of somebody who does not know the PIN and guesses.
    pub stolen: bool,
    /// What was sealed last, for who sends it again.
    pub sealed: Option<SealedCredential>,
    server: VerifyingKey,
    /// The server knows nothing of its code: the invitation was lost.
    pub uninvited: bool,
    /// How often its objects were shown again in a calm world.
    pub presented: u32,
}

impl Phone {
    /// A new phone with a new authenticator, that enrols with this code.
    pub fn new(world: &mut Common, node: Node, payer: PayerId, server: VerifyingKey, code: [u8; 16]) -> Self {
        let power = Power::default();
        let mut phone = Self {
            node,
            payer,
            device: Device::new(world, server),
            revoked: false,
            flash: FakeFlash::new(&power),
            power,
            kept: None,
            photograph: None,
            awaited: BTreeMap::new(),
            requests: 0,
            mood: Mood::Right,
            sealed: None,
            server,
            uninvited: false,
            presented: 0,
            stolen: false,
        };
        phone.start(world);
        phone.keep(world, |state| state.code = Some(code));
        phone
    }

    /// A phone with copies of all that this one has.
    pub fn copy(&self, world: &mut Common, node: Node) -> Self {
        let power = Power::default();
        let flash = FakeFlash::new(&power);
        flash.put_back(&self.flash.image());
        let mut copy = Self {
            node,
            payer: self.payer,
            device: self.device.copy(world),
            revoked: self.revoked,
            flash,
            power,
            kept: None,
            photograph: None,
            awaited: BTreeMap::new(),
            requests: 0,
            mood: Mood::Right,
            sealed: None,
            server: self.server,
            uninvited: false,
            presented: 0,
            stolen: false,
        };
        copy.start(world);
        copy
    }

    /// What it keeps, while it is on.
    pub fn state(&self) -> Option<&PhoneState> {
        self.kept.as_ref().map(Kept::get)
    }

    /// Whether it is on.
    pub fn is_on(&self) -> bool {
        self.kept.is_some()
    }

    /// Switches the applications off.
    pub fn switch_off(&mut self) {
        self.kept = None;
        self.awaited.clear();
    }

    /// Cuts its power after so many points.
    pub fn cut_after(&mut self, points: u64) {
        self.power.cut_after(points);
    }

    /// No cut is planned any more, and it is on.
    pub fn calm(&mut self, world: &mut Common) {
        if self.is_on() {
            self.power.restore();
        }
        self.device.calm();
        self.start(world);
    }

    /// Takes the picture of its store.
    pub fn take_photograph(&mut self) {
        self.photograph = Some(self.flash.image());
    }

    /// Puts an old image of its store back; whether there was one that differs.
    pub fn put_back(&mut self) -> bool {
        let Some(old) = self.photograph.take().filter(|old| *old != self.flash.image()) else { return false };
        self.switch_off();
        self.flash.put_back(&old);
        true
    }

    /// Switches on what is off.
    pub fn start(&mut self, world: &mut Common) {
        if self.kept.is_none() {
            self.power.restore();
            let blank = || {
                Ok::<_, FlashError>(PhoneState {
                    key: world.rng.secret(),
                    wallet: Wallet::default(),
                    asked: Vec::new(),
                    underway: None,
                    payments: Vec::new(),
                    application: ApplicationState {
                        application: ApplicationId(world.rng.bytes16()),
                        secret: world.rng.secret(),
                        counter: 0,
                    },
                    code: None,
                })
            };
            self.kept = Kept::open(self.flash.clone(), blank).ok();
        }
        self.device.start(world);
    }

    /// Changes what is kept; whether it is durable.
    fn keep(&mut self, world: &mut Common, change: impl FnOnce(&mut PhoneState)) -> bool {
        let Some(kept) = &mut self.kept else { return false };
        let mut next = kept.get().clone();
        change(&mut next);
        let done = kept.put(next).is_ok();
        if !done {
            world.tally.fault("phone-power-cut");
            self.switch_off();
        }
        done
    }

    pub(super) fn request(&mut self, world: &mut Common, route: Route, bytes: Vec<u8>) {
        self.requests += 1;
        self.awaited.insert(self.requests, route);
        world.send(self.node, PLATFORM, route.kind(), self.requests, bytes);
    }

    /// Pairs both applications and asks for the enrolment.
    pub fn enrol(&mut self, world: &mut Common) -> Result<(), Trouble> {
        let state = self.state().ok_or(Trouble::Off)?.clone();
        let code = state.code.ok_or(Own::AlreadyEnrolled)?;
        let key = KemKey::from_private(state.key).public(&CRYPTO);
        self.device.done(world, Request::PairSecureApplication(key))?;
        let kem = self.device.status(world)?.kem;
        let message = pairing(&CRYPTO, &state.application, &kem, &world.rng.secret())?;
        self.device.done(world, Request::PairPaymentApplication(message))?;
        let request = self.device.message(world, Request::BeginEnrolment(code))?;
        self.request(world, Route::Enrol, request.0);
        Ok(())
    }

    fn enrolled(&mut self, world: &mut Common, facts: &mut Facts, enrolment: Vec<u8>) -> Result<(), Trouble> {
        let key = KemKey::from_private(self.state().ok_or(Trouble::Off)?.key.clone());
        let kem = self.device.status(world)?.kem;
        let pin = Credential::pin(Secret::new(PIN.into()))?;
        let message = first_credential(&CRYPTO, &kem, Bytes(enrolment), &pin, &key, &world.rng.secret())?;
        self.device.done(world, Request::CompleteEnrolment(message))?;
        facts.attempts.remove(&self.device.id());
        self.keep(world, |state| {
            (state.wallet, state.asked, state.code) = (Wallet::default(), Vec::new(), None);
        });
        Ok(())
    }

    /// Asks for nonces, those first that were asked for before.
    pub fn prefetch(&mut self, world: &mut Common, facts: &mut Facts, count: u32) -> Result<(), Trouble> {
        self.recover(world, facts)?;
        let state = self.state().ok_or(Trouble::Off)?.clone();
        let wallet = state.wallet.drop_expired(world.now().seconds())?;
        self.keep(world, |state| state.wallet = wallet);
        if state.asked.is_empty() {
            let tokens = match self.device.ask(world, Request::Nonces(count)) {
                Ok(Reply::Messages(tokens)) => tokens,
                Err(Trouble::Refused(Refusal::Own(Own::PoolFull))) => return self.reconcile(world, facts),
                Err(trouble) => return Err(trouble),
                Ok(_) => return Err(Trouble::Odd),
            };
            self.keep(world, |state| state.asked = tokens);
        }
        let asked = self.state().ok_or(Trouble::Off)?.asked.clone();
        self.request(world, Route::Grants, to_vec(&asked));
        Ok(())
    }

    fn granted(&mut self, world: &mut Common, grants: &[u8]) -> Result<(), Trouble> {
        let grants: Vec<Bytes> = from_slice(grants)?;
        let state = self.state().ok_or(Trouble::Off)?.clone();
        let wallet = state.wallet.add(&CRYPTO, &Trust::pinned(self.server), &state.asked, &grants)?;
        self.keep(world, |state| (state.wallet, state.asked) = (wallet, Vec::new()));
        Ok(())
    }

    /// Reports what was emitted.
    pub fn reconcile(&mut self, world: &mut Common, facts: &mut Facts) -> Result<(), Trouble> {
        self.recover(world, facts)?;
        let report = self.device.message(world, Request::Report(()))?;
        self.request(world, Route::Report, report.0);
        Ok(())
    }

    fn reconciled(&mut self, world: &mut Common, answer: Vec<u8>) -> Result<(), Trouble> {
        self.device.done(world, Request::Reconciled(Bytes(answer.clone())))?;
        let live = Raw(&answer).parse::<Reconciled>()?.danger_unverified().body.live.clone();
        let alive = |token: &Bytes| live.contains(&CRYPTO.sha256(&[&token.0]));
        self.keep(world, |state| {
            state.asked.retain(alive);
            state.wallet.pool.retain(|nonce| alive(&nonce.token));
        });
        Ok(())
    }

    /// Finds out what became of a payment that was begun and never ended.
    pub(super) fn recover(&mut self, world: &mut Common, facts: &mut Facts) -> Result<(), Trouble> {
        let Some(begun) = self.state().ok_or(Trouble::Off)?.underway.clone() else { return Ok(()) };
        let token = CRYPTO.sha256(&[&begun.nonce.token.0]);
        match self.device.message(world, Request::Reemit(token)) {
            Ok(object) => self.made(world, facts, begun, object),
            Err(Trouble::Refused(Refusal::Own(Own::NonceUnknown))) => {
                self.keep(world, |state| {
                    state.wallet.pool.insert(0, begun.nonce);
                    state.underway = None;
                });
                Ok(())
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// The object of a payment that was begun is in hand.
    fn made(
        &mut self,
        world: &mut Common,
        facts: &mut Facts,
        begun: Underway,
        object: Bytes,
    ) -> Result<(), Trouble> {
        let token = CRYPTO.sha256(&[&begun.nonce.token.0]);
        let held = self.device.emitted(world, facts, token, &object);
        facts.watched(held);
        let waiting = AwaitObject { token, preview: begun.preview, tip_minor: None };
        let payment = waiting.received(&CRYPTO, &Trust::pinned(self.server), object)?;
        let held = HeldPayment { challenge: begun.challenge, payment, shop: begun.shop };
        self.keep(world, |state| {
            state.underway = None;
            state.payments.push(held);
        });
        Ok(())
    }

    /// A challenge was shown: it is paid, or its object is shown again.
    pub fn pay(
        &mut self,
        world: &mut Common,
        facts: &mut Facts,
        shop: Node,
        challenge: Bytes,
    ) -> Result<(), Trouble> {
        let last = if self.mood == Mood::Online { LastCall::Answered } else { LastCall::Forbidden };
        let lost = lost_network(last)?;
        self.recover(world, facts)?;
        let known = self.state().ok_or(Trouble::Off)?.payments.iter().any(|held| held.challenge == challenge);
        if !known {
            self.make(world, facts, shop, challenge.clone(), lost)?;
        }
        self.present(world, &challenge);
        Ok(())
    }

    /// Hands over the object that pays this challenge.
    fn present(&mut self, world: &mut Common, challenge: &Bytes) {
        let held =
            self.state().and_then(|state| state.payments.iter().find(|held| held.challenge == *challenge));
        if let Some(held) = held {
            world.send(self.node, held.shop, kind::OBJECT, 0, held.payment.object.0.clone());
        }
    }

    /// Shows again every object that has no receipt; whether there was one.
    pub fn present_again(&mut self, world: &mut Common, facts: &mut Facts) -> Result<bool, Trouble> {
        self.recover(world, facts)?;
        let state = self.state().ok_or(Trouble::Off)?;
        let open: Vec<Bytes> = state
            .payments
            .iter()
            .filter(|held| held.payment.receipt.is_none())
            .map(|held| held.challenge.clone())
            .collect();
        open.iter().for_each(|challenge| self.present(world, challenge));
        Ok(!open.is_empty())
    }

    fn make(
        &mut self,
        world: &mut Common,
        facts: &mut Facts,
        shop: Node,
        challenge: Bytes,
        lost: Offline,
    ) -> Result<(), Trouble> {
        let preview = match self.device.ask(world, Request::Preview(challenge.clone()))? {
            Reply::Preview(preview) => preview,
            _ => return Err(Trouble::Odd),
        };
        let before = self.state().ok_or(Trouble::Off)?.wallet.clone();
        let (wallet, waiting) = before.clone().offer(preview.clone(), challenge.clone())?;
        let token = waiting.token(&CRYPTO);
        let nonce = before.pool.into_iter().find(|nonce| CRYPTO.sha256(&[&nonce.token.0]) == token);
        let begun = Underway { nonce: nonce.ok_or(Own::NoNonce)?, challenge, preview, shop };
        if !self.keep(world, |state| (state.wallet, state.underway) = (wallet, Some(begun.clone()))) {
            return Err(Trouble::Off);
        }
        let sealed = self.seal(world, waiting, &begun.challenge, lost);
        let answer = sealed.and_then(|sealed| {
            self.sealed = Some(sealed.clone());
            let answer = self.device.message(world, Request::Authorise(sealed));
            self.device.attempted(world, facts, &answer);
            answer
        });
        match answer {
            Ok(object) => self.made(world, facts, begun, object),
            Err(trouble) => {
                self.give_back(world, begun.nonce, trouble);
                Err(trouble)
            }
        }
    }

    fn seal(
        &mut self,
        world: &mut Common,
        mut waiting: AwaitCredential,
        challenge: &Bytes,
        lost: Offline,
    ) -> Result<SealedCredential, Trouble> {
        if waiting.needs_otp() || self.mood == Mood::WithOtp {
            let application = self.state().ok_or(Trouble::Off)?.application.clone();
            let password = launch(application, lost).password(&CRYPTO, waiting.preview().transaction)?;
            let id = password.state.application;
            if !self.keep(world, |state| state.application = password.state) {
                return Err(Trouble::Off);
            }
            let request = SecondNonceRequest {
                token: waiting.token(&CRYPTO),
                challenge: challenge.clone(),
                application: id,
                random: world.rng.bytes16(),
                otp: password.otp,
                tip_minor: None,
            };
            let second = self.device.message(world, Request::SecondNonce(request))?;
            waiting = waiting.with_second(second);
        }
        let pin = if self.mood == Mood::WrongPin { "00000" } else { PIN };
        let pin = Credential::pin(Secret::new(pin.into()))?;
        let key = KemKey::from_private(self.state().ok_or(Trouble::Off)?.key.clone());
        let (_, mut sealed) = waiting.enter(&CRYPTO, pin, &key, lost, &world.rng.secret())?;
        if self.mood == Mood::Garbled {
            let garbled = world.rng.bytes32();
            sealed.credential.iter_mut().for_each(|sealed| sealed.enc = garbled);
        }
        Ok(sealed)
    }

    /// After a refusal the nonce goes back to where it was, or nowhere when it is dead. After anything else nothing is known.
    fn give_back(&mut self, world: &mut Common, nonce: GrantedNonce, trouble: Trouble) {
        let Trouble::Refused(refusal) = trouble else { return };
        if refusal == Refusal::Own(Own::StoreFailed) {
            return;
        }
        self.keep(world, |state| {
            state.underway = None;
            match refusal {
                Refusal::Own(Own::NonceSpent | Own::NonceUnknown | Own::BadGrant) => {}
                Refusal::Own(Own::CredentialLocked) => (state.wallet, state.asked) = Default::default(),
                Refusal::Core(CoreRefusal::Expired) => state.wallet.pool.push(nonce),
                _ => state.wallet.pool.insert(0, nonce),
            }
        });
    }

    /// A receipt was given.
    pub fn receipt(&mut self, world: &mut Common, receipt: &[u8]) {
        let Some(state) = self.state() else { return };
        let paid = state.payments.iter().enumerate().find_map(|(at, held)| {
            let paid = held.payment.clone().receipt(&CRYPTO, &held.challenge.0, receipt.into());
            paid.ok().map(|paid| (at, paid))
        });
        let Some((at, paid)) = paid else { return };
        self.keep(world, |state| {
            state.payments.iter_mut().skip(at).take(1).for_each(|held| held.payment = paid.clone());
        });
    }

    /// The server's answer to a request of this phone.
    pub fn answered(
        &mut self,
        world: &mut Common,
        facts: &mut Facts,
        id: u64,
        answer: Result<Vec<u8>, u16>,
    ) -> Result<(), Trouble> {
        let Some(route) = self.awaited.remove(&id) else { return Ok(()) };
        match (route, answer) {
            (Route::Enrol, Ok(bytes)) => {
                let enrolled = self.enrolled(world, facts, bytes);
                // The answer to a code that was used before one of the stores was put back: its holder asks for another.
                let refused = Refusal::Core(CoreRefusal::OpenFailed);
                self.uninvited |= matches!(&enrolled, Err(Trouble::Refused(found)) if *found == refused);
                enrolled
            }
            (Route::Grants, Ok(bytes)) => self.granted(world, &bytes),
            (Route::Report, Ok(bytes)) => self.reconciled(world, bytes),
            (_, Ok(_)) => Ok(()),
            (route, Err(code)) => {
                self.refused(world, route, code);
                Ok(())
            }
        }
    }

    fn refused(&mut self, world: &mut Common, route: Route, code: u16) {
        let refusal = Refusal::from_code(code);
        if refusal == Some(Refusal::Own(Own::Revoked)) {
            self.revoked = true;
        }
        if route == Route::Enrol && refusal == Some(Refusal::Own(Own::CodeUnknown)) {
            self.uninvited = true;
        }
        let never = matches!(
            refusal,
            Some(
                Refusal::Own(Own::NonceRepeated)
                    | Refusal::Core(CoreRefusal::Expired | CoreRefusal::BadSignature)
            )
        );
        if route == Route::Grants && never {
            self.keep(world, |state| state.asked.clear());
        }
    }

    /// Whether an answer is awaited.
    pub fn forget_requests(&mut self) {
        self.awaited.clear();
    }

    /// Takes a code to enrol with anew.
    pub fn take_code(&mut self, world: &mut Common, code: [u8; 16]) {
        self.uninvited = !self.keep(world, |state| state.code = Some(code));
    }
}
