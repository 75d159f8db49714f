//! The machines: nonces, starts, power cuts, old images, copies, enrolment, reconciliation, ticks.
use super::{Check, Drive, Handset, PHONES_MAX, SECONDS_MAX, agree, answer, same, seen};
use crate::operations::Cut;
use crate::reference::{ATTEMPTS, Answer, Device, LOCKED, Machine, OTP_ATTEMPTS, Shown, Steps};
use crate::world::{PAYER, PIN, Phone, forge};
use symbolon_offline_payment::messages::{Report, Request};
use symbolon_offline_payment::state::{Command, RevokeAuthenticator};

impl Drive {
    pub(super) fn new_phone(&mut self) {
        let device = self.model.devices.len();
        self.model.devices.push(Device::default());
        let mut phone = Phone::new(&self.world, u8::try_from(device + 1).unwrap());
        phone.enrol(&mut self.world, PAYER, PIN);
        let machine = Machine::enrolled(device, self.now());
        self.handsets.push(Handset { phone, machine, password: 0, kept: None, challenge: None });
    }

    /// What the machine shows now; the time by a report that goes nowhere, and that the machine makes durable with it.
    pub(super) fn shown(&mut self, at: usize) -> Result<Shown, String> {
        let now = self.now();
        self.handsets[at].machine.wrote(now, 0);
        let phone = &mut self.handsets[at].phone;
        let status = phone.status();
        let report =
            phone.message(Request::Report(())).map_err(|refused| format!("no report: {refused:?}"))?;
        let clock = forge::claims::<Report>(&report.0).iat.0;
        let count = |number| usize::try_from(number).unwrap();
        let (pool, objects) = (count(status.pool), count(status.objects));
        Ok((status.attempts_left.into(), pool, objects, status.spent_minor, status.locked, clock))
    }

    /// Takes over what the machine became: the last state, or after a power cut the one of the documented ones that it shows. Whether it is the last.
    pub(super) fn became(&mut self, at: usize, system: Answer, steps: &Steps) -> Result<bool, String> {
        let now = self.now();
        if !self.handsets[at].phone.power.is_cut() {
            self.handsets[at].phone.power.restore();
            agree("machine", system, steps.answer)?;
            self.handsets[at].machine = steps.last().clone();
            return Ok(steps.answer.is_ok());
        }
        self.handsets[at].phone.power.restore();
        self.handsets[at].phone.start().map_err(|refusal| format!("no start after a cut: {refusal}"))?;
        let answered = system == steps.answer;
        if !answered && system != Err("STORE_FAILED") {
            return Err(format!("cut: the system answers {system:?}, the model {:?}", steps.answer));
        }
        let shown = self.shown(at)?;
        let allowed = if answered { steps.states.len() - 1 } else { 0 };
        for (number, state) in steps.states.iter().enumerate().skip(allowed).rev() {
            let mut machine = state.clone();
            machine.restart(now);
            if machine.shown(now) == shown {
                self.handsets[at].machine = machine;
                seen(&format!("cut: state {number} of {}", steps.states.len()));
                return Ok(steps.answer.is_ok() && number + 1 == steps.states.len());
            }
        }
        let states: Vec<Shown> = steps.states.iter().map(|state| state.shown(now)).collect();
        Err(format!("cut: the system shows {shown:?}, which is none of {states:?}"))
    }

    /// Plans the power cut in this step.
    pub(super) fn cut(&self, at: usize, cut: Cut, step: impl FnOnce(&mut Phone)) {
        let phone = &self.handsets[at].phone;
        let points = match cut {
            Cut::Never => return,
            Cut::After(points) => points,
            Cut::BeforeEnd(points) => {
                let mut copy = phone.copy();
                let before = copy.power.spent();
                step(&mut copy);
                (copy.power.spent() - before).saturating_sub(points)
            }
        };
        phone.power.cut_after(points);
    }

    pub(super) fn issue(&mut self, at: usize, count: usize, cut: Cut) -> Check {
        let (fresh, steps) = self.model.issue(&self.handsets[at].machine, count);
        let count_asked = u32::try_from(count).unwrap();
        self.cut(at, cut, |phone| drop(phone.tokens(count_asked)));
        let tokens = self.handsets[at].phone.tokens(count_asked);
        let done = self.became(at, answer(tokens.clone()), &steps)?;
        if done {
            let first = self.nonces.len();
            self.model.nonces.extend(fresh);
            // After a cut the machine may have made what never came out.
            let out = tokens.ok();
            let out = |number: usize| out.as_ref().map(|tokens| tokens[number].clone());
            self.nonces.extend((0..count).map(|number| (out(number), None)));
            self.batches.push((first..first + count).collect());
        }
        Ok(())
    }

    pub(super) fn grant(&mut self, back: usize) -> Check {
        let Some(at) = self.batches.len().checked_sub(1 + back) else { return Ok(()) };
        let batch = self.batches[at].clone();
        let Some(tokens) =
            batch.iter().map(|nonce| self.nonces[*nonce].0.clone()).collect::<Option<Vec<_>>>()
        else {
            return Ok(());
        };
        // The world repeats each command a second later, when there would be room.
        if self.model.nonces.iter().any(|nonce| nonce.grant.is_some_and(|(_, exp)| exp == self.now() + 1)) {
            return Ok(());
        }
        let system = self.world.grant(&tokens);
        agree("grant", answer(system.clone()), self.model.grant(&batch))?;
        for (nonce, grant) in batch.iter().zip(system.unwrap_or_default()) {
            let known = self.nonces[*nonce].1.get_or_insert_with(|| grant.clone());
            same("a grant asked for again", &grant, &*known)?;
        }
        Ok(())
    }

    pub(super) fn refill(&mut self, at: usize, count: usize) -> Check {
        let before = self.batches.len();
        self.issue(at, count, Cut::Never)?;
        if self.batches.len() > before { self.grant(0) } else { Ok(()) }
    }

    pub(super) fn restart(&mut self, at: usize) -> Check {
        let handset = &mut self.handsets[at];
        handset.phone.start().map_err(|refusal| format!("no start: {refusal}"))?;
        handset.machine.restart(self.model.now);
        Ok(())
    }

    pub(super) fn keep(&mut self, at: usize) -> Check {
        let handset = &mut self.handsets[at];
        let counter = handset.phone.status().counter;
        handset.kept = Some((handset.phone.flash.image(), counter, handset.machine.clone()));
        Ok(())
    }

    pub(super) fn put_back(&mut self, at: usize) -> Check {
        let now = self.now();
        let handset = &mut self.handsets[at];
        let Some((image, counter, machine)) = handset.kept.clone() else { return Ok(()) };
        let commits = handset.phone.status().counter - counter;
        handset.phone.flash.put_back(&image);
        handset.phone.start().map_err(|refusal| format!("no start: {refusal}"))?;
        handset.machine = machine;
        if commits > 0 {
            handset.machine.rolled_back(commits);
        }
        handset.machine.restart(now);
        Ok(())
    }

    pub(super) fn copy(&mut self, at: usize) -> Check {
        if self.handsets.len() < PHONES_MAX {
            let Handset { phone, machine, password, .. } = &self.handsets[at];
            let (phone, mut machine, password) = (phone.copy(), machine.clone(), *password);
            machine.restart(self.now());
            self.handsets.push(Handset { phone, machine, password, kept: None, challenge: None });
        }
        Ok(())
    }

    pub(super) fn lose(&mut self, at: usize) -> Check {
        let authenticator = self.handsets[at].phone.id();
        self.world.done(Command::RevokeAuthenticator(RevokeAuthenticator { authenticator }));
        self.model.revoke(self.handsets[at].machine.device);
        Ok(())
    }

    /// A machine whose attempts are used up is enrolled anew, online.
    pub(super) fn enrol_again(&mut self, at: usize) -> Check {
        let (now, code) = (self.now(), self.world.invite(PAYER));
        let handset = &mut self.handsets[at];
        let device = handset.machine.device;
        let enrolment = handset.phone.enrolment(&mut self.world, code);
        if handset.machine.lock != Some(LOCKED) {
            return agree("enrolment", answer(enrolment), Err("ALREADY_ENROLLED"));
        }
        if !handset.machine.enrolling {
            handset.machine.enrolling = true;
            handset.machine.wrote(now, 0);
        }
        if self.model.devices[device].revoked {
            return agree("enrolment", answer(enrolment), Err("REVOKED"));
        }
        let enrolment = enrolment.map_err(|refusal| format!("enrolment: {refusal}"))?;
        same("first credential", answer(handset.phone.complete(enrolment, PIN)), Ok(()))?;
        seen("enrolment: OK");
        let machine = &mut handset.machine;
        (machine.attempts, machine.lock, machine.enrolling) = (ATTEMPTS, None, false);
        machine.wrote(now, now);
        self.model.devices[device].sequence = 0;
        Ok(())
    }

    pub(super) fn reconcile(&mut self, at: usize, cut: Cut) -> Check {
        let now = self.now();
        let handset = &mut self.handsets[at];
        let report = handset.phone.message(Request::Report(())).map_err(|refused| format!("{refused:?}"))?;
        handset.machine.wrote(now, 0);
        let counter = handset.phone.status().counter;
        let system = self.world.reconcile(&report.0);
        let clock = handset.machine.clock(now);
        agree("report", answer(system.clone()), self.model.report(&handset.machine, counter, clock))?;
        let Ok(reconciled) = system else { return Ok(()) };
        let steps = self.model.reconciled(&self.handsets[at].machine);
        // An answer is to one report of one start: no copy takes it, so the cut before the end is one at the beginning.
        self.cut(at, cut, |_| ());
        let system = self.handsets[at].phone.done(Request::Reconciled(reconciled));
        self.became(at, answer(system), &steps)?;
        self.pair_again(at);
        Ok(())
    }

    /// After too many wrong passwords the payment application is paired anew.
    pub(super) fn pair_again(&mut self, at: usize) {
        let now = self.now();
        let handset = &mut self.handsets[at];
        if !handset.machine.paired {
            (handset.phone.application.counter, handset.password) = (0, 0);
            handset.phone.pair_application();
            let machine = &mut handset.machine;
            (machine.paired, machine.otp_counter, machine.otp_attempts) = (true, 0, OTP_ATTEMPTS);
            machine.wrote(now, 0);
        }
    }

    /// Ticks that run backwards are no time at all.
    pub(super) fn ticks_back(&mut self, at: usize, seconds: u64) -> Check {
        let now = self.now();
        let Handset { phone, machine, .. } = &mut self.handsets[at];
        let seconds = seconds.min(now - machine.started);
        phone.nature.ms_back(seconds);
        let system = answer(phone.tokens(0));
        phone.nature.pass(seconds);
        let clock = if now - seconds < machine.mark { "CLOCK_BACK" } else { "POOL_FULL" };
        agree("ticks back", system, Err(machine.lock.unwrap_or(clock)))
    }

    pub(super) fn pass(&mut self, seconds: u64) -> Check {
        if self.now() + seconds < self.started + SECONDS_MAX {
            self.world.nature.pass(seconds);
            self.model.now += seconds;
        }
        Ok(())
    }
}
