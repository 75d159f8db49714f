//! A deterministic world: an issuer with its keys in memory, the server's tables, phones on fake flash, and payees. One clock, one seed.
//!
//! ```text
//!   World ── server: Edge + OfflinePayment::apply over MemoryRows; `sever` makes every further use of it a panic
//!   Phone ── Authenticator on FakeFlash and FakeCounter, the secure application's key and wallet, the payment application
//!   Shop  ── a payee with its key
//! ```
//! **Invariant:** after every command both audits hold, of the system and of the journal.
#![allow(dead_code, unused_imports, reason = "every test file is a crate of its own and uses a part of this")]
pub mod forge;
pub mod hand;
mod issuer;
mod phone;
mod platform;
mod shop;

pub use issuer::Issuer;
pub use phone::{Phone, offline};
pub use platform::Platform;
pub use shop::Shop;

use std::cell::Cell;
use std::rc::Rc;
use symbolon_journal::{AccountId, TransferId};
use symbolon_keys::{
    Aead, Algorithm, Argon2Cost, Crypto, CryptoError, Curve, HashAlgorithm, RustCrypto, SigningKey,
    VerifyingKey,
};
use symbolon_offline_payment::authenticator::Credential;
use symbolon_offline_payment::messages::{PayeeId, PayerId, SealedBox, TrustUpdate, VerificationRule};
use symbolon_offline_payment::server::{Edge, IssuerKeys};
use symbolon_offline_payment::state::{
    self, AccountLimits, Command, Fund, InviteAuthenticator, InvitePayee, OfflinePayment, OpenAccount,
    Outcome, RotateServerKey, SettledOutcome,
};
use symbolon_offline_payment::{OfflinePaymentRefusal, Refusal};
use symbolon_state::{Ctx, MemoryRows, System};
use symbolon_types::{Amount, CoreRefusal, Currency, Hash, Secret, UnixMs, UnixSeconds};
use symbolon_wire::cbor::Bytes;

pub const PIN: &str = "73519";
pub const PAYER: PayerId = PayerId([0xAA; 16]);
/// From this amount on a one-time password is needed.
pub const OTP_FROM: u64 = 3000;
pub const PER_PAYMENT: u64 = 5000;
pub const GRANT_SECONDS: u64 = 72 * 3600;
pub const DAY: u64 = 24 * 3600;
const START_MS: u64 = 1_800_000_000_000;

/// RustCrypto with an Argon2id that costs nothing: for the tests that authorise a thousand times.
pub struct Quick;
pub static QUICK: Quick = Quick;
pub static REAL: RustCrypto = RustCrypto;

impl Crypto for Quick {
    fn algorithms(&self) -> &'static [Algorithm] {
        REAL.algorithms()
    }
    fn sha256(&self, parts: &[&[u8]]) -> Hash {
        REAL.sha256(parts)
    }
    fn digest(&self, hash: HashAlgorithm, parts: &[&[u8]]) -> Vec<u8> {
        REAL.digest(hash, parts)
    }
    fn hmac(&self, hash: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Secret<Vec<u8>> {
        REAL.hmac(hash, key, parts)
    }
    fn aes_cmac(&self, key: &[u8], parts: &[&[u8]]) -> Result<Secret<[u8; 16]>, CryptoError> {
        REAL.aes_cmac(key, parts)
    }
    fn aes_cbc_mac(&self, key: &[u8], parts: &[&[u8]]) -> Result<Secret<[u8; 16]>, CryptoError> {
        REAL.aes_cbc_mac(key, parts)
    }
    fn aead_seal(
        &self,
        aead: Aead,
        key: &[u8],
        nonce: &[u8],
        aad: &[u8],
        plain: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        REAL.aead_seal(aead, key, nonce, aad, plain)
    }
    fn aead_open(
        &self,
        aead: Aead,
        key: &[u8],
        nonce: &[u8],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Secret<Vec<u8>>, CryptoError> {
        REAL.aead_open(aead, key, nonce, aad, sealed)
    }
    fn ed25519_public(&self, seed: &[u8; 32]) -> [u8; 32] {
        REAL.ed25519_public(seed)
    }
    fn ed25519_sign(&self, seed: &[u8; 32], message: &[u8]) -> [u8; 64] {
        REAL.ed25519_sign(seed, message)
    }
    fn ed25519_verify(
        &self,
        public: &[u8; 32],
        message: &[u8],
        signature: &[u8; 64],
    ) -> Result<(), CryptoError> {
        REAL.ed25519_verify(public, message, signature)
    }
    fn ecdsa_public(&self, curve: Curve, private: &[u8]) -> Result<Vec<u8>, CryptoError> {
        REAL.ecdsa_public(curve, private)
    }
    fn ecdsa_sign(
        &self,
        curve: Curve,
        hash: HashAlgorithm,
        private: &[u8],
        message: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        REAL.ecdsa_sign(curve, hash, private, message)
    }
    fn ecdsa_verify(
        &self,
        curve: Curve,
        hash: HashAlgorithm,
        public: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        REAL.ecdsa_verify(curve, hash, public, message, signature)
    }
    fn p256_ecdh(&self, private: &[u8; 32], public: &[u8]) -> Result<Secret<[u8; 32]>, CryptoError> {
        REAL.p256_ecdh(private, public)
    }
    fn x25519_public(&self, private: &[u8; 32]) -> [u8; 32] {
        REAL.x25519_public(private)
    }
    fn x25519(&self, private: &[u8; 32], public: &[u8; 32]) -> Result<Secret<[u8; 32]>, CryptoError> {
        REAL.x25519(private, public)
    }
    fn argon2id(
        &self,
        password: &[u8],
        salt: &[u8],
        secret: &[u8],
        cost: Argon2Cost,
    ) -> Result<Secret<[u8; 32]>, CryptoError> {
        assert_eq!(cost, Argon2Cost::DEVICE);
        REAL.argon2id(password, salt, secret, Argon2Cost { memory_kib: 8, passes: 1 })
    }
}

/// The true time, and random bytes that are the same in every run.
#[derive(Clone)]
pub struct Nature {
    ms: Rc<Cell<u64>>,
    draws: Rc<Cell<u64>>,
}

impl Nature {
    pub fn ms(&self) -> u64 {
        self.ms.get()
    }
    pub fn now(&self) -> UnixSeconds {
        UnixMs(self.ms.get()).seconds()
    }
    pub fn set(&self, ms: u64) {
        self.ms.set(ms);
    }
    pub fn pass(&self, seconds: u64) {
        self.ms.set(self.ms.get() + seconds * 1000);
    }
    /// Takes time back: for tests of what happens to a message, not of a clock.
    pub fn ms_back(&self, seconds: u64) {
        self.ms.set(self.ms.get() - seconds * 1000);
    }
    pub fn pass_ms(&self, ms: u64) {
        self.ms.set(self.ms.get() + ms);
    }
    pub fn random(&self) -> [u8; 32] {
        self.draws.set(self.draws.get() + 1);
        REAL.sha256(&[b"world", &self.draws.get().to_be_bytes()]).0
    }
    pub fn random16(&self) -> [u8; 16] {
        self.random()[..16].try_into().unwrap()
    }
    pub fn seed(&self) -> Secret<[u8; 32]> {
        Secret::new(self.random())
    }
}

pub struct World {
    pub crypto: &'static dyn Crypto,
    pub issuer: Issuer,
    pub rows: MemoryRows,
    pub nature: Nature,
    pub sequence: u64,
    severed: bool,
}

impl World {
    pub fn new(crypto: &'static dyn Crypto) -> Self {
        let nature = Nature { ms: Rc::new(Cell::new(START_MS)), draws: Rc::default() };
        Self {
            crypto,
            issuer: Issuer::new(crypto),
            rows: MemoryRows::default(),
            nature,
            sequence: 0,
            severed: false,
        }
    }

    /// With a payer that has 500.00 EUR and the usual limits.
    pub fn funded(crypto: &'static dyn Crypto) -> Self {
        let mut world = Self::new(crypto);
        world.open_payer(PAYER, limits(), eur(50_000));
        world
    }

    /// One payer, one phone that is enrolled and has `nonces` granted nonces.
    pub fn ready(crypto: &'static dyn Crypto, nonces: u32) -> (Self, Phone) {
        let mut world = Self::funded(crypto);
        let mut phone = Phone::new(&world, 1);
        phone.enrol(&mut world, PAYER, PIN);
        phone.prefetch(&mut world, nonces);
        (world, phone)
    }

    /// As [`World::ready`], where the grants ask for more the dearer it is: nothing, a PIN from 500, a passphrase from 2000, the platform from 4000.
    pub fn tiered(crypto: &'static dyn Crypto, nonces: u32) -> (Self, Phone) {
        let mut world = Self::new(crypto);
        let rule = |from_minor, user| VerificationRule { from_minor, user, otp: false };
        let verification = vec![rule(0, 0), rule(500, 1), rule(2000, 2), rule(4000, 3)];
        world.open_payer(PAYER, AccountLimits { verification, ..limits() }, eur(50_000));
        let mut phone = Phone::new(&world, 1);
        phone.enrol(&mut world, PAYER, PIN);
        phone.prefetch(&mut world, nonces);
        (world, phone)
    }

    pub fn server(&self) -> VerifyingKey {
        self.issuer.signing.verifying(self.crypto)
    }

    /// From now on the server cannot be reached: whoever tries panics.
    pub fn sever(&mut self) {
        self.severed = true;
    }

    pub fn restore(&mut self) {
        self.severed = false;
    }

    pub fn edge(&self) -> Edge<'_> {
        assert!(!self.severed, "the server was used while offline");
        Edge { crypto: self.crypto, keys: &self.issuer }
    }

    pub fn ctx(&mut self) -> Ctx {
        self.sequence += 1;
        Ctx { at: UnixMs(self.nature.ms()), sequence: self.sequence }
    }

    /// Applies a command; both audits hold afterwards. Every command is then repeated a second later: the answer is the same but for
    /// the time in an answer to a report, and no row changes.
    pub fn apply(&mut self, command: Command) -> Outcome {
        assert!(!self.severed, "the server was used while offline");
        let ctx = self.ctx();
        symbolon_journal::process_due(&mut self.rows, &ctx, 1000);
        let outcome = OfflinePayment::apply(&mut self.rows, &ctx, command.clone());
        self.audit();
        let before = self.rows.clone();
        let later = Ctx { at: ctx.at.plus_ms(1000), sequence: ctx.sequence };
        let mut again = OfflinePayment::apply(&mut self.rows, &later, command);
        if let (Outcome::Reconciled(again), Outcome::Reconciled(first)) = (&mut again, &outcome) {
            again.iat = first.iat;
        }
        assert_eq!(again, outcome, "a repeat answers what the first did");
        assert_eq!(self.rows, before, "a repeat changes nothing");
        outcome
    }

    /// Releases the holds whose time has come.
    pub fn due(&mut self) {
        let ctx = self.ctx();
        symbolon_journal::process_due(&mut self.rows, &ctx, 1000);
        self.audit();
    }

    pub fn audit(&self) {
        state::audit(&self.rows).unwrap();
        let journal = symbolon_journal::audit(&self.rows).unwrap();
        assert!(journal.totals.iter().all(symbolon_journal::Totals::even));
    }

    pub fn done(&mut self, command: Command) {
        assert_eq!(self.apply(command), Outcome::Done(()));
    }

    pub fn open_payer(&mut self, payer: PayerId, limits: AccountLimits, amount: Amount) {
        let mut debt = payer.0;
        debt[15] ^= 0xFF;
        self.done(Command::OpenAccount(OpenAccount { payer, debt: AccountId(debt), limits }));
        let transfer = TransferId(self.nature.random16());
        self.done(Command::Fund(Fund { transfer, payer, amount }));
    }

    /// A code with which one authenticator may enrol for this payer.
    pub fn invite(&mut self, payer: PayerId) -> [u8; 16] {
        let code = self.nature.random16();
        let hash = self.crypto.sha256(&[&code]);
        self.done(Command::InviteAuthenticator(InviteAuthenticator { payer, code: hash }));
        code
    }

    /// An enrolled payee.
    pub fn shop(&mut self, number: u8, name: &str, cap: Amount) -> Shop {
        let (payee, code) = (PayeeId([number; 16]), self.nature.random16());
        let hash = self.crypto.sha256(&[&code]);
        let valid_seconds = 365 * DAY;
        let name = name.to_owned();
        self.done(Command::InvitePayee(InvitePayee {
            payee,
            name,
            mcc: 5411,
            cap,
            valid_seconds,
            code: hash,
        }));
        let key = SigningKey::from_seed(self.nature.seed());
        Shop::enrol(self, payee, key, code)
    }

    /// The server's word on its keys and on denied devices, as of now.
    pub fn trust_update(&self) -> TrustUpdate {
        self.edge().trust_update(&self.rows, self.nature.now()).unwrap()
    }

    /// A new key signs from now on; the one before is honoured for so many seconds.
    pub fn rotate(&mut self, overlap_seconds: u64) {
        let first = self.issuer.generations[0].verifying(self.crypto);
        let coming = SigningKey::from_seed(self.nature.seed());
        let generation = u32::try_from(self.issuer.generations.len()).unwrap();
        let key = coming.verifying(self.crypto);
        self.issuer.generations.push(coming.clone());
        self.done(Command::RotateServerKey(RotateServerKey { first, key, generation, overlap_seconds }));
        self.issuer.signing = coming;
    }

    /// What the server answers to an uploaded settlement.
    pub fn settle(&mut self, upload: &[u8]) -> Result<SettledOutcome, Refusal> {
        let command = self.edge().open_settlement(&self.rows, upload)?;
        match self.apply(command) {
            Outcome::Settled(outcome) => Ok(outcome),
            Outcome::Refused(refusal) => Err(refusal),
            other => panic!("{other:?}"),
        }
    }

    /// What the server answers to a report.
    pub fn reconcile(&mut self, report: &[u8]) -> Result<Bytes, Refusal> {
        let command = self.edge().open_report(&self.rows, report)?;
        match self.apply(command) {
            Outcome::Reconciled(answer) => self.edge().seal_reconciled(&answer),
            Outcome::Refused(refusal) => Err(refusal),
            other => panic!("{other:?}"),
        }
    }

    /// What the server answers to nonce tokens.
    pub fn grant(&mut self, tokens: &[Bytes]) -> Result<Vec<Bytes>, Refusal> {
        let seed = self.nature.random();
        let command = self.edge().open_tokens(&self.rows, tokens, &seed)?;
        match self.apply(command) {
            Outcome::Granted(grants) => self.edge().seal_grants(&grants),
            Outcome::Refused(refusal) => Err(refusal),
            other => panic!("{other:?}"),
        }
    }

    pub fn balance(&self) -> (u64, u64, u64) {
        let found = state::payer_balance(&self.rows, &PAYER).unwrap();
        (found.available.minor(), found.reserved.minor(), found.debt.minor())
    }

    pub fn credited(&self, shop: &Shop) -> u64 {
        state::payee_credited(&self.rows, &shop.id).unwrap().minor()
    }

    pub fn revoked(&self, phone: &Phone) -> bool {
        state::authenticator(&self.rows, &phone.id()).unwrap().revoked
    }
}

pub fn eur(minor: u64) -> Amount {
    Amount::new(minor, Currency::EUR).unwrap()
}

pub fn limits() -> AccountLimits {
    AccountLimits {
        per_payment: eur(PER_PAYMENT),
        cumulative_minor: 10_000,
        count: 6,
        pool: 8,
        attempts: 5,
        grant_seconds: GRANT_SECONDS,
        verification: vec![
            VerificationRule { from_minor: 0, user: 1, otp: false },
            VerificationRule { from_minor: OTP_FROM, user: 1, otp: true },
        ],
    }
}

pub fn pin(digits: &str) -> Credential {
    Credential::pin(Secret::new(digits.to_owned())).unwrap()
}

pub fn own(refusal: OfflinePaymentRefusal) -> Refusal {
    Refusal::Own(refusal)
}

pub fn core(refusal: CoreRefusal) -> Refusal {
    Refusal::Core(refusal)
}

/// Opens a sealed box as the issuer's vault does, for tests that look inside.
pub fn opened_by_issuer(world: &World, sealed: &SealedBox, info: &[u8], aad: &[u8]) -> Vec<u8> {
    world.issuer.open_for_issuer(sealed, info, aad).unwrap().reveal().clone()
}
