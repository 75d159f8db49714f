//! A platform authenticator as WebAuthn describes one: a P-256 key, a PRF secret, a count.
use super::{REAL, World};
use symbolon_keys::{Crypto, Curve, HashAlgorithm};
use symbolon_offline_payment::authenticator::{PlatformAssertion, PlatformRegistration};
use symbolon_types::{Hash, Secret};

#[derive(Clone)]
pub struct Platform {
    pub private: [u8; 32],
    pub prf: [u8; 32],
    pub relying_party: [u8; 32],
    pub flags: u8,
    pub count: u32,
}

impl Platform {
    pub fn new(world: &World) -> Self {
        let (private, prf) = (world.nature.random(), world.nature.random());
        Self { private, prf, relying_party: REAL.sha256(&[b"shop.example"]).0, flags: 0x05, count: 1 }
    }

    /// The assertion over this question; the count rises unless it stands at 0.
    pub fn assert(&mut self, question: Hash) -> PlatformAssertion {
        let data = [&self.relying_party[..], &[self.flags], &self.count.to_be_bytes()].concat();
        self.count += u32::from(self.count > 0);
        let message = [&data[..], &question.0].concat();
        let signature = REAL.ecdsa_sign(Curve::P256, HashAlgorithm::Sha256, &self.private, &message).unwrap();
        PlatformAssertion {
            authenticator_data: data.try_into().unwrap(),
            signature: signature.try_into().unwrap(),
            prf: Secret::new(self.prf),
        }
    }

    pub fn register(&mut self, question: Hash) -> PlatformRegistration {
        let public = REAL.ecdsa_public(Curve::P256, &self.private).unwrap();
        PlatformRegistration { public: public.try_into().unwrap(), assertion: self.assert(question) }
    }
}
