//! A payee with its key, its state and its clock.
use super::World;
use symbolon_keys::{Crypto, SigningKey};
use symbolon_offline_payment::Refusal;
use symbolon_offline_payment::messages::{PayeeId, PayeeNonce, TrustUpdate};
use symbolon_offline_payment::payee::{Asked, Payee, PayeeState};
use symbolon_offline_payment::state::Outcome;
use symbolon_types::{Amount, UnixSeconds};
use symbolon_wire::cbor::{Bytes, to_vec};

#[derive(Clone)]
pub struct Shop {
    crypto: &'static dyn Crypto,
    nature: super::Nature,
    pub id: PayeeId,
    pub key: SigningKey,
    pub code: [u8; 16],
    pub state: PayeeState,
}

impl Shop {
    pub fn enrol(world: &mut World, id: PayeeId, key: SigningKey, code: [u8; 16]) -> Self {
        let payee = Payee { crypto: world.crypto, key: &key };
        let request = payee.request(code).unwrap();
        let command = world.edge().open_payee_request(&request.0).unwrap();
        let Outcome::PayeeEnrolled(certificate) = world.apply(command) else {
            panic!("the payee was refused")
        };
        let certificate = world.edge().seal_certificate(&certificate).unwrap();
        let (payee, update) = (Payee { crypto: world.crypto, key: &key }, world.trust_update());
        let state = payee.enrolled_hearing(world.server(), &update, certificate).unwrap();
        Self { crypto: world.crypto, nature: world.nature.clone(), id, key, code, state }
    }

    pub fn payee(&self) -> Payee<'_> {
        Payee { crypto: self.crypto, key: &self.key }
    }

    /// Fetches the server's word on its keys and on denied devices.
    pub fn hear(&mut self, update: &TrustUpdate) -> Result<(), Refusal> {
        self.state = self.payee().hear(self.state.clone(), update)?;
        Ok(())
    }

    pub fn ask(&mut self, asked: &Asked) -> Result<Bytes, Refusal> {
        let (nonce, now) = (PayeeNonce(self.nature.random16()), self.nature.now());
        let (state, challenge) = self.payee().ask(self.state.clone(), asked, nonce, Some(now))?;
        self.state = state;
        Ok(challenge)
    }

    pub fn charge(&mut self, amount: Amount) -> Bytes {
        let (nonce, now) = (PayeeNonce(self.nature.random16()), self.nature.now());
        let (state, challenge) = self.payee().charge(self.state.clone(), amount, nonce, Some(now)).unwrap();
        self.state = state;
        challenge
    }

    pub fn accept_at(&mut self, object: &[u8], now: Option<UnixSeconds>) -> Result<Bytes, Refusal> {
        let (state, receipt) = self.payee().accept(self.state.clone(), object, now)?;
        self.state = state;
        Ok(receipt)
    }

    pub fn accept(&mut self, object: &[u8]) -> Result<Bytes, Refusal> {
        self.accept_at(object, Some(self.nature.now()))
    }

    /// What is uploaded for the object that was accepted last.
    pub fn upload(&self) -> Vec<u8> {
        to_vec(&self.state.accepted.last().unwrap().settlement)
    }
}
