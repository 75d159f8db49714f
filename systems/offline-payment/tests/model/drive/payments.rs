//! From a challenge to an object, with whatever credential, nonce and tip; and twice with one nonce.
use super::{Check, Drive, name, same};
use crate::operations::{Cut, Pay};
use crate::reference::{Asking, Challenge, Object, PIN_FROM, Typed};
use crate::world::{PIN, QUICK, eur, forge};
use symbolon_keys::Crypto;
use symbolon_offline_payment::messages::{Request, SealedCredential, SecondNonceRequest, agreed};
use symbolon_offline_payment::payee::Asked;
use symbolon_proof::Raw;
use symbolon_types::Hash;
use symbolon_wire::cbor::Bytes;

impl Drive {
    /// A challenge that is open at this payee.
    pub(super) fn challenge(&mut self, till: usize, amount: u64, tip_max: Option<u64>) -> usize {
        let asked = Asked { tip_minor_max: tip_max, ..Asked::amount(eur(amount)) };
        let challenge = self.shops[till].ask(&asked).unwrap();
        let at = self.challenges.len();
        self.challenges.push(challenge);
        self.model.challenges.push(Challenge { till, amount, tip_max });
        self.model.tills[till].open.push(at);
        at
    }

    fn newest_nonce(&self, at: usize) -> Option<usize> {
        let granted = |nonce: &&usize| self.nonces[**nonce].1.is_some();
        self.handsets[at].machine.pool.iter().rfind(granted).copied()
    }

    /// Two nonces for one challenge: what a machine forgets at a reconciliation, the server does not.
    pub(super) fn pay_twice(&mut self, at: usize) -> Check {
        let challenge = self.challenge(2, 700, None);
        for _ in 0..2 {
            self.pass(1)?;
            let Some(nonce) = self.newest_nonce(at) else { return Ok(()) };
            let asking = Asking { nonce, challenge, tip: None, typed: Typed::Right, otp: false };
            if let Some(object) = self.pay_with(at, &asking, Cut::Never)? {
                self.collude(object, 0, None, false)?;
            }
            self.reconcile(at, Cut::Never)?;
        }
        Ok(())
    }

    pub(super) fn coffee(&mut self, at: usize, reconcile: bool, amount: u64) -> Check {
        self.pass(1)?;
        if reconcile {
            self.reconcile(at, Cut::Never)?;
        }
        self.refill(at, 1)?;
        let granted = |nonce: &&usize| self.nonces[**nonce].1.is_some();
        let Some(nonce) = self.handsets[at].machine.pool.iter().rfind(granted).copied() else {
            return Ok(());
        };
        let challenge = self.challenge(0, amount, None);
        let asking = Asking { nonce, challenge, tip: None, typed: Typed::Nothing, otp: false };
        let object = self.pay_with(at, &asking, Cut::Never)?;
        object.map_or(Ok(()), |object| self.collude(object, 0, None, false))
    }

    pub(super) fn guess(&mut self, at: usize, times: u64) -> Check {
        let Some(nonce) = self.newest_nonce(at) else { return Ok(()) };
        let challenge = self.challenge(0, PIN_FROM, None);
        for _ in 0..times {
            self.pass(4)?;
            let asking = Asking { nonce, challenge, tip: None, typed: Typed::Wrong, otp: false };
            self.pay_with(at, &asking, Cut::Never)?;
        }
        Ok(())
    }

    pub(super) fn pay(&mut self, pay: &Pay) -> Check {
        self.pass(pay.after)?;
        let at = pay.machine % self.handsets.len();
        let machine = &self.handsets[at].machine;
        let granted = |nonce: &usize| self.nonces[*nonce].1.is_some();
        let every = || (0..self.nonces.len()).filter(granted).collect::<Vec<_>>();
        let pooled = || machine.pool.iter().copied().filter(granted).collect::<Vec<_>>();
        let found = if pay.stale { every() } else { pooled() };
        if found.is_empty() {
            return Ok(());
        }
        let nonce = found[pay.nonce % found.len()];
        let challenge = match self.handsets[at].challenge.filter(|_| pay.again) {
            Some(known) => known,
            None => self.challenge(pay.till % self.shops.len(), pay.amount, pay.tip_max),
        };
        self.handsets[at].challenge = Some(challenge);
        let asking = Asking { nonce, challenge, tip: pay.tip, typed: pay.typed, otp: pay.otp };
        let Some(object) = self.pay_with(at, &asking, pay.cut)? else { return Ok(()) };
        if pay.accept { self.accept(object, false, 0, None) } else { Ok(()) }
    }

    /// H(txn) and the tip.
    pub(super) fn agreed(&self, asking: &Asking) -> Hash {
        let key = self.shops[self.model.challenges[asking.challenge].till].key.verifying(&QUICK);
        let challenge = Raw(&self.challenges[asking.challenge].0);
        let asked = challenge.parse::<symbolon_offline_payment::messages::Challenge>().unwrap();
        agreed(&QUICK, asked.verify(&QUICK, &key).unwrap().payload_hash(&QUICK), asking.tip)
    }

    /// From a challenge to an object; `None` where it was refused, or the power went before it was made.
    pub(super) fn pay_with(&mut self, at: usize, asking: &Asking, cut: Cut) -> Result<Option<usize>, String> {
        let second = if asking.otp {
            match self.second(at, asking)? {
                None => return Ok(None),
                second => second,
            }
        } else {
            None
        };
        let sealed = self.sealed(at, asking, second);
        let token = QUICK.sha256(&[&sealed.token.0]);
        let steps = self.model.authorise(&self.handsets[at].machine, asking);
        self.cut(at, cut, |phone| drop(phone.authorise(&sealed)));
        let system = self.handsets[at].phone.authorise(&sealed);
        let made = system.clone().ok();
        if !self.became(at, system.map(|_| ()).map_err(|refused| name(refused.refusal)), &steps)? {
            return Ok(None);
        }
        let recorded = self.handsets[at].phone.message(Request::Reemit(token));
        let recorded =
            recorded.map_err(|refused| format!("an object that was made is not given again: {refused:?}"))?;
        if let Some(made) = made {
            same("an object given again", &recorded, &made)?;
        }
        self.objects.push(recorded);
        let amount = self.model.total(asking);
        self.model.objects.push(Object { nonce: asking.nonce, challenge: asking.challenge, amount });
        Ok(Some(self.objects.len() - 1))
    }

    pub(super) fn second(&mut self, at: usize, asking: &Asking) -> Result<Option<Bytes>, String> {
        let agreed = self.agreed(asking);
        let steps = self.model.second(&self.handsets[at].machine, asking, self.handsets[at].password);
        let token = QUICK.sha256(&[&self.nonces[asking.nonce].0.as_ref().unwrap().0]);
        let challenge = self.challenges[asking.challenge].clone();
        let handset = &mut self.handsets[at];
        let phone = &mut handset.phone;
        let (application, random) = (phone.application.application, phone.nature.random16());
        let otp = phone.otp(agreed);
        handset.password += 1;
        let request =
            SecondNonceRequest { token, challenge, application, random, otp, tip_minor: asking.tip };
        let system = phone.message(Request::SecondNonce(request));
        let second = system.clone().ok();
        self.became(at, system.map(|_| ()).map_err(|refused| name(refused.refusal)), &steps)?;
        Ok(second)
    }

    /// The credential sealed as the specification says, by whoever has the secure application's key.
    pub(super) fn sealed(&self, at: usize, asking: &Asking, second: Option<Bytes>) -> SealedCredential {
        let (token, grant) = self.nonces[asking.nonce].clone();
        let (token, grant) = (token.unwrap(), grant.unwrap());
        let info = forge::info(&QUICK, &token.0, &grant.0);
        let bound = second.as_ref().map_or(&[][..], |second| &second.0);
        let aad = forge::aad(&QUICK, self.agreed(asking), bound);
        let seal = |plain: &[u8], info: &[u8]| {
            let (to, from) = (forge::token_key(&token.0), &self.handsets[at].phone.sender);
            Some(forge::seal(&QUICK, &to, from, info, &aad, plain))
        };
        let credential = match asking.typed {
            Typed::Right => seal(&forge::padded_pin(PIN), &info),
            Typed::Wrong => seal(&forge::padded_pin("00000"), &info),
            Typed::Garbage => seal(&forge::padded_pin(PIN), b"another payment"),
            Typed::Nothing => seal(&[0; 256], &info),
            Typed::Absent => None,
        };
        let challenge = self.challenges[asking.challenge].clone();
        SealedCredential { token, grant, second, credential, challenge, tip_minor: asking.tip }
    }

    /// Two machines of one key, one nonce in both, two payees that ask nothing.
    pub(super) fn double_spend(
        &mut self,
        at: usize,
        nonce: usize,
        online: bool,
        tills: [usize; 2],
        amounts: [u64; 2],
    ) -> Check {
        let device = self.handsets[at].machine.device;
        let twin = |other: &usize| *other != at && self.handsets[*other].machine.device == device;
        let found = (0..self.handsets.len()).find(twin);
        if found.is_none() {
            self.copy(at)?;
        }
        let other = found.unwrap_or(self.handsets.len() - 1);
        let shared = |nonce: &usize| {
            self.nonces[*nonce].1.is_some() && self.handsets[other].machine.pool.contains(nonce)
        };
        let pool = self.handsets[at].machine.pool.clone();
        let both: Vec<usize> = pool.into_iter().filter(shared).collect();
        if other == at || both.is_empty() {
            return Ok(());
        }
        let nonce = both[nonce % both.len()];
        for (machine, (till, amount)) in [at, other].into_iter().zip(tills.into_iter().zip(amounts)) {
            let challenge = self.challenge(till, amount, None);
            let asking = Asking { nonce, challenge, tip: None, typed: Typed::Right, otp: false };
            if let Some(object) = self.pay_with(machine, &asking, Cut::Never)? {
                self.collude(object, 0, None, online && machine == other)?;
            }
        }
        Ok(())
    }
}
