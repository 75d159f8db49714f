//! The issuer: keys in memory, tables in memory, system 01's own server code.
use symbolon_journal::{AccountId, TransferId};
use symbolon_keys::{
    Crypto, CryptoError, HashAlgorithm, KemKey, KemPublic, LocalSigner, RustCrypto, Signer, SigningKey,
    VerifyingKey, derive32,
};
use symbolon_offline_payment::{
    Refusal,
    messages::{AuthenticatorId, PayeeId, PayerId, SealedBox, VerificationRule},
    server::{Edge, IssuerKeys},
    state::{
        self, AccountLimits, Command, Fund, InviteAuthenticator, InvitePayee, OfflinePayment, OpenAccount,
        Outcome,
    },
};
use symbolon_proof::hpke;
use symbolon_state::{Ctx, MemoryRows, System};
use symbolon_transport::{clock, entropy};
use symbolon_types::{Amount, Currency, Secret};
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};

pub const PAYER: PayerId = PayerId([0xAA; 16]);

pub fn eur(minor: u64) -> Amount {
    Amount::new(minor, Currency::EUR).unwrap()
}

fn random32() -> [u8; 32] {
    *entropy::seed().unwrap().reveal()
}

pub struct Keys {
    pub signing: SigningKey,
    /// The keys that signed before, oldest first.
    former: Vec<SigningKey>,
    kem: KemKey,
    root: [u8; 32],
}

impl Keys {
    fn account(&self, id: &AuthenticatorId) -> Secret<[u8; 32]> {
        derive32(&RustCrypto, &self.root, b"test/account", &[&id.0])
    }
}

impl Signer for Keys {
    fn verifying_key(&self) -> VerifyingKey {
        self.signing.verifying(&RustCrypto)
    }
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], CryptoError> {
        Ok(self.signing.sign(&RustCrypto, message))
    }
}

impl IssuerKeys for Keys {
    fn signer(&self) -> &dyn Signer {
        self
    }
    fn of_generation(&self, generation: u32) -> Option<Box<dyn Signer + '_>> {
        let at = usize::try_from(generation).ok()?;
        let key = if at == self.former.len() { Some(&self.signing) } else { self.former.get(at) };
        key.map(|key| Box::new(LocalSigner { crypto: &RustCrypto, key }) as Box<dyn Signer>)
    }
    fn issuer(&self) -> KemPublic {
        self.kem.public(&RustCrypto)
    }
    fn seal_account_key(
        &self,
        id: &AuthenticatorId,
        to: &KemPublic,
        info: &[u8],
        seed: &Secret<[u8; 32]>,
    ) -> Result<SealedBox, CryptoError> {
        let key = self.account(id);
        hpke::seal_base(&RustCrypto, hpke::Suite::Aes128Gcm, to, info, &id.0, key.reveal(), seed)
            .map(Into::into)
    }
    fn proof_holds(&self, id: &AuthenticatorId, parts: &[&[u8]], proof: &[u8; 32]) -> bool {
        RustCrypto.hmac(HashAlgorithm::Sha256, self.account(id).reveal(), parts).equals(proof)
    }
    fn open_for_issuer(
        &self,
        sealed: &SealedBox,
        info: &[u8],
        aad: &[u8],
    ) -> Result<Secret<Vec<u8>>, CryptoError> {
        hpke::open_base(&RustCrypto, hpke::Suite::Aes128Gcm, &self.kem, info, aad, &sealed.clone().into())
    }
}

pub struct Bank {
    pub keys: Keys,
    pub rows: MemoryRows,
    sequence: u64,
}

impl Bank {
    /// With one payer that has 500.00 EUR, verified at every amount.
    pub fn open() -> Self {
        let rule = |from_minor, user, otp| VerificationRule { from_minor, user, otp };
        Self::with(vec![rule(0, 1, false), rule(300, 1, true)], 100_000)
    }

    /// As [`Bank::open`], with these rules and this cumulative limit.
    pub fn with(verification: Vec<VerificationRule>, cumulative_minor: u64) -> Self {
        let seed = || entropy::seed().unwrap();
        let keys = Keys {
            signing: SigningKey::from_seed(seed()),
            former: Vec::new(),
            kem: KemKey::from_private(seed()),
            root: random32(),
        };
        let mut bank = Self { keys, rows: MemoryRows::default(), sequence: 0 };
        let limits = AccountLimits {
            per_payment: eur(1_000),
            cumulative_minor,
            count: 100,
            pool: 32,
            attempts: 3,
            grant_seconds: 72 * 3600,
            verification,
        };
        let debt = AccountId([0xAB; 16]);
        bank.done(Command::OpenAccount(OpenAccount { payer: PAYER, debt, limits }));
        let transfer = TransferId([1; 16]);
        bank.done(Command::Fund(Fund { transfer, payer: PAYER, amount: eur(50_000) }));
        bank
    }

    fn apply(&mut self, command: Command) -> Result<Outcome, Refusal> {
        self.sequence += 1;
        let ctx = Ctx { at: clock::wall(), sequence: self.sequence };
        let outcome = OfflinePayment::apply(&mut self.rows, &ctx, command);
        state::audit(&self.rows).unwrap();
        match outcome {
            Outcome::Refused(refusal) => Err(refusal),
            outcome => Ok(outcome),
        }
    }

    fn done(&mut self, command: Command) {
        assert_eq!(self.apply(command), Ok(Outcome::Done(())));
    }

    pub fn invite(&mut self) -> [u8; 16] {
        let code = *random32().first_chunk().unwrap();
        let hash = RustCrypto.sha256(&[&code]);
        self.done(Command::InviteAuthenticator(InviteAuthenticator { payer: PAYER, code: hash }));
        code
    }

    pub fn invite_payee(&mut self, number: u8, name: &str, cap: Amount) -> [u8; 16] {
        let code: [u8; 16] = *random32().first_chunk().unwrap();
        let hash = RustCrypto.sha256(&[&code]);
        let payee = PayeeId([number; 16]);
        let (name, valid_seconds) = (name.to_owned(), 365 * 24 * 3600);
        self.done(Command::InvitePayee(InvitePayee {
            payee,
            name,
            mcc: 5462,
            cap,
            valid_seconds,
            code: hash,
        }));
        code
    }

    pub fn revoke(&mut self, id: AuthenticatorId) {
        self.done(Command::RevokeAuthenticator(state::RevokeAuthenticator { authenticator: id }));
    }

    /// A new key signs, and the one before counts no more.
    pub fn rotate_and_revoke(&mut self) {
        let going = self.keys.verifying_key();
        let coming = SigningKey::from_seed(entropy::seed().unwrap());
        self.done(Command::RotateServerKey(state::RotateServerKey {
            first: self.keys.former.first().map_or(going, |first| first.verifying(&RustCrypto)),
            key: coming.verifying(&RustCrypto),
            generation: u32::try_from(self.keys.former.len() + 1).unwrap(),
            overlap_seconds: 3600,
        }));
        let gone = std::mem::replace(&mut self.keys.signing, coming);
        self.keys.former.push(gone);
        self.done(Command::RevokeServerKey(state::RevokeServerKey { key: going }));
    }

    /// What a payee was credited, in minor units.
    pub fn credited(&self, number: u8) -> u64 {
        state::payee_credited(&self.rows, &PayeeId([number; 16])).unwrap().minor()
    }

    fn edge(&self) -> Edge<'_> {
        Edge { crypto: &RustCrypto, keys: &self.keys }
    }

    /// One device route.
    pub fn answer(&mut self, route: &str, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        match route {
            "trust" => return Ok(to_vec(&self.edge().trust_update(&self.rows, clock::wall().seconds())?)),
            "statements" => {
                return Ok(self.edge().open_statement(&self.rows, body, clock::wall().seconds())?.0);
            }
            _ => {}
        }
        let command = match route {
            "enrolments" => self.edge().open_enrolment(body, random32())?,
            "grants" => self.edge().open_tokens(&self.rows, &from_slice::<Vec<Bytes>>(body)?, &random32())?,
            "payee-enrolments" => self.edge().open_payee_request(body)?,
            "settlements" => self.edge().open_settlement(&self.rows, body)?,
            "refunds" => self.edge().open_refund(&self.rows, body)?,
            "reports" => self.edge().open_report(&self.rows, body)?,
            other => panic!("no route {other}"),
        };
        let outcome = self.apply(command)?;
        let edge = self.edge();
        Ok(match outcome {
            Outcome::Enrolled(outcome) => edge.seal_enrolment(&outcome)?.0,
            Outcome::Granted(grants) => to_vec(&edge.seal_grants(&grants)?),
            Outcome::PayeeEnrolled(certificate) => edge.seal_certificate(&certificate)?.0,
            Outcome::Settled(outcome) => to_vec(&outcome),
            Outcome::Refunded(outcome) => to_vec(&outcome),
            Outcome::Reconciled(answer) => edge.seal_reconciled(&answer)?.0,
            other => panic!("{other:?}"),
        })
    }
}
