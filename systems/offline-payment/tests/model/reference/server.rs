//! What payees and the server answer, and where the money goes.
use super::{Answer, Credit, GRANT_LIFE, LIMIT, LIST_AGE, Machine, Model, POOL, REFUND_LIFE, SKEW, WINDOW};

impl Model {
    /// All of a request or none; what was granted before is granted as it was.
    pub fn grant(&mut self, tokens: &[usize]) -> Answer {
        let at = self.nonces[tokens[0]].device;
        let device = &self.devices[at];
        if device.revoked {
            return Err("REVOKED");
        }
        let fresh: Vec<usize> =
            tokens.iter().copied().filter(|token| self.nonces[*token].grant.is_none()).collect();
        let mut last = device.sequence;
        for token in &fresh {
            let nonce = &self.nonces[*token];
            if nonce.exp <= self.now {
                return Err("EXPIRED");
            }
            if nonce.sequence <= last {
                return Err("NONCE_REPEATED");
            }
            last = nonce.sequence;
        }
        if self.live(at).len() + fresh.len() > POOL {
            return Err("POOL_FULL");
        }
        if self.available() < LIMIT * fresh.len() as u64 {
            return Err("FUNDS_SHORT");
        }
        self.devices[at].sequence = last;
        for token in fresh {
            let nonce = &mut self.nonces[token];
            let exp = nonce.exp.min(self.now + GRANT_LIFE);
            nonce.grant = Some((self.now, exp));
            self.devices[at].grants_until = self.devices[at].grants_until.max(exp);
        }
        Ok(())
    }

    /// A payee takes an object at `at` by its own clock.
    pub fn accept(&mut self, till: usize, object: usize, at: u64, taken: u64) -> Answer {
        let made = self.objects[object].clone();
        let (iat, exp) = self.nonces[made.nonce].grant.unwrap();
        let device = self.nonces[made.nonce].device;
        let payee = &mut self.tills[till];
        if payee.accepted.contains(&object) {
            return Ok(());
        }
        if self.challenges[made.challenge].till != till {
            return Err("WRONG_PAYEE");
        }
        if !payee.open.contains(&made.challenge) {
            return Err("CHALLENGE_UNKNOWN");
        }
        if at + SKEW < iat || at >= exp + SKEW {
            return Err("EXPIRED");
        }
        if at + SKEW < payee.heard {
            return Err("CLOCK_BACK");
        }
        if at > payee.heard + LIST_AGE {
            return Err("DENY_LIST_OLD");
        }
        if payee.denied.contains(&device) {
            return Err("REVOKED");
        }
        if payee.accepted.iter().any(|other| self.objects[*other].nonce == made.nonce) {
            return Err("NONCE_SPENT");
        }
        if taken == 0 || taken > made.amount {
            return Err("FINAL_TOO_HIGH");
        }
        payee.open.retain(|challenge| *challenge != made.challenge);
        payee.accepted.push(object);
        Ok(())
    }

    pub fn hear(&mut self, till: usize) {
        let listed = |at: &usize| {
            let device = &self.devices[*at];
            device.revoked && device.listed_until >= self.now
        };
        self.tills[till].denied = (0..self.devices.len()).filter(listed).collect();
        self.tills[till].heard = self.now;
    }

    /// R2 to R4: an object that a payee took `taken` of at `at`, uploaded now.
    pub fn settle(&mut self, object: usize, at: u64, taken: u64, online: bool) -> Answer {
        let made = self.objects[object].clone();
        let till = self.challenges[made.challenge].till;
        let nonce = self.nonces[made.nonce].clone();
        if taken == 0 || taken > made.amount {
            return Err("FINAL_TOO_HIGH");
        }
        let mut here = self.credits.iter().filter(|credit| credit.till == till);
        if let Some(known) = here.clone().find(|credit| self.objects[credit.object].nonce == made.nonce) {
            if known.object == object {
                return Ok(());
            }
            self.revoke(nonce.device);
            return Err("DUPLICATE");
        }
        // What was told to a payee that waited holds ever after.
        if let Some((_, told)) = self.tills[till].refused.iter().find(|(refused, _)| *refused == object) {
            return Err(told);
        }
        let (iat, exp) = nonce.grant.unwrap();
        let late = !(iat..=exp + SKEW).contains(&at) || self.now >= exp + WINDOW;
        if late || online && self.now > at + SKEW {
            return Err("SETTLED_LATE");
        }
        if here.any(|credit| self.objects[credit.object].challenge == made.challenge) {
            return Err("DUPLICATE");
        }
        if at > self.now + SKEW {
            return Err("SETTLED_LATE");
        }
        let loss = nonce.spent_by.is_some();
        if online && (loss || self.devices[nonce.device].revoked) {
            if loss {
                self.revoke(nonce.device);
            }
            let told = if loss { "NONCE_SPENT" } else { "REVOKED" };
            self.tills[till].refused.push((object, told));
            return Err(told);
        }
        if loss || nonce.reported.is_some_and(|reported| reported != object) {
            self.revoke(nonce.device);
        }
        if loss {
            if self.tills[till].lost + taken > self.tills[till].cap {
                return Err("OUTSIDE_CAP");
            }
            self.tills[till].lost += taken;
            self.owed += taken;
        } else {
            self.cash -= taken;
            self.nonces[made.nonce].spent_by = Some(object);
        }
        self.credits.push(Credit { object, till, amount: taken, loss, at: self.now, refunded: 0 });
        Ok(())
    }

    /// The server's answer to a report with this counter, made at `at` by the machine's clock.
    pub fn report(&mut self, machine: &Machine, counter: u64, at: u64) -> Answer {
        let device = &mut self.devices[machine.device];
        if device.revoked {
            return Err("REVOKED");
        }
        if counter < device.counter {
            if at <= device.reported_at {
                return Err("EXPIRED");
            }
            self.revoke(machine.device);
            return Err("REVOKED");
        }
        let contradicts = |object: &usize| {
            let nonce = &self.nonces[self.objects[*object].nonce];
            [nonce.spent_by, nonce.reported].iter().flatten().any(|known| known != object)
        };
        if machine.made.iter().any(contradicts) {
            self.revoke(machine.device);
            return Err("REVOKED");
        }
        (device.counter, device.reported_at) = (counter, device.reported_at.max(at));
        for object in &machine.made {
            self.nonces[self.objects[*object].nonce].reported = Some(*object);
        }
        Ok(())
    }

    /// R9.
    pub fn refund(&mut self, credit: usize, amount: u64) -> Answer {
        let known = &mut self.credits[credit];
        if self.now > known.at + REFUND_LIFE {
            return Err("EXPIRED");
        }
        if amount == 0 {
            return Err("AMOUNT_INVALID");
        }
        if known.refunded + amount > known.amount {
            return Err("REFUND_TOO_HIGH");
        }
        known.refunded += amount;
        if known.loss {
            let set_off = amount.min(self.owed);
            self.tills[known.till].lost -= amount;
            self.owed -= set_off;
            self.cash += amount - set_off;
        } else {
            self.cash += amount;
        }
        Ok(())
    }

    /// R14.
    pub fn repay(&mut self, amount: u64) -> Answer {
        if amount > self.owed {
            return Err("AMOUNT_INVALID");
        }
        if amount > self.available() {
            return Err("FUNDS_SHORT");
        }
        self.owed -= amount;
        self.cash -= amount;
        Ok(())
    }
}
