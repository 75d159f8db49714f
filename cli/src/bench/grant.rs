//! `offline-payment.grant`: from received nonce tokens to signed grants, against the signature operations that it contains.
//!
//! ```text
//!   ready: a machine with 34 enrolled devices ─► run: 6 requests of each: open_tokens ─► Machine::step ─► seal_grants
//! ```
//! **Invariant:** the result is every signature that was made; the limit makes them only when every token verifies.
use super::measure::{Side, Sides, Trouble};
use super::memory_disk::MemoryDisk;
use super::sample::{
    Bare, CRYPTO, NOW, eur, random16, random32, signature, signing_key, to_be_signed, verification,
};
use std::hint::black_box;
use std::rc::Rc;
use symbolon_journal::{AccountId, TransferId};
use symbolon_keys::{Crypto, KemKey, KemPublic, SigningKey};
use symbolon_log::{Log, Options};
use symbolon_machine::{AnyOutcome, Machine, Policy, Submission};
use symbolon_offline_payment::messages::{
    AuthenticatorId, Grant, Nonce, NonceToken, NonceTokenBody, PayerId,
};
use symbolon_offline_payment::server::Edge;
use symbolon_offline_payment::state::{
    AccountLimits, Command, EnrolAuthenticator, Fund, InviteAuthenticator, OfflinePayment, OpenAccount,
    Outcome,
};
use symbolon_proof::Raw;
use symbolon_state::{Ctx, MemoryRows, System};
use symbolon_store::MemoryTables;
use symbolon_types::{Hash, Secret};
use symbolon_vault::{OfflinePaymentKeys, SoftwareVault, VaultKeys};
use symbolon_wire::cbor::Bytes;

const DEVICES: u32 = 34;
const REQUESTS_PER_DEVICE: u32 = 6;
const TOKENS_PER_REQUEST: u32 = 5;
const GRANTS: u32 = DEVICES * REQUESTS_PER_DEVICE * TOKENS_PER_REQUEST;
const TOKEN_SECONDS: u64 = 30 * 24 * 3600;
const LIMIT_MINOR: u64 = 5000;
/// Room for the log of one run.
const SEGMENT_BYTES: u64 = 1 << 20;

type MemoryMachine = Machine<MemoryDisk, MemoryTables>;

/// The two sides.
pub fn sides() -> Result<Sides, Trouble> {
    let keys = VaultKeys::from_entropy(&Secret::new(random32("vault", 0)));
    let server = keys.server_signing.clone();
    let mut ours = Ours::new(SoftwareVault::from_keys(keys))?;
    let tokens = ours.tokens.iter().map(|(bare, _)| bare).cloned().collect();
    ours.ready()?;
    ours.run()?;
    let (kid, mut messages) = (server.verifying(&CRYPTO).id(&CRYPTO), Vec::new());
    for grant in &ours.grants {
        let claims = Raw(&grant.0).parse::<Grant>().map_err(symbolon_offline_payment::Refusal::from)?;
        messages.push(to_be_signed(kid, claims.danger_unverified()));
    }
    let limit = Limit { tokens, server, messages, signatures: Vec::new() };
    Ok(Sides { ours: Box::new(ours), limit: Box::new(limit) })
}

/// What sets up one device: its payer, with money enough for all its grants, and its enrolment.
pub fn enrolment(number: u32) -> Result<[Command; 4], Trouble> {
    let (payer, code) = (PayerId(random16("payer", number)), Hash(random32("code", number)));
    let limits = AccountLimits {
        per_payment: eur(LIMIT_MINOR)?,
        cumulative_minor: 10_000,
        count: 6,
        pool: 32,
        attempts: 5,
        grant_seconds: 72 * 3600,
        verification: verification(),
    };
    let signing = signing_key("phone", number).verifying(&CRYPTO);
    let authenticator = AuthenticatorId::of(&CRYPTO, &signing);
    let (kem, seed) = (KemPublic(random32("kem", number)), random32("enrolment", number));
    let transfer = TransferId(random16("fund", number));
    Ok([
        Command::OpenAccount(OpenAccount { payer, debt: AccountId(random16("debt", number)), limits }),
        Command::Fund(Fund { transfer, payer, amount: eur(LIMIT_MINOR * 100)? }),
        Command::InviteAuthenticator(InviteAuthenticator { payer, code }),
        Command::EnrolAuthenticator(EnrolAuthenticator { code, authenticator, signing, kem, seed }),
    ])
}

fn token(key: &SigningKey, device: u32, sequence: u32) -> Result<(Rc<Bare>, Bytes), Trouble> {
    let number = device << 8 | sequence;
    let kem = KemKey::from_private(Secret::new(random32("token kem", number))).public(&CRYPTO);
    let authenticator = AuthenticatorId::of(&CRYPTO, &key.verifying(&CRYPTO));
    let body = NonceTokenBody { authenticator, sequence: u64::from(sequence), kem, boot: 3, counter: 17 };
    let now = NOW.seconds();
    let nonce = Nonce(random16("token nonce", number));
    let (bare, proof) = Bare::sign(key, &NonceToken { exp: now.plus(TOKEN_SECONDS), iat: now, nonce, body })?;
    Ok((Rc::new(bare), Bytes(proof)))
}

struct Ours {
    vault: SoftwareVault,
    setup: Vec<Command>,
    /// What the edge reads: the rows after the setup.
    snapshot: MemoryRows,
    tokens: Vec<(Rc<Bare>, Bytes)>,
    requests: Vec<Vec<Bytes>>,
    machine: Option<MemoryMachine>,
    grants: Vec<Bytes>,
}

impl Ours {
    fn new(vault: SoftwareVault) -> Result<Self, Trouble> {
        let (mut setup, mut snapshot, mut tokens) = (Vec::new(), MemoryRows::default(), Vec::new());
        for device in 0..DEVICES {
            setup.extend(enrolment(device)?);
            let key = signing_key("phone", device);
            for sequence in 1..=REQUESTS_PER_DEVICE * TOKENS_PER_REQUEST {
                tokens.push(token(&key, device, sequence)?);
            }
        }
        for (command, sequence) in setup.iter().zip(1..) {
            refused(&OfflinePayment::apply(&mut snapshot, &Ctx { at: NOW, sequence }, command.clone()))?;
        }
        let all: Vec<Bytes> = tokens.iter().map(|(_, bytes)| bytes.clone()).collect();
        let requests = all.chunks(TOKENS_PER_REQUEST as usize).map(<[Bytes]>::to_vec).collect();
        Ok(Self { vault, setup, snapshot, tokens, requests, machine: None, grants: Vec::new() })
    }

    fn machine(&self) -> Result<MemoryMachine, Trouble> {
        let options = Options { segment_bytes: SEGMENT_BYTES, ..Options::default() };
        let (log, opened) = Log::open(MemoryDisk::default(), options)?;
        let (mut machine, _) = Machine::open(log, opened, MemoryTables::default(), Policy::default())?;
        let setup: Vec<Submission> = self.setup.iter().cloned().map(Submission::natural).collect();
        for (_, outcome) in machine.step(NOW, &setup)? {
            let AnyOutcome::OfflinePayment(outcome) = outcome else { return Err(Trouble::Differ) };
            refused(&outcome)?;
        }
        Ok(machine)
    }
}

fn refused(outcome: &Outcome) -> Result<(), Trouble> {
    match outcome {
        Outcome::Refused(refusal) => Err((*refusal).into()),
        _ => Ok(()),
    }
}

impl Side for Ours {
    fn ready(&mut self) -> Result<(), Trouble> {
        self.machine = Some(self.machine()?);
        self.grants.clear();
        Ok(())
    }

    fn run(&mut self) -> Result<u32, Trouble> {
        let machine = self.machine.as_mut().ok_or(Trouble::Unmeasurable)?;
        let keys = OfflinePaymentKeys::new(&self.vault).map_err(|_| Trouble::Unmeasurable)?;
        let edge = Edge { crypto: &CRYPTO, keys: &keys };
        for (request, number) in self.requests.iter().zip(0..) {
            let command = edge.open_tokens(&self.snapshot, request, &random32("request", number))?;
            let answers = machine.step(NOW, &[Submission::natural(command)])?;
            for (_, outcome) in answers {
                match outcome {
                    AnyOutcome::OfflinePayment(Outcome::Granted(grants)) => {
                        self.grants.extend(edge.seal_grants(&grants)?)
                    }
                    AnyOutcome::OfflinePayment(outcome) => refused(&outcome)?,
                    AnyOutcome::Platform(_) | AnyOutcome::Acquiring(_) => return Err(Trouble::Differ),
                }
            }
        }
        Ok(GRANTS)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        let signatures: Result<Vec<[u8; 64]>, Trouble> =
            self.grants.iter().map(|grant| signature(&grant.0)).collect();
        Ok(CRYPTO.sha256(&[&signatures?.concat()]))
    }
}

struct Limit {
    tokens: Vec<Rc<Bare>>,
    server: SigningKey,
    messages: Vec<Vec<u8>>,
    signatures: Vec<[u8; 64]>,
}

impl Side for Limit {
    fn run(&mut self) -> Result<u32, Trouble> {
        self.signatures.clear();
        for (token, message) in self.tokens.iter().zip(&self.messages) {
            if !black_box(token).verifies() {
                return Err(Trouble::Differ);
            }
            self.signatures.push(CRYPTO.ed25519_sign(self.server.seed().reveal(), message));
        }
        Ok(GRANTS)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        Ok(CRYPTO.sha256(&[&self.signatures.concat()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_grants_every_token_once() {
        let vault = SoftwareVault::from_keys(VaultKeys::from_entropy(&Secret::new(random32("vault", 0))));
        let mut ours = Ours::new(vault).unwrap();
        ours.ready().unwrap();
        assert_eq!(ours.run().unwrap(), GRANTS);
        assert_eq!(ours.grants.len(), GRANTS as usize);
        let tokens: std::collections::BTreeSet<[u8; 32]> = ours
            .grants
            .iter()
            .map(|grant| Raw(&grant.0).parse::<Grant>().unwrap().danger_unverified().body.token.0)
            .collect();
        assert_eq!(tokens.len(), GRANTS as usize);
    }

    #[test]
    fn an_altered_token_stops_either_side() {
        let mut sides = sides().unwrap();
        assert_eq!(sides.limit.run().unwrap(), GRANTS);
        let vault = SoftwareVault::from_keys(VaultKeys::from_entropy(&Secret::new(random32("vault", 0))));
        let mut ours = Ours::new(vault).unwrap();
        ours.ready().unwrap();
        *ours.requests[3][2].0.last_mut().unwrap() ^= 1;
        assert!(matches!(ours.run(), Err(Trouble::Refused(refused)) if refused.name == "BAD_SIG"));
        let (mut bare, _) = token(&signing_key("phone", 0), 0, 1).unwrap();
        Rc::get_mut(&mut bare).unwrap().signature[63] ^= 1;
        let mut limit = Limit {
            tokens: vec![bare],
            server: signing_key("server", 0),
            messages: vec![Vec::new()],
            signatures: Vec::new(),
        };
        assert!(matches!(limit.run(), Err(Trouble::Differ)));
    }
}
