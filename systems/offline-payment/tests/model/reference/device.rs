//! What an authenticator answers, and what it makes durable on the way.
use super::{
    ATTEMPTS, Answer, Asking, COUNT, CUMULATIVE, LIMIT, LOCKED, Machine, Model, Nonce, OTP_ATTEMPTS,
    OTP_FROM, OTP_WINDOW, PIN_FROM, POOL, ROLLED_BACK, Steps, TOKEN_LIFE, Typed,
};

impl Model {
    /// The nonces that this would add, and the states of the machine.
    pub fn issue(&self, machine: &Machine, count: usize) -> (Vec<Nonce>, Steps) {
        if let Some(lock) = machine.lock {
            return (Vec::new(), Steps::refused(machine, lock));
        }
        let (mut next, clock) = (machine.clone(), machine.clock(self.now));
        next.pool.retain(|nonce| self.nonces[*nonce].exp > clock);
        if count == 0 || next.pool.len() + count > POOL {
            return (Vec::new(), Steps::refused(machine, "POOL_FULL"));
        }
        let mut fresh = Vec::new();
        for number in 0..count {
            next.sequence += 1;
            next.pool.push(self.nonces.len() + number);
            let (device, sequence, exp) = (machine.device, next.sequence, clock + TOKEN_LIFE);
            fresh.push(Nonce { device, sequence, exp, grant: None, spent_by: None, reported: None });
        }
        next.wrote(self.now, 0);
        (fresh, Steps { states: vec![machine.clone(), next], answer: Ok(()) })
    }

    /// The one-time password number `password` for a nonce.
    pub fn second(&self, machine: &Machine, asking: &Asking, password: u64) -> Steps {
        let refused = |name| Steps::refused(machine, name);
        if let Some(lock) = machine.lock {
            return refused(lock);
        }
        if self.tip_too_high(asking) {
            return refused("TIP_TOO_HIGH");
        }
        if !machine.pool.contains(&asking.nonce) {
            return refused("NONCE_UNKNOWN");
        }
        if !machine.paired {
            return refused("NOT_PAIRED");
        }
        if machine.otp_attempts == 0 {
            return refused("OTP_USED");
        }
        let mut counted = machine.clone();
        counted.otp_attempts -= 1;
        counted.wrote(self.now, 0);
        if !(machine.otp_counter..machine.otp_counter + OTP_WINDOW).contains(&password) {
            return Steps { states: vec![machine.clone(), counted], answer: Err("OTP_USED") };
        }
        let used = Machine { otp_counter: password + 1, otp_attempts: OTP_ATTEMPTS, ..counted.clone() };
        Steps { states: vec![machine.clone(), counted, used], answer: Ok(()) }
    }

    fn tip_too_high(&self, asking: &Asking) -> bool {
        let most = self.challenges[asking.challenge].tip_max;
        asking.tip.is_some_and(|tip| most.is_none_or(|most| tip > most))
    }

    pub fn total(&self, asking: &Asking) -> u64 {
        self.challenges[asking.challenge].amount + asking.tip.unwrap_or(0)
    }

    /// Everything about a payment but the credential.
    fn offer(&self, machine: &Machine, asking: &Asking) -> Answer {
        let (nonce, total) = (&self.nonces[asking.nonce], self.total(asking));
        if let Some(lock) = machine.lock {
            return Err(lock);
        }
        if nonce.device != machine.device {
            return Err("BAD_SIG");
        }
        if !machine.pool.contains(&asking.nonce) {
            return Err(if nonce.sequence <= machine.sequence { "NONCE_SPENT" } else { "NONCE_UNKNOWN" });
        }
        let (iat, exp) = nonce.grant.unwrap();
        let clock = machine.clock(self.now).max(iat);
        if clock >= exp || clock >= nonce.exp {
            return Err("EXPIRED");
        }
        if machine.made.iter().any(|object| self.objects[*object].challenge == asking.challenge) {
            return Err("CHALLENGE_UNKNOWN");
        }
        if self.tip_too_high(asking) {
            return Err("TIP_TOO_HIGH");
        }
        if total > LIMIT {
            return Err("LIMIT_TX");
        }
        if machine.spent + total > CUMULATIVE || machine.count >= COUNT {
            return Err("LIMIT_CUM");
        }
        if total >= OTP_FROM && !asking.otp { Err("UV_TOO_WEAK") } else { Ok(()) }
    }

    /// Whether what was typed opens, and is enough.
    fn opened(&self, machine: &Machine, asking: &Asking) -> Answer {
        let enough = self.total(asking) < PIN_FROM;
        match asking.typed {
            Typed::Absent => Err(if enough { "OPEN_FAILED" } else { "UV_TOO_WEAK" }),
            _ if machine.garbage == Some(self.now) => Err("BUSY"),
            Typed::Garbage => Err("OPEN_FAILED"),
            Typed::Nothing if !enough => Err("UV_TOO_WEAK"),
            Typed::Nothing if machine.unverified + self.total(asking) > CUMULATIVE => Err("LIMIT_CUM"),
            Typed::Right | Typed::Wrong if machine.too_soon(self.now) => Err("BUSY"),
            _ => Ok(()),
        }
    }

    /// From a sealed credential to an object, which gets the next number.
    pub fn authorise(&self, machine: &Machine, asking: &Asking) -> Steps {
        if let Err(refusal) = self.offer(machine, asking) {
            return Steps::refused(machine, refusal);
        }
        let (mut states, mut next) = (vec![machine.clone()], machine.clone());
        if let Err(refusal) = self.opened(machine, asking) {
            if refusal == "OPEN_FAILED" && asking.typed == Typed::Garbage {
                next.garbage = Some(self.now);
            }
            return Steps::refused(&next, refusal);
        }
        next.unverified += self.total(asking);
        if asking.typed != Typed::Nothing {
            (next.compared, next.attempts) = (self.now, next.attempts - 1);
            next.unverified = machine.unverified;
            next.wrote(self.now, 0);
            states.push(next.clone());
            if asking.typed == Typed::Wrong {
                let answer = Err(if next.attempts == 0 { LOCKED } else { "CRED_WRONG" });
                next.lock_if_used_up();
                states.push(next);
                return Steps { states, answer };
            }
            (next.attempts, next.unverified) = (ATTEMPTS, 0);
        }
        next.spent += self.total(asking);
        next.count += 1;
        next.pool.retain(|nonce| *nonce != asking.nonce);
        next.made.push(self.objects.len());
        next.wrote(self.now, self.nonces[asking.nonce].grant.unwrap().0);
        states.push(next);
        Steps { states, answer: Ok(()) }
    }

    /// What the server's answer makes of the machine.
    pub fn reconciled(&self, machine: &Machine) -> Steps {
        let (mut next, live) = (machine.clone(), self.live(machine.device));
        next.pool.retain(|nonce| live.contains(nonce));
        next.sequence = next.sequence.max(self.devices[machine.device].sequence);
        next.paired &= next.otp_attempts > 0;
        next.made.clear();
        (next.spent, next.count) = (0, 0);
        if next.lock == Some(ROLLED_BACK) {
            next.lock = None;
        }
        next.lock_if_used_up();
        next.wrote(self.now, self.now);
        Steps { states: vec![machine.clone(), next], answer: Ok(()) }
    }
}
