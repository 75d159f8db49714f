//! What truly happened, known to the world alone, and what must therefore be true: of each event at once, of the rows whenever they changed.
use super::edge;
use crate::crypto::CRYPTO;
use crate::tally::{Broken, Held};
use crate::world::Common;
use std::collections::{BTreeMap, BTreeSet};
use symbolon_journal::{AccountId, account};
use symbolon_keys::Crypto;
use symbolon_offline_payment::evidence::{Verdict, judge};
use symbolon_offline_payment::messages::{
    AuthenticatorId, Challenge, PayeeId, PayerId, Receipt, SETTLEMENT_WINDOW_SECONDS, SKEW_SECONDS,
    SecureObject, Settlement, Transaction,
};
use symbolon_offline_payment::state::{
    self, Command, Settle, SettledOutcome, Source, authenticator, evidences, grant, payee_credited,
    payer_balance, settlement,
};
use symbolon_offline_payment::{OfflinePaymentRefusal as Own, Refusal};
use symbolon_proof::Raw;
use symbolon_state::Rows;
use symbolon_types::{CoreRefusal, Hash, UnixSeconds};
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};

/// An object that came out of an authenticator.
#[derive(Clone, Debug)]
pub struct Emission {
    /// Which device key made it.
    pub device: AuthenticatorId,
    /// For whom.
    pub payee: PayeeId,
    /// How much, in minor units.
    pub minor: u64,
}

/// An object that an honest payee gave a receipt for.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Who.
    pub payee: PayeeId,
    /// The object.
    pub object: Hash,
    /// Its nonce.
    pub token: Hash,
    /// How much, in minor units.
    pub amount: u64,
    /// When, as the receipt says.
    pub accepted_at: UnixSeconds,
    /// When its grant ends.
    pub exp: UnixSeconds,
    /// The last answer of the server.
    pub answer: Option<Result<SettledOutcome, u16>>,
}

/// What truly happened.
#[derive(Default)]
pub struct Facts {
    /// Objects by their nonce.
    pub objects: BTreeMap<Hash, BTreeMap<Hash, Emission>>,
    /// Devices whose key somebody copied.
    pub compromised: BTreeSet<AuthenticatorId>,
    /// Devices whose store somebody put back.
    pub rolled_back: BTreeSet<AuthenticatorId>,
    /// Devices that the operator revoked.
    pub revoked: BTreeSet<AuthenticatorId>,
    /// All devices.
    pub devices: BTreeSet<AuthenticatorId>,
    /// What honest payees gave receipts for.
    pub takings: Vec<Taken>,
    /// Wrong credentials in a row, by device.
    pub attempts: BTreeMap<AuthenticatorId, u32>,
    /// The most wrong credentials in a row.
    pub attempts_max: u32,
    /// The payees' caps in minor units.
    pub caps: BTreeMap<PayeeId, u64>,
    /// Payers, and what was submitted to be brought into their accounts, in minor units.
    pub funded: BTreeMap<PayerId, u64>,
    /// Challenges that were shown, by their H(txn).
    pub challenges: BTreeMap<Hash, Bytes>,
    paid_challenges: BTreeMap<(AuthenticatorId, Hash), Hash>,
    asked: BTreeMap<Hash, PayerId>,
    pairs: BTreeSet<(Hash, PayeeId)>,
    settled: BTreeMap<(Hash, PayeeId), SettledOutcome>,
    /// Times of acceptance that were submitted, by object and payee.
    said: BTreeMap<(Hash, PayeeId), BTreeSet<UnixSeconds>>,
    version: u64,
    broken: Option<Broken>,
}

impl Facts {
    /// Remembers the first thing that was found wrong in the middle of a step.
    pub fn watched(&mut self, held: Held) {
        self.broken = self.broken.take().or(held.err());
    }

    /// An object came out of a device.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn emitted(&mut self, world: &mut Common, device: AuthenticatorId, object: &SecureObject) -> Held {
        let (token, challenge) = (object.body.token, object.body.transaction.challenge);
        let id = CRYPTO.sha256(&[&to_vec(object)]);
        let emission = Emission {
            device,
            payee: object.body.transaction.payee,
            minor: object.body.transaction.amount.minor(),
        };
        let asked = self.challenges.get(&challenge);
        let asked = asked.and_then(|asked| Raw(&asked.0).parse::<Challenge>().ok());
        let agreed = asked.is_none_or(|asked| as_asked(asked.danger_unverified(), &object.body.transaction));
        world.check("emitted-as-asked", agreed, || {
            format!("{:?} of another challenge", object.body.transaction)
        })?;
        let of_nonce = self.objects.entry(token).or_default();
        of_nonce.insert(id, emission);
        if self.compromised.contains(&device) {
            return Ok(());
        }
        world.check("nonce-emitted-once", of_nonce.len() == 1, || {
            format!("{} objects of nonce {token}", of_nonce.len())
        })?;
        // A store that was put back has forgotten what it paid: there the payee alone stops the second.
        if self.rolled_back.contains(&device) {
            return Ok(());
        }
        let first = *self.paid_challenges.entry((device, challenge)).or_insert(id);
        world.check("challenge-paid-once", first == id, || {
            format!("challenge {challenge} was paid by {first} and {id}")
        })
    }

    /// A credential was compared, or an object made.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn attempted(
        &mut self,
        world: &mut Common,
        device: AuthenticatorId,
        wrong: bool,
        right: bool,
    ) -> Held {
        let count = self.attempts.entry(device).or_default();
        if wrong {
            *count += 1;
        } else if right {
            *count = 0;
        }
        let (count, most) = (*count, self.attempts_max);
        world.check("attempts-are-bounded", count <= most || self.compromised.contains(&device), || {
            format!("{count} wrong credentials in a row")
        })
    }

    /// An honest payee gave a receipt.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn taken(&mut self, world: &mut Common, taken: Taken) -> Held {
        let made = self.objects.get(&taken.token).and_then(|objects| objects.get(&taken.object));
        let right = made.is_some_and(|made| made.payee == taken.payee && made.minor == taken.amount);
        world.check("accepted-was-emitted", right, || format!("{taken:?} was made by nobody: {made:?}"))?;
        if !self.takings.iter().any(|known| known.object == taken.object) {
            self.takings.push(taken);
        }
        Ok(())
    }

    /// A command of the edge is about to be submitted.
    pub fn opened(&mut self, rows: &dyn Rows, command: &Command) {
        match command {
            Command::GrantNonces(asked) => {
                let payer = authenticator(rows, &asked.authenticator).map(|row| row.payer);
                let tokens = asked.tokens.iter().map(|facts| facts.token);
                self.asked.extend(
                    payer.into_iter().flat_map(|payer| tokens.clone().map(move |token| (token, payer))),
                );
            }
            Command::Settle(settle) => {
                self.pairs.insert((settle.token, settle.payee));
                self.said.entry((settle.object, settle.payee)).or_default().insert(settle.accepted_at);
            }
            _ => {}
        }
    }

    /// The edge took an upload for a settlement: its three messages are about one payment, told from its bytes alone.
    ///
    /// # Errors
    /// [`Broken`]: `uploads-are-of-one-payment`.
    pub fn uploaded(&self, world: &mut Common, bytes: &[u8], taken: &Settle) -> Held {
        let one = of_one_payment(bytes, taken).unwrap_or(false);
        world.check("uploads-are-of-one-payment", one, || format!("object {} was taken", taken.object))
    }

    /// The server answered an honest payee's upload.
    ///
    /// # Errors
    /// [`Broken`]: an answer that changed, a refusal that no rule gives, a payee inside the rules that was not paid.
    pub fn answered(
        &mut self,
        world: &mut Common,
        payee: PayeeId,
        object: Hash,
        answer: Result<SettledOutcome, u16>,
    ) -> Held {
        let Some(at) = self.takings.iter().position(|taken| taken.object == object && taken.payee == payee)
        else {
            return Ok(());
        };
        if let Ok(outcome) = answer {
            let first = *self.settled.entry((object, payee)).or_insert(outcome);
            world.check("repeat-answers-the-same", first == outcome, || {
                format!("{first:?}, then {outcome:?}")
            })?;
            let amount = self.takings.get(at).map_or(0, |taken| taken.amount);
            let right = outcome.object == object && outcome.amount.minor() == amount;
            world.check("paid-what-was-accepted", right, || format!("{outcome:?} for {amount}"))?;
        }
        if let Some(taken) = self.takings.get_mut(at) {
            taken.answer = Some(answer);
        }
        Ok(())
    }

    /// The writer has decided on an honest payee's object: before anything else comes, whether by the rules.
    ///
    /// # Errors
    /// [`Broken`]: `honest-payee-is-paid`.
    pub fn decided(&self, world: &mut Common, payee: PayeeId, object: Hash, refusal: Refusal) -> Held {
        let Some(taken) = self.takings.iter().find(|taken| taken.object == object && taken.payee == payee)
        else {
            return Ok(());
        };
        let at = UnixSeconds(world.platform.at_ms() / 1000);
        let late = world.platform.at_ms() >= taken.exp.plus(SETTLEMENT_WINDOW_SECONDS).ms().0;
        let early = taken.accepted_at > at.plus(SKEW_SECONDS);
        let (token, minor) = (taken.token, taken.amount);
        let spent_and_beyond = world.platform.read(|rows| {
            let spent = grant(rows, &token).and_then(|row| row.spent_by).is_some_and(|by| by != object);
            let loss = state::payee(rows, &payee).map_or(0, |row| row.loss_minor);
            spent && loss + minor > self.caps.get(&payee).copied().unwrap_or(0)
        });
        let by_rule = match refusal {
            Refusal::Own(Own::SettledLate) => late || early,
            // Where the writer has ended since, the rows that it decided on cannot be read.
            Refusal::Own(Own::OutsideCap) => spent_and_beyond != Ok(false),
            _ => false,
        };
        world.check("honest-payee-is-paid", by_rule, || format!("{:?} for {taken:?}", refusal.refused()))
    }

    /// Everything that can be told from the rows, if they changed.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn check(&mut self, world: &mut Common) -> Held {
        if let Some(broken) = self.broken.take() {
            return Err(broken);
        }
        if world.platform.version() == self.version || !world.platform.is_up() {
            return Ok(());
        }
        self.version = world.platform.version();
        let at = world.platform.at_ms();
        let server = edge::server_key(&world.platform);
        let found = world.platform.read(|rows| self.rows(rows, at, server));
        let found = found
            .map_err(|refusal| Broken { invariant: "rows-are-readable", detail: refusal.to_string() })?;
        found.into_iter().try_for_each(|(invariant, held)| match held {
            Ok(()) => world.check(invariant, true, String::new),
            Err(detail) => world.check(invariant, false, || detail),
        })
    }

    fn rows(
        &self,
        rows: &dyn Rows,
        at_ms: u64,
        server: Option<symbolon_keys::VerifyingKey>,
    ) -> Vec<(&'static str, Result<(), String>)> {
        let system = state::audit(rows).map(|_| ()).map_err(|damage| format!("{damage:?}"));
        vec![
            ("money-conserved", conserved(rows)),
            ("posted-within-reserved-and-losses-within-caps", system),
            ("payers-pay-what-was-settled", self.payers(rows, at_ms)),
            ("one-credit-a-nonce-and-payee", self.payees(rows)),
            ("settled-was-accepted-in-time", self.in_time(rows, at_ms)),
            ("losses-are-of-copied-devices", self.losses(rows)),
            ("honest-devices-stay", self.devices(rows)),
            ("evidence-names-the-guilty", self.guilty(rows, server)),
        ]
    }

    /// What left each payer is what was settled of its nonces; what is held is what its unspent, unended grants hold.
    fn payers(&self, rows: &dyn Rows, at_ms: u64) -> Result<(), String> {
        let (mut posted, mut held): (BTreeMap<PayerId, u64>, BTreeMap<PayerId, u64>) = Default::default();
        for (token, payer) in &self.asked {
            let Some(row) = grant(rows, token) else { continue };
            match (row.spent_by, row.first_payee) {
                (Some(object), Some(payee)) => {
                    let known = settlement(rows, token, &payee).filter(|known| known.object == object);
                    let known = known.ok_or(format!("nonce {token} is spent by nothing that was settled"))?;
                    if known.amount.minor() > row.grant.body.limit.minor() {
                        return Err(format!("nonce {token} paid {} above its limit", known.amount));
                    }
                    *posted.entry(*payer).or_default() += known.amount.minor();
                }
                _ if row.grant.exp.plus(SETTLEMENT_WINDOW_SECONDS).ms().0 > at_ms => {
                    *held.entry(*payer).or_default() += row.grant.body.limit.minor();
                }
                _ => {}
            }
        }
        for (payer, funded) in &self.funded {
            let (Some(row), Some(balance)) = (account(rows, &AccountId(payer.0)), payer_balance(rows, payer))
            else {
                continue;
            };
            let (posted, held) =
                (posted.get(payer).copied().unwrap_or(0), held.get(payer).copied().unwrap_or(0));
            let right = row.debits.posted == posted
                && balance.reserved.minor() == held
                && row.credits.posted <= *funded
                && balance.available.minor() + held + posted == row.credits.posted;
            if !right {
                return Err(format!("{row:?} where {posted} was settled and {held} is held, of {funded}"));
            }
        }
        Ok(())
    }

    /// Each payee was credited what was settled for it, for objects that were made for it, and its losses keep to its cap.
    fn payees(&self, rows: &dyn Rows) -> Result<(), String> {
        let mut sums: BTreeMap<PayeeId, (u64, u64)> = BTreeMap::new();
        for (token, payee) in &self.pairs {
            let Some(known) = settlement(rows, token, payee) else { continue };
            let made = self.objects.get(token).and_then(|objects| objects.get(&known.object));
            if !made.is_some_and(|made| made.payee == *payee && made.minor == known.amount.minor()) {
                return Err(format!("{known:?} was credited to {payee:?}, made was {made:?}"));
            }
            let (all, lost) = sums.entry(*payee).or_default();
            *all += known.amount.minor();
            *lost += if known.source == Source::Loss { known.amount.minor() } else { 0 };
        }
        for (payee, cap) in &self.caps {
            let (all, lost) = sums.get(payee).copied().unwrap_or_default();
            let credited = payee_credited(rows, payee).map_or(0, |amount| amount.minor());
            if credited != all || lost > *cap {
                return Err(format!(
                    "{payee:?} has {credited}, settled is {all}, lost {lost} of at most {cap}"
                ));
            }
        }
        Ok(())
    }

    /// Whatever was settled, somebody said that it was accepted while its grant held, and not in the future.
    fn in_time(&self, rows: &dyn Rows, at_ms: u64) -> Result<(), String> {
        for (token, payee) in &self.pairs {
            let (Some(known), Some(row)) = (settlement(rows, token, payee), grant(rows, token)) else {
                continue;
            };
            let last = row.grant.exp.min(UnixSeconds(at_ms / 1000)).plus(SKEW_SECONDS);
            let said = self.said.get(&(known.object, *payee));
            if said.is_none_or(|said| said.range(row.grant.iat..=last).next().is_none()) {
                return Err(format!(
                    "{known:?} was settled, accepted at {said:?}, granted from {:?} to {:?}",
                    row.grant.iat, row.grant.exp
                ));
            }
        }
        Ok(())
    }

    /// Only an object of a device that was copied is ever made good.
    fn losses(&self, rows: &dyn Rows) -> Result<(), String> {
        for (token, payee) in &self.pairs {
            let lost = settlement(rows, token, payee).filter(|known| known.source == Source::Loss);
            let made =
                lost.and_then(|lost| self.objects.get(token).and_then(|objects| objects.get(&lost.object)));
            if made.is_some_and(|made| !self.compromised.contains(&made.device)) {
                return Err(format!("{lost:?} was made good and nobody copied its device: {made:?}"));
            }
        }
        Ok(())
    }

    fn devices(&self, rows: &dyn Rows) -> Result<(), String> {
        let fallen = |id: &AuthenticatorId| {
            self.compromised.contains(id) || self.revoked.contains(id) || self.rolled_back.contains(id)
        };
        let honest = self.devices.iter().filter(|id| !fallen(id));
        match honest.into_iter().find(|id| authenticator(rows, id).is_some_and(|row| row.revoked)) {
            None => Ok(()),
            Some(id) => Err(format!("{id:?} is revoked and did nothing wrong")),
        }
    }

    fn guilty(&self, rows: &dyn Rows, server: Option<symbolon_keys::VerifyingKey>) -> Result<(), String> {
        let server = server.ok_or("no server key")?;
        for (token, evidence) in evidences(rows, None, 64) {
            match judge(&CRYPTO, &[server], &evidence.first.0, &evidence.second.0) {
                Ok(Verdict::DoubleSpend(found)) if found.token == token => {
                    let id = AuthenticatorId::of(&CRYPTO, &found.device);
                    if !self.compromised.contains(&id) {
                        return Err(format!("{id:?} is convicted and was copied by nobody"));
                    }
                }
                other => return Err(format!("evidence of {token} proves {other:?}")),
            }
        }
        Ok(())
    }

    /// At rest: no hold is left, every honest receipt has its answer, and what was spent is what was paid.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn at_rest(&self, world: &mut Common) -> Held {
        for taken in &self.takings {
            let final_answer = match taken.answer {
                Some(Ok(_)) => true,
                Some(Err(code)) => {
                    matches!(Refusal::from_code(code), Some(Refusal::Own(Own::SettledLate | Own::OutsideCap)))
                }
                None => false,
            };
            world.check("every-receipt-is-answered", final_answer, || format!("{taken:?}"))?;
        }
        let held: Vec<u64> = world
            .platform
            .read(|rows| {
                self.funded
                    .keys()
                    .filter_map(|payer| payer_balance(rows, payer))
                    .map(|b| b.reserved.minor())
                    .collect()
            })
            .map_err(|refusal| Broken { invariant: "rows-are-readable", detail: refusal.to_string() })?;
        world.check("reservations-end", held.iter().all(|held| *held == 0), || format!("held: {held:?}"))
    }
}

fn conserved(rows: &dyn Rows) -> Result<(), String> {
    let audit = symbolon_journal::audit(rows).map_err(|damage| format!("{damage:?}"))?;
    if audit.totals.iter().all(symbolon_journal::Totals::even) {
        Ok(())
    } else {
        Err(format!("{:?}", audit.totals))
    }
}

/// Whether object, challenge and receipt name one another; `None` where one of them is none.
fn of_one_payment(bytes: &[u8], taken: &Settle) -> Option<bool> {
    let upload: Settlement = from_slice(bytes).ok()?;
    let object = Raw(&upload.object.0).parse::<SecureObject>().ok()?.danger_unverified().clone();
    let challenge = Raw(&upload.challenge.0).parse::<Challenge>().ok()?.danger_unverified().clone();
    let receipt = Raw(&upload.receipt.0).parse::<Receipt>().ok()?.danger_unverified().clone();
    let (id, paid) = (CRYPTO.sha256(&[&to_vec(&object)]), &object.body.transaction);
    Some(
        id == taken.object
            && receipt.body.object == id
            && receipt.body.payee == paid.payee
            && taken.payee == paid.payee
            && taken.accepted_at == receipt.iat
            && paid.nonce == challenge.nonce
            && paid.challenge == CRYPTO.sha256(&[&to_vec(&challenge)])
            && as_asked(&challenge, paid),
    )
}

/// Whether what is paid is what was asked for and a tip inside what was allowed.
fn as_asked(challenge: &Challenge, paid: &Transaction) -> bool {
    let (asked, tip) = (&challenge.body, paid.tip_minor.unwrap_or(0));
    let total = asked.amount.minor().checked_add(tip);
    tip <= asked.tip_minor_max.unwrap_or(0)
        && total == Some(paid.amount.minor())
        && asked.amount.currency() == paid.amount.currency()
}

/// Whether a refusal says only: later.
pub fn is_for_now(code: u16) -> bool {
    matches!(
        CoreRefusal::from_code(code),
        Some(CoreRefusal::Busy | CoreRefusal::NotDurable | CoreRefusal::Unavailable)
    )
}

/// Whether the same upload may be answered otherwise later: it was accepted by a clock ahead of the platform's, which catches up.
pub fn may_change(world: &Common, taken: &Taken, code: u16) -> bool {
    let early = taken.accepted_at > UnixSeconds(world.platform.at_ms() / 1000).plus(SKEW_SECONDS);
    early && Refusal::from_code(code) == Some(Refusal::Own(Own::SettledLate))
}
