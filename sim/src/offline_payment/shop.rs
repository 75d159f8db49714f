//! A payee with its key, its store and its clock. One that colludes signs receipts for whatever it is shown, and says any time.
//!
//! ```text
//!   want ─► challenge [kept] ─► shown      object ─► accepted [kept] ─► receipt      accepted ─► uploaded ─► answered [kept]
//! ```
use super::authenticator::Trouble;
use super::edge::Route;
use super::facts::{Facts, Taken};
use super::kind;
use crate::crypto::CRYPTO;
use crate::network::{Node, PLATFORM};
use crate::world::Common;
use std::collections::BTreeMap;
use symbolon_keys::{Crypto, LocalSigner, SigningKey, VerifyingKey};
use symbolon_offline_payment::OfflinePaymentRefusal as Own;
use symbolon_offline_payment::messages::{
    Challenge, PayeeId, PayeeNonce, Receipt, ReceiptBody, SKEW_SECONDS, SecureObject, Settlement,
};
use symbolon_offline_payment::payee::{Payee, PayeeState, check_object};
use symbolon_offline_payment::state::SettledOutcome;
use symbolon_offline_payment::trust::Trust;
use symbolon_proof::{Raw, sign};
use symbolon_state::fake::{FakeFlash, Power};
use symbolon_state::{FlashError, Kept};
use symbolon_types::{Amount, Hash, Secret, UnixSeconds};
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};
use symbolon_wire::cbor_map;

cbor_map! {
    /// What a payee keeps.
    #[derive(Clone, Debug)]
    pub struct ShopState {
        /// The seed of its key.
        1 => seed: Secret<[u8; 32]>,
        /// From enrolment on.
        2 => payee: Option<PayeeState>,
        /// The highest time that it has seen.
        3 => time: UnixSeconds,
    }
}

/// A payee.
pub struct Shop {
    /// Its place in the network.
    pub node: Node,
    /// Who it is.
    pub payee: PayeeId,
    /// Whether it keeps to its program.
    pub honest: bool,
    /// How far its clock is off, in milliseconds.
    pub skew_ms: i64,
    /// What a colluding one has to upload.
    pub hoard: Vec<Settlement>,
    code: [u8; 16],
    power: Power,
    flash: FakeFlash,
    kept: Option<Kept<ShopState, FakeFlash>>,
    awaited: BTreeMap<u64, (Route, Hash)>,
    requests: u64,
    server: VerifyingKey,
}

impl Shop {
    /// A payee that enrols with this code.
    pub fn new(
        world: &mut Common,
        node: Node,
        payee: PayeeId,
        honest: bool,
        server: VerifyingKey,
        code: [u8; 16],
    ) -> Self {
        let power = Power::default();
        let mut shop = Self {
            node,
            payee,
            honest,
            skew_ms: 0,
            hoard: Vec::new(),
            code,
            flash: FakeFlash::new(&power),
            power,
            kept: None,
            awaited: BTreeMap::new(),
            requests: 0,
            server,
        };
        shop.start(world);
        shop
    }

    /// Switches it on.
    pub fn start(&mut self, world: &mut Common) {
        if self.kept.is_none() {
            self.power.restore();
            let blank = || {
                Ok::<_, FlashError>(ShopState { seed: world.rng.secret(), payee: None, time: UnixSeconds(0) })
            };
            self.kept = Kept::open(self.flash.clone(), blank).ok();
        }
    }

    /// Switches it off.
    pub fn switch_off(&mut self) {
        self.kept = None;
        self.awaited.clear();
    }

    /// Whether it is on.
    pub fn is_on(&self) -> bool {
        self.kept.is_some()
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
        self.start(world);
    }

    /// What it keeps, while it is on and enrolled.
    pub fn state(&self) -> Option<&PayeeState> {
        self.kept.as_ref().and_then(|kept| kept.get().payee.as_ref())
    }

    /// Its key, while it is on.
    pub fn key(&self) -> Option<SigningKey> {
        self.kept.as_ref().map(|kept| SigningKey::from_seed(kept.get().seed.clone()))
    }

    fn keep(&mut self, world: &mut Common, change: impl FnOnce(&mut ShopState)) -> Result<(), Trouble> {
        let kept = self.kept.as_mut().ok_or(Trouble::Off)?;
        let mut next = kept.get().clone();
        change(&mut next);
        if kept.put(next).is_err() {
            world.tally.fault("payee-power-cut");
            self.switch_off();
            return Err(Trouble::Off);
        }
        Ok(())
    }

    /// The time by its clock; `None` when that shows less than it has seen.
    fn now(&self, world: &Common) -> Option<UnixSeconds> {
        let now = UnixSeconds(world.now_ms.saturating_add_signed(self.skew_ms) / 1000);
        let seen = self.kept.as_ref().map_or(UnixSeconds(0), |kept| kept.get().time);
        (now.plus(SKEW_SECONDS) >= seen).then_some(now)
    }

    fn request(&mut self, world: &mut Common, route: Route, object: Hash, bytes: Vec<u8>) {
        self.requests += 1;
        self.awaited.insert(self.requests, (route, object));
        world.send(self.node, PLATFORM, route.kind(), self.requests, bytes);
    }

    /// Asks for its certificate.
    pub fn enrol(&mut self, world: &mut Common) -> Result<(), Trouble> {
        let key = self.key().ok_or(Trouble::Off)?;
        let request = Payee { crypto: &CRYPTO, key: &key }.request(self.code)?;
        self.request(world, Route::EnrolPayee, Hash::ZERO, request.0);
        Ok(())
    }

    /// Shows a challenge to who wants to pay.
    pub fn charge(&mut self, world: &mut Common, payer: Node, amount: Amount) -> Result<(), Trouble> {
        let (key, state) = (self.key().ok_or(Trouble::Off)?, self.state().ok_or(Own::NotEnrolled)?.clone());
        let (now, nonce) = (self.now(world), PayeeNonce(world.rng.bytes16()));
        let (next, challenge) = Payee { crypto: &CRYPTO, key: &key }.charge(state, amount, nonce, now)?;
        self.keep(world, |state| {
            state.payee = Some(next);
            state.time = state.time.max(now.unwrap_or(state.time));
        })?;
        world.send(self.node, payer, kind::CHALLENGE, 0, challenge.0);
        Ok(())
    }

    /// An object was shown: accepted, kept, and its receipt given. A colluding payee hoards it, whatever it is.
    pub fn take(
        &mut self,
        world: &mut Common,
        facts: &mut Facts,
        payer: Node,
        object: &[u8],
    ) -> Result<(), Trouble> {
        let (key, state) = (self.key().ok_or(Trouble::Off)?, self.state().ok_or(Own::NotEnrolled)?.clone());
        let now = self.now(world);
        let accepted = Payee { crypto: &CRYPTO, key: &key }.accept(state, object, now);
        let (next, receipt) = match accepted {
            Ok(accepted) => accepted,
            Err(refusal) => {
                world.tally.refused(refusal.refused());
                if !self.honest {
                    self.pocket(world, facts, object, None);
                }
                return Err(refusal.into());
            }
        };
        self.keep(world, |state| {
            state.payee = Some(next);
            state.time = state.time.max(now.unwrap_or(state.time));
        })?;
        if self.honest {
            let held = self.taken(world, facts, object, &receipt);
            facts.watched(held);
        } else {
            self.pocket(world, facts, object, None);
        }
        world.send(self.node, payer, kind::RECEIPT, 0, receipt.0);
        Ok(())
    }

    fn taken(
        &self,
        world: &mut Common,
        facts: &mut Facts,
        object: &[u8],
        receipt: &Bytes,
    ) -> crate::tally::Held {
        let Ok(checked) = check_object(&CRYPTO, &Trust::pinned(self.server), object, None) else {
            return Ok(());
        };
        let said = Raw(&receipt.0).parse::<Receipt>();
        let accepted_at = said.map(|said| said.danger_unverified().iat).unwrap_or(UnixSeconds(0));
        facts.taken(
            world,
            Taken {
                payee: self.payee,
                object: checked.id,
                token: checked.grant.body.token,
                amount: checked.object.claims().body.transaction.amount.minor(),
                accepted_at,
                exp: checked.grant.exp,
                answer: None,
            },
        )
    }

    /// Signs a receipt of its own for an object, of any time, and keeps it for upload.
    pub fn pocket(&mut self, world: &mut Common, facts: &mut Facts, object: &[u8], challenge: Option<Bytes>) {
        let Ok(parsed) = Raw(object).parse::<SecureObject>() else { return };
        let claims = parsed.danger_unverified();
        let Some(key) = self.key() else { return };
        let id = CRYPTO.sha256(&[&to_vec(claims)]);
        let now = world.now().seconds().0;
        let iat = match world.rng.below(8) {
            0 => now.saturating_sub(world.rng.below(10 * 24 * 3600)),
            1 => now + world.rng.below(24 * 3600),
            _ => now,
        };
        let body = ReceiptBody { object: id, payee: self.payee, final_minor: None, online: false };
        let receipt = Receipt { iat: UnixSeconds(iat), body };
        let Ok(receipt) = sign(&CRYPTO, &LocalSigner { crypto: &CRYPTO, key: &key }, &receipt) else {
            return;
        };
        let challenge =
            challenge.or_else(|| facts.challenges.get(&claims.body.transaction.challenge).cloned());
        let Some(challenge) = challenge else { return };
        self.hoard.push(Settlement { object: object.into(), challenge, receipt: Bytes(receipt) });
    }

    /// Any challenge of its own, for an object that was made for another.
    pub fn any_challenge(&self, amount: Amount, world: &mut Common) -> Option<Bytes> {
        let (key, state) = (self.key()?, self.state()?.clone());
        let now = Some(world.now().seconds());
        let nonce = PayeeNonce(world.rng.bytes16());
        Payee { crypto: &CRYPTO, key: &key }
            .charge(state, amount, nonce, now)
            .ok()
            .map(|(_, challenge)| challenge)
    }

    /// Asks which keys count and which devices are denied.
    fn ask_trust(&mut self, world: &mut Common) {
        self.request(world, Route::Trust, Hash::ZERO, Vec::new());
    }

    /// Uploads what is not settled, and asks for the trust list as whoever is online does; whether there was anything to upload.
    pub fn upload(&mut self, world: &mut Common) -> bool {
        if self.state().is_some() {
            self.ask_trust(world);
        }
        let Some(state) = self.state() else { return false };
        let waiting: Vec<(Hash, Vec<u8>)> = state
            .accepted
            .iter()
            .filter(|accepted| !accepted.settled)
            .map(|accepted| (accepted.id, to_vec(&accepted.settlement)))
            .collect();
        for (object, settlement) in &waiting {
            self.request(world, Route::Settle, *object, settlement.clone());
        }
        !waiting.is_empty()
    }

    /// Uploads bytes of any kind as a settlement.
    pub fn upload_bytes(&mut self, world: &mut Common, bytes: Vec<u8>) {
        self.request(world, Route::Settle, Hash::ZERO, bytes);
    }

    /// The server's answer.
    pub fn answered(
        &mut self,
        world: &mut Common,
        facts: &mut Facts,
        id: u64,
        answer: Result<Vec<u8>, u16>,
    ) -> Result<(), Trouble> {
        let Some((route, object)) = self.awaited.remove(&id) else { return Ok(()) };
        match route {
            Route::EnrolPayee => {
                let (key, bytes) = (self.key().ok_or(Trouble::Off)?, answer.map_err(|_| Trouble::Odd)?);
                if self.state().is_some() {
                    return Ok(());
                }
                let payee = Payee { crypto: &CRYPTO, key: &key }.enrolled(self.server, Bytes(bytes))?;
                self.keep(world, |state| state.payee = Some(payee))?;
                self.ask_trust(world);
                Ok(())
            }
            Route::Trust => {
                let (key, bytes) = (self.key().ok_or(Trouble::Off)?, answer.map_err(|_| Trouble::Odd)?);
                let state = self.state().ok_or(Own::NotEnrolled)?.clone();
                let heard = Payee { crypto: &CRYPTO, key: &key }.hear(state, &from_slice(&bytes)?)?;
                self.keep(world, |state| state.payee = Some(heard))
            }
            Route::Settle if self.honest => {
                let answer = match answer {
                    Ok(bytes) => Ok(from_slice::<SettledOutcome>(&bytes)?),
                    Err(code) => Err(code),
                };
                let held = facts.answered(world, self.payee, object, answer);
                facts.watched(held);
                self.keep(world, |state| {
                    let known = state
                        .payee
                        .as_mut()
                        .and_then(|payee| payee.accepted.iter_mut().find(|accepted| accepted.id == object));
                    if let Some(known) = known {
                        known.settled = answer.is_ok();
                    }
                })
            }
            _ => Ok(()),
        }
    }

    /// Forgets what answers it awaits.
    pub fn forget_requests(&mut self) {
        self.awaited.clear();
    }

    /// Remembers a challenge that was shown, for who will want to upload it.
    pub fn note_challenge(facts: &mut Facts, challenge: &[u8]) {
        if let Ok(parsed) = Raw(challenge).parse::<Challenge>() {
            let hash = CRYPTO.sha256(&[&to_vec(parsed.danger_unverified())]);
            facts.challenges.insert(hash, challenge.into());
        }
    }
}
