//! `offline-payment.verify`: a payee's check of a secure object against the signature verifications that it contains.
//!
//! **Invariant:** the result is both sides' verdicts on every object, and on every object with a bit of its signature turned.
use super::measure::{Side, Sides, Trouble};
use super::sample::{Bare, CRYPTO, NOW, eur, random16, random32, signing_key, verification};
use std::hint::black_box;
use std::rc::Rc;
use symbolon_keys::{Crypto, KemKey, SigningKey};
use symbolon_offline_payment::messages::{
    AccountRef, Audit, Grant, GrantBody, PayeeId, PayeeNonce, SealedBox, SecureObject, SecureObjectBody,
    Transaction, Verification,
};
use symbolon_offline_payment::payee::check_object;
use symbolon_offline_payment::trust::Trust;
use symbolon_proof::{Confirmation, hpke};
use symbolon_types::{Hash, Secret};
use symbolon_wire::cbor::{Bytes, to_vec};

/// Objects, each of a device of its own.
const OBJECTS: u32 = 256;

/// An object, and the two signatures in it.
struct Sample {
    object: Vec<u8>,
    signatures: [Bare; 2],
}

/// The two sides.
pub fn sides() -> Result<Sides, Trouble> {
    let server = signing_key("server", 0);
    let samples: Result<Vec<Sample>, Trouble> = (0..OBJECTS).map(|number| sample(&server, number)).collect();
    let samples: Rc<[Sample]> = samples?.into();
    let verdicts = Vec::new();
    let trust = Trust::pinned(server.verifying(&CRYPTO));
    let ours = Ours { trust, samples: Rc::clone(&samples), verdicts: Vec::new() };
    Ok(Sides { ours: Box::new(ours), limit: Box::new(Limit { samples, verdicts }) })
}

fn sample(server: &SigningKey, number: u32) -> Result<Sample, Trouble> {
    let device = signing_key("device", number);
    let token = Hash(random32("token", number));
    let (grant_signature, grant) = Bare::sign(server, &grant(&device, token, number)?)?;
    let (object_signature, object) = Bare::sign(&device, &object(Bytes(grant), token, number)?)?;
    Ok(Sample { object, signatures: [grant_signature, object_signature] })
}

fn grant(device: &SigningKey, token: Hash, number: u32) -> Result<Grant, Trouble> {
    let now = NOW.seconds();
    let (account, limit) = (AccountRef(random16("account", number)), eur(5000)?);
    let body = GrantBody { token, account, limit, policy: 1, epoch: 0, verification: verification() };
    let cnf = Confirmation { key: device.verifying(&CRYPTO) };
    Ok(Grant { exp: now.plus(72 * 3600), iat: now, cnf, body })
}

fn object(grant: Bytes, token: Hash, number: u32) -> Result<SecureObject, Trouble> {
    let transaction = Transaction {
        amount: eur(1250)?,
        payee: PayeeId(random16("payee", 0)),
        nonce: PayeeNonce(random16("nonce", number)),
        challenge: Hash(random32("challenge", number)),
        tip_minor: None,
    };
    let body = SecureObjectBody {
        token,
        grant,
        random: random32("random", number),
        transaction,
        credential_proof: Some(random32("proof", number)),
        verification: Verification::Pin,
        otp: false,
        audit: audit(number)?,
    };
    Ok(SecureObject { iat: NOW.seconds(), body })
}

fn audit(number: u32) -> Result<SealedBox, Trouble> {
    let issuer = KemKey::from_private(Secret::new(random32("issuer", 0))).public(&CRYPTO);
    let audit = Audit {
        spend_total: 123_456,
        counter: u64::from(number),
        previous: Hash(random32("previous", number)),
    };
    let seed = Secret::new(random32("seal", number));
    Ok(hpke::seal_base(&CRYPTO, hpke::Suite::Aes128Gcm, &issuer, b"audit", &[], &to_vec(&audit), &seed)?
        .into())
}

struct Ours {
    trust: Trust,
    samples: Rc<[Sample]>,
    verdicts: Vec<u8>,
}

impl Ours {
    fn takes(&self, object: &[u8]) -> bool {
        black_box(check_object(&CRYPTO, &self.trust, object, None)).is_ok()
    }
}

impl Side for Ours {
    fn run(&mut self) -> Result<u32, Trouble> {
        self.verdicts = self.samples.iter().map(|sample| u8::from(self.takes(&sample.object))).collect();
        Ok(OBJECTS)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        let altered = self.samples.iter().map(|sample| {
            let mut object = sample.object.clone();
            object.last_mut().into_iter().for_each(|byte| *byte ^= 1);
            u8::from(self.takes(&object))
        });
        Ok(CRYPTO.sha256(&[&self.verdicts, &altered.collect::<Vec<u8>>()]))
    }
}

struct Limit {
    samples: Rc<[Sample]>,
    verdicts: Vec<u8>,
}

impl Side for Limit {
    fn run(&mut self) -> Result<u32, Trouble> {
        let holds = |sample: &Sample| sample.signatures.iter().all(|bare| black_box(bare).verifies());
        self.verdicts = self.samples.iter().map(|sample| u8::from(holds(sample))).collect();
        Ok(OBJECTS)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        let altered = self.samples.iter().map(|sample| {
            let [_, Bare { key, message, signature }] = &sample.signatures;
            let mut signature = *signature;
            signature[63] ^= 1;
            u8::from(Bare { key: *key, message: message.clone(), signature }.verifies())
        });
        Ok(CRYPTO.sha256(&[&self.verdicts, &altered.collect::<Vec<u8>>()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_take_every_object_and_refuse_every_altered_one() {
        let mut sides = sides().unwrap();
        let (yes, no) = ([1; OBJECTS as usize], [0; OBJECTS as usize]);
        let expected = CRYPTO.sha256(&[&yes, &no]);
        for side in [&mut sides.ours, &mut sides.limit] {
            assert_eq!(side.run().unwrap(), OBJECTS);
            assert_eq!(side.result().unwrap(), expected);
        }
    }

    #[test]
    fn an_object_under_another_server_is_refused() {
        let sample = sample(&signing_key("server", 1), 0).unwrap();
        let ours = |number| Ours {
            trust: Trust::pinned(signing_key("server", number).verifying(&CRYPTO)),
            samples: Rc::new([]),
            verdicts: Vec::new(),
        };
        assert!(ours(1).takes(&sample.object));
        assert!(!ours(0).takes(&sample.object));
    }
}
