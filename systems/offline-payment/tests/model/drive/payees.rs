//! Payees, honest and not, and the server: acceptance, uploads, refunds, money in and money repaid.
use super::{Check, Drive, Upload, agree, answer, name, outcome, same};
use crate::operations::Change;
use crate::reference::SKEW;
use crate::world::{PAYER, QUICK, eur, forge};
use symbolon_journal::TransferId;
use symbolon_keys::Crypto;
use symbolon_offline_payment::messages::{
    PayeeNonce, Receipt, ReceiptBody, Refund, RefundBody, SecureObject, Settlement,
};
use symbolon_offline_payment::state::{Command, Fund, Outcome, RepayDebt};
use symbolon_types::{Hash, UnixSeconds};
use symbolon_wire::cbor::{Bytes, to_vec};

impl Drive {
    pub(super) fn payee_time(&self, ahead: i64) -> u64 {
        self.now().checked_add_signed(ahead).unwrap()
    }

    pub(super) fn taken(&self, object: usize, thousandths: Option<u64>) -> (Option<u64>, u64) {
        let amount = self.model.objects[object].amount;
        let minor = thousandths.map(|thousandths| amount * thousandths / 1000);
        (minor, minor.unwrap_or(amount))
    }

    pub(super) fn accept(
        &mut self,
        object: usize,
        other: bool,
        ahead: i64,
        thousandths: Option<u64>,
    ) -> Check {
        if self.objects.is_empty() {
            return Ok(());
        }
        let object = object % self.objects.len();
        let own = self.model.challenges[self.model.objects[object].challenge].till;
        let till = if other { (own + 1) % self.shops.len() } else { own };
        let (at, (minor, taken)) = (self.payee_time(ahead), self.taken(object, thousandths));
        let known = self.model.tills[till].accepted.contains(&object);
        let shop = &mut self.shops[till];
        let now = Some(UnixSeconds(at));
        let system = shop.payee().accept_final(shop.state.clone(), &self.objects[object].0, now, minor);
        agree("the payee", answer(system.clone()), self.model.accept(till, object, at, taken))?;
        if let Ok((state, _)) = system {
            shop.state = state;
            if !known {
                let settlement = shop.state.accepted.last().unwrap().settlement.clone();
                let (iat, _) = self.model.nonces[self.model.objects[object].nonce].grant.unwrap();
                self.uploads.push(Upload { object, at: at.max(iat), taken, online: false, settlement });
            }
        }
        Ok(())
    }

    pub(super) fn collude(
        &mut self,
        object: usize,
        ahead: i64,
        thousandths: Option<u64>,
        online: bool,
    ) -> Check {
        if self.objects.is_empty() {
            return Ok(());
        }
        let object = object % self.objects.len();
        let challenge = self.model.objects[object].challenge;
        let shop = &self.shops[self.model.challenges[challenge].till];
        let (at, (final_minor, taken)) = (self.payee_time(ahead), self.taken(object, thousandths));
        let body = ReceiptBody { object: self.id(object), payee: shop.id, final_minor, online };
        let receipt = forge::signed(&QUICK, &shop.key, &Receipt { iat: UnixSeconds(at), body });
        let (challenge, bytes) = (self.challenges[challenge].clone(), self.objects[object].clone());
        let settlement = Settlement { object: bytes, challenge, receipt };
        self.uploads.push(Upload { object, at, taken, online, settlement });
        self.upload(self.uploads.len() - 1, Change::None)
    }

    /// R3: SHA-256 of the payload.
    pub(super) fn id(&self, object: usize) -> Hash {
        QUICK.sha256(&[&to_vec(&forge::claims::<SecureObject>(&self.objects[object].0))])
    }

    pub(super) fn upload(&mut self, which: usize, change: Change) -> Check {
        if self.uploads.is_empty() {
            return Ok(());
        }
        let upload = &self.uploads[which % self.uploads.len()];
        let Upload { object, at, taken, online, .. } = *upload;
        // The world repeats each command a second later, when this one would no longer be ahead.
        if at == self.now() + SKEW + 1 {
            return Ok(());
        }
        let own = self.model.challenges[self.model.objects[object].challenge].till;
        let amount = self.model.objects[object].amount;
        let other = &self.shops[(own + 1) % self.shops.len()];
        let mut sent = upload.settlement.clone();
        let receipt = |key, change: &dyn Fn(&mut Receipt)| {
            forge::altered::<Receipt>(&QUICK, &upload.settlement.receipt.0, key, change)
        };
        let expected = match change {
            Change::None => self.model.settle(object, at, taken, online),
            Change::OtherPayee => {
                sent.receipt = receipt(&other.key, &|receipt| receipt.body.payee = other.id);
                Err("BAD_SIG")
            }
            Change::FinalAbove => {
                sent.receipt = receipt(&self.shops[own].key, &|receipt| {
                    receipt.body.final_minor = Some(amount + 1);
                });
                Err("FINAL_TOO_HIGH")
            }
            Change::Damaged => {
                *sent.object.0.last_mut().unwrap() ^= 1;
                Err("BAD_SIG")
            }
        };
        agree("settlement", answer(self.world.settle(&to_vec(&sent))), expected)
    }

    pub(super) fn hear(&mut self, till: usize) -> Check {
        let update = self.world.trust_update();
        let system = self.shops[till].hear(&update);
        self.model.hear(till);
        same("the list", answer(system), Ok(()))
    }

    pub(super) fn send_refund(&mut self, bytes: &Bytes) -> Result<u64, &'static str> {
        let command = self.world.edge().open_refund(&self.world.rows, &bytes.0).map_err(name)?;
        match self.world.apply(command) {
            Outcome::Refunded(refunded) => Ok(refunded.refunded_minor),
            Outcome::Refused(refusal) => Err(name(refusal)),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn refund(&mut self, credit: usize, thousandths: u64) -> Check {
        if self.model.credits.is_empty() {
            return Ok(());
        }
        let at = credit % self.model.credits.len();
        let credit = self.model.credits[at].clone();
        let amount = credit.amount * thousandths / 1000;
        let token = &self.nonces[self.model.objects[credit.object].nonce].0.as_ref().unwrap().0;
        let shop = &self.shops[credit.till];
        let (token, object) = (QUICK.sha256(&[token]), self.id(credit.object));
        let body = RefundBody { payee: shop.id, token, object, amount: eur(amount) };
        let nonce = PayeeNonce(self.world.nature.random16());
        let bytes = forge::signed(&QUICK, &shop.key, &Refund { iat: UnixSeconds(self.now()), nonce, body });
        let expected = self.model.refund(at, amount).map(|()| self.model.credits[at].refunded);
        let system = self.send_refund(&bytes);
        same("refund", system, expected)?;
        agree("refund", system.map(|_| ()), expected.map(|_| ()))?;
        if let Ok(sum) = expected {
            self.refunds.push((bytes, sum));
        }
        Ok(())
    }

    /// The same refund is answered as it was, and pays nothing more.
    pub(super) fn refund_again(&mut self, refund: usize) -> Check {
        if self.refunds.is_empty() {
            return Ok(());
        }
        let (bytes, sum) = self.refunds[refund % self.refunds.len()].clone();
        same("a refund sent again", self.send_refund(&bytes), Ok(sum))
    }

    pub(super) fn top_up(&mut self, minor: u64) -> Check {
        let transfer = TransferId(self.world.nature.random16());
        self.world.done(Command::Fund(Fund { transfer, payer: PAYER, amount: eur(minor) }));
        self.model.cash += minor;
        self.funded += minor;
        Ok(())
    }

    pub(super) fn repay(&mut self, minor: u64) -> Check {
        let transfer = TransferId(self.world.nature.random16());
        let command = Command::RepayDebt(RepayDebt { transfer, payer: PAYER, amount: eur(minor) });
        agree("repayment", outcome(self.world.apply(command)), self.model.repay(minor))
    }
}
