//! What a payee uploads, made by hand from the specification: an object over a grant with the broken-open phone's key, its credential proof with
//! the account key, a receipt with the shop's. So each field can be what no honest machine would write.
use super::{Phone, Shop, World, forge};
use symbolon_keys::{Crypto, HashAlgorithm};
use symbolon_offline_payment::messages::{
    Audit, Challenge, Grant, Receipt, ReceiptBody, SecureObject, SecureObjectBody, Settlement, Transaction,
    Verification,
};
use symbolon_proof::{Raw, hpke};
use symbolon_types::Hash;
use symbolon_wire::cbor::{Bytes, to_vec};

/// Who makes it.
pub struct Hand<'a> {
    pub world: &'a World,
    pub phone: &'a Phone,
    pub shop: &'a Shop,
}

impl Hand<'_> {
    /// An object that pays what the challenge asks, by PIN; `change` is made before it is proved and signed.
    pub fn object(
        &self,
        grant: &Bytes,
        challenge: &Bytes,
        change: impl FnOnce(&mut SecureObjectBody),
    ) -> Bytes {
        let crypto = self.world.crypto;
        let asked: Challenge = forge::claims(&challenge.0);
        let token = forge::claims::<Grant>(&grant.0).body.token;
        let random = self.world.nature.random();
        let audit = to_vec(&Audit { spend_total: 0, counter: 0, previous: Hash::ZERO });
        let (to, aad, seed) =
            (self.world.edge().keys.issuer(), [token.0, random].concat(), self.world.nature.seed());
        let suite = hpke::Suite::Aes128Gcm;
        let audit = hpke::seal_base(crypto, suite, &to, b"sop/audit/v1", &aad, &audit, &seed).unwrap().into();
        let mut body = SecureObjectBody {
            token,
            grant: grant.clone(),
            random,
            transaction: Transaction {
                amount: asked.body.amount,
                payee: self.shop.id,
                nonce: asked.nonce,
                challenge: self.transaction(challenge),
                tip_minor: None,
            },
            credential_proof: Some([0; 32]),
            verification: Verification::Pin,
            otp: false,
            audit,
        };
        change(&mut body);
        if body.credential_proof == Some([0; 32]) {
            body.credential_proof = Some(self.proof(&body));
        }
        let object = SecureObject { iat: self.world.nature.now(), body };
        forge::signed(crypto, &self.phone.signing(), &object)
    }

    /// `HMAC(K_acct, "so/v1" ‖ token hash ‖ R ‖ agreed)`; agreed is H(txn), or SHA-256 of `"sop/tip/v1" ‖ H(txn) ‖ tip` with a tip.
    pub fn proof(&self, body: &SecureObjectBody) -> [u8; 32] {
        let crypto = self.world.crypto;
        let transaction = body.transaction.challenge.0;
        let agreed = match body.transaction.tip_minor {
            None => transaction,
            Some(tip) => crypto.sha256(&[b"sop/tip/v1", &transaction, &tip.to_be_bytes()]).0,
        };
        let key = self.world.issuer.account_key(&self.phone.id());
        let parts: [&[u8]; 4] = [b"so/v1", &body.token.0, &body.random, &agreed];
        crypto.hmac(HashAlgorithm::Sha256, key.reveal(), &parts).reveal().as_slice().try_into().unwrap()
    }

    /// H(txn).
    pub fn transaction(&self, challenge: &Bytes) -> Hash {
        let key = self.shop.key.verifying(self.world.crypto);
        let asked = Raw(&challenge.0).parse::<Challenge>().unwrap().verify(self.world.crypto, &key).unwrap();
        asked.payload_hash(self.world.crypto)
    }

    /// The upload of an object with a receipt of now; `change` is made before the receipt is signed.
    pub fn upload(&self, object: &Bytes, challenge: &Bytes, change: impl FnOnce(&mut Receipt)) -> Vec<u8> {
        let crypto = self.world.crypto;
        let payload = to_vec(&forge::claims::<SecureObject>(&object.0));
        let body = ReceiptBody {
            object: crypto.sha256(&[&payload]),
            payee: self.shop.id,
            final_minor: None,
            online: false,
        };
        let mut receipt = Receipt { iat: self.world.nature.now(), body };
        change(&mut receipt);
        let receipt = forge::signed(crypto, &self.shop.key, &receipt);
        to_vec(&Settlement { object: object.clone(), challenge: challenge.clone(), receipt })
    }
}
