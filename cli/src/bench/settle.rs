//! `offline-payment.settle`: from uploaded settlements to their outcomes, against the cryptography that they contain.
//!
//! ```text
//!   ready: a machine with 37 devices, 999 grants, 20 shops
//!   run:   1,000 uploads, 100 a batch: of each its keys and open_settlement ─► Submission;  of the batch Machine::step ─► outcomes
//! ```
//! The last upload is a second object on the nonce of the first, at another shop and inside its cap.
//!
//! **Invariant:** a run settles 999 objects from their reservations and exactly one from loss, whose device is then convicted by the
//! evidence on record; anything else is trouble.
//! **Invariant:** the result is both sides' verdicts on every upload, and on one of every [`Flaw`].
mod upload;

use super::grant::enrolment;
use super::measure::{Side, Sides, Trouble};
use super::memory_disk::MemoryDisk;
use super::sample::{Bare, CRYPTO, NOW, eur, random16, random32, signature, to_be_signed};
use symbolon_keys::Crypto;
use symbolon_log::{Log, Options};
use symbolon_machine::{AnyOutcome, Machine, Policy, Submission};
use symbolon_offline_payment::messages::{AccountRef, AuthenticatorId, Grant, Nonce};
use symbolon_offline_payment::server::Edge;
use symbolon_offline_payment::state::{
    self, Command, EnrolPayee, GrantNonces, InvitePayee, Outcome, Source, TokenFacts,
};
use symbolon_store::MemoryTables;
use symbolon_types::{Hash, Secret};
use symbolon_vault::{OfflinePaymentKeys, SoftwareVault, VaultKeys};
use upload::{BareKeys, BareUpload, Flaw, Granted, Shop, payee, phone_key, shop_key, upload};

const DEVICES: u32 = 37;
const GRANTS_PER_DEVICE: u32 = 27;
const GRANTS: u32 = DEVICES * GRANTS_PER_DEVICE;
const SHOPS: u32 = 20;
/// One more than grants: the second object of the first nonce.
const UPLOADS: u32 = GRANTS + 1;
const BATCH: usize = 100;
/// Room for the log of one run.
const SEGMENT_BYTES: u64 = 4 << 20;

type MemoryMachine = Machine<MemoryDisk, MemoryTables>;

/// The two sides, over this provider; the vault has its own.
pub fn sides(crypto: &'static dyn Crypto) -> Result<Sides, Trouble> {
    let (ours, limit) = both(crypto)?;
    Ok(Sides { ours: Box::new(ours), limit: Box::new(limit) })
}

fn both(crypto: &'static dyn Crypto) -> Result<(Ours, Limit), Trouble> {
    let keys = VaultKeys::from_entropy(&Secret::new(random32("vault", 0)));
    let World { setup, grants, shops } = World::founded(&keys)?;
    let twice = grants.first().cloned().ok_or(Trouble::Unmeasurable)?;
    // The last is on the first one's grant, at the next shop.
    let paid = grants.iter().zip(shops.iter().cycle()).chain(shops.get(1).map(|shop| (&twice, shop)));
    let made = paid.zip(0..).map(|((grant, shop), number)| upload(&keys, grant, (shop, number), None));
    let (uploads, bare) = made.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
    let spoilt = |flaw| upload(&keys, &twice, (&shops[0], 0), Some(flaw));
    let made = Flaw::ALL.into_iter().map(spoilt).collect::<Result<Vec<_>, _>>()?;
    let (forged, forged_bare) = made.into_iter().unzip();
    let limit = Limit {
        crypto,
        keys: BareKeys {
            account_master: keys.account_master.clone(),
            issuer: keys.issuer_kem.clone().paired(&CRYPTO),
        },
        uploads: bare,
        forged: forged_bare,
        verdicts: Vec::new(),
    };
    let (vault, verdicts) = (SoftwareVault::from_keys(keys), Vec::new());
    Ok((Ours { crypto, vault, setup, uploads, forged, twice, machine: None, verdicts }, limit))
}

/// What the uploads are made of, and the commands that bring it about.
struct World {
    setup: Vec<Command>,
    /// A grant of each device in turn, as the uploads of many payers come.
    grants: Vec<Granted>,
    shops: Vec<Shop>,
}

impl World {
    fn founded(keys: &VaultKeys) -> Result<Self, Trouble> {
        let vault = SoftwareVault::from_keys(keys.clone());
        let keys = OfflinePaymentKeys::new(&vault).map_err(|_| Trouble::Unmeasurable)?;
        let edge = Edge { crypto: &CRYPTO, keys: &keys };
        let (setup, mut pools, mut shops) = (setup()?, Vec::new(), Vec::new());
        for outcome in founded(&setup)?.1 {
            match outcome {
                Outcome::Granted(grants) => pools.push(pool(&edge, pools.len(), &grants)?),
                Outcome::PayeeEnrolled(certificate) => shops.push(Shop {
                    number: small(shops.len())?,
                    certificate: edge.seal_certificate(&certificate)?,
                }),
                _ => {}
            }
        }
        let turn = |place: usize| pools.iter().filter_map(move |of: &Vec<Granted>| of.get(place)).cloned();
        let grants = (0..GRANTS_PER_DEVICE as usize).flat_map(turn).collect();
        Ok(Self { setup, grants, shops })
    }
}

fn small(count: usize) -> Result<u32, Trouble> {
    u32::try_from(count).map_err(|_| Trouble::Unmeasurable)
}

/// The grants of one device, signed.
fn pool(edge: &Edge<'_>, device: usize, grants: &[Grant]) -> Result<Vec<Granted>, Trouble> {
    let (server, device) = (edge.keys.signer().verifying_key(), small(device)?);
    let sealed = edge.seal_grants(grants)?.into_iter().zip(grants);
    sealed
        .map(|(bytes, claims)| {
            let message = to_be_signed(server.id(&CRYPTO), claims);
            let bare = Bare { key: server, message, signature: signature(&bytes.0)? };
            Ok(Granted { device, token: claims.body.token, grant: (bare, bytes) })
        })
        .collect()
}

/// Shops and devices enrolled, every pool filled.
fn setup() -> Result<Vec<Command>, Trouble> {
    let mut setup = Vec::new();
    for number in 0..SHOPS {
        let code = Hash(random32("shop code", number));
        let (name, cap) = (format!("Shop {number}"), eur(10_000)?);
        let invite =
            InvitePayee { payee: payee(number), name, mcc: 5411, cap, valid_seconds: 365 * 86_400, code };
        let signing = shop_key(number).verifying(&CRYPTO);
        setup.push(Command::InvitePayee(invite));
        setup.push(Command::EnrolPayee(EnrolPayee { code, signing }));
    }
    for device in 0..DEVICES {
        setup.extend(enrolment(device)?);
        let authenticator = AuthenticatorId::of(&CRYPTO, &phone_key(device).verifying(&CRYPTO));
        let tokens = (1..=GRANTS_PER_DEVICE).map(|sequence| token(device, sequence)).collect();
        setup.push(Command::GrantNonces(GrantNonces { authenticator, tokens }));
    }
    Ok(setup)
}

fn token(device: u32, sequence: u32) -> TokenFacts {
    let number = device << 8 | sequence;
    TokenFacts {
        token: Hash(random32("token", number)),
        nonce: Nonce(random16("token nonce", number)),
        sequence: u64::from(sequence),
        exp: NOW.seconds().plus(30 * 86_400),
        account: AccountRef(random16("account", number)),
    }
}

/// A machine, log and tables in memory, in which all this happened; and what was answered.
fn founded(setup: &[Command]) -> Result<(MemoryMachine, Vec<Outcome>), Trouble> {
    let options = Options { segment_bytes: SEGMENT_BYTES, ..Options::default() };
    let (log, opened) = Log::open(MemoryDisk::default(), options)?;
    let (mut machine, _) = Machine::open(log, opened, MemoryTables::default(), Policy::default())?;
    let submissions: Vec<Submission> = setup.iter().cloned().map(Submission::natural).collect();
    let answers = machine.step(NOW, &submissions)?.into_iter().map(|(_, outcome)| taken(outcome));
    let answers = answers.collect::<Result<_, _>>()?;
    Ok((machine, answers))
}

/// An outcome of system 01 that is no refusal.
fn taken(outcome: AnyOutcome) -> Result<Outcome, Trouble> {
    match outcome {
        AnyOutcome::OfflinePayment(Outcome::Refused(refusal)) => Err(refusal.into()),
        AnyOutcome::OfflinePayment(outcome) => Ok(outcome),
        AnyOutcome::Platform(_) | AnyOutcome::Acquiring(_) => Err(Trouble::Differ),
    }
}

struct Ours {
    crypto: &'static dyn Crypto,
    vault: SoftwareVault,
    setup: Vec<Command>,
    uploads: Vec<Vec<u8>>,
    forged: Vec<Vec<u8>>,
    /// The grant that two objects are made on.
    twice: Granted,
    machine: Option<MemoryMachine>,
    verdicts: Vec<u8>,
}

impl Ours {
    /// One upload at the edge, as a request comes: which keys sign is what the rows say.
    fn open(&self, machine: &MemoryMachine, bytes: &[u8]) -> Result<Command, Trouble> {
        let unavailable = |_| Trouble::Unmeasurable;
        let (_, trust) = machine.read(state::trust).map_err(unavailable)?;
        let keys =
            OfflinePaymentKeys::of(&self.vault, trust.generation).map_err(|_| Trouble::Unmeasurable)?;
        let edge = Edge { crypto: self.crypto, keys: &keys };
        let (_, command) = machine.read(|rows| edge.open_settlement(rows, bytes)).map_err(unavailable)?;
        Ok(command?)
    }

    /// An object that was settled before is answered from the rows; here none is.
    fn is_new(machine: &MemoryMachine, command: &Command) -> Result<bool, Trouble> {
        let Command::Settle(asked) = command else { return Err(Trouble::Differ) };
        let known = machine.read(|rows| state::settlement(rows, &asked.token, &asked.payee));
        known.map(|(_, known)| known.is_none()).map_err(|_| Trouble::Unmeasurable)
    }

    /// What is put into the queue for one upload.
    fn submission(&self, machine: &MemoryMachine, bytes: &[u8]) -> Result<Submission, Trouble> {
        let command = self.open(machine, bytes)?;
        if Self::is_new(machine, &command)? { Ok(Submission::natural(command)) } else { Err(Trouble::Differ) }
    }

    /// Evidence is on record against the device of the two objects and against no other, and it is revoked.
    fn is_convicted(&self, machine: &MemoryMachine) -> Result<bool, Trouble> {
        let id = AuthenticatorId::of(&CRYPTO, &phone_key(self.twice.device).verifying(&CRYPTO));
        let read = machine.read(|rows| {
            let revoked = state::authenticator(rows, &id).is_some_and(|row| row.revoked);
            revoked && state::evidences(rows, None, 2).iter().map(|(token, _)| *token).eq([self.twice.token])
        });
        read.map(|(_, convicted)| convicted).map_err(|_| Trouble::Unmeasurable)
    }
}

impl Side for Ours {
    fn ready(&mut self) -> Result<(), Trouble> {
        self.machine = Some(founded(&self.setup)?.0);
        self.verdicts.clear();
        Ok(())
    }

    fn run(&mut self) -> Result<u32, Trouble> {
        let mut machine = self.machine.take().ok_or(Trouble::Unmeasurable)?;
        let (mut reserved, mut lost) = (0u32, 0u32);
        for batch in self.uploads.chunks(BATCH) {
            let opened = batch.iter().map(|bytes| self.submission(&machine, bytes));
            let opened = opened.collect::<Result<Vec<_>, _>>()?;
            for (_, outcome) in machine.step(NOW, &opened)? {
                match taken(outcome)? {
                    Outcome::Settled(settled) if settled.source == Source::Loss => lost += 1,
                    Outcome::Settled(_) => reserved += 1,
                    _ => return Err(Trouble::Differ),
                }
                self.verdicts.push(1);
            }
        }
        self.machine = Some(machine);
        if (reserved, lost) == (GRANTS, 1) { Ok(UPLOADS) } else { Err(Trouble::Differ) }
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        let machine = self.machine.as_ref().ok_or(Trouble::Unmeasurable)?;
        if !self.is_convicted(machine)? {
            return Err(Trouble::Differ);
        }
        let forged = self.forged.iter().map(|bytes| u8::from(self.open(machine, bytes).is_ok()));
        Ok(CRYPTO.sha256(&[&self.verdicts, &forged.collect::<Vec<u8>>()]))
    }
}

struct Limit {
    crypto: &'static dyn Crypto,
    keys: BareKeys,
    uploads: Vec<BareUpload>,
    forged: Vec<BareUpload>,
    verdicts: Vec<u8>,
}

impl Limit {
    fn verdicts(&self, uploads: &[BareUpload]) -> Vec<u8> {
        uploads.iter().map(|upload| u8::from(upload.holds(self.crypto, &self.keys))).collect()
    }
}

impl Side for Limit {
    fn run(&mut self) -> Result<u32, Trouble> {
        self.verdicts = self.verdicts(&self.uploads);
        Ok(UPLOADS)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        Ok(CRYPTO.sha256(&[&self.verdicts, &self.verdicts(&self.forged)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use symbolon_types::Refused;

    fn refusal(ours: &Ours, bytes: &[u8]) -> &'static str {
        match ours.open(ours.machine.as_ref().unwrap(), bytes) {
            Err(Trouble::Refused(Refused { name, .. })) => name,
            other => panic!("{:?}", other.map(|_| ())),
        }
    }

    #[test]
    fn every_flaw_is_refused_for_its_own_reason_and_a_run_without_a_loss_fails() {
        let (mut ours, limit) = both(&CRYPTO).unwrap();
        ours.ready().unwrap();
        assert!(ours.open(ours.machine.as_ref().unwrap(), &ours.uploads[0]).is_ok());
        let expected = ["BAD_GRANT", "BAD_SIG", "BAD_SIG", "BAD_SIG", "BAD_SIG", "OPEN_FAILED"];
        for (bytes, expected) in ours.forged.iter().zip(expected) {
            assert_eq!(refusal(&ours, bytes), expected);
        }
        assert_eq!(limit.verdicts(&limit.uploads[..2]), [1, 1]);
        assert_eq!(limit.verdicts(&limit.forged), [0; Flaw::ALL.len()]);

        assert_eq!((UPLOADS, ours.uploads.len()), (1000, 1000));
        ours.ready().unwrap();
        assert_eq!(ours.run().unwrap(), UPLOADS);
        ours.result().unwrap();
        ours.uploads.pop();
        ours.ready().unwrap();
        assert!(matches!(ours.run(), Err(Trouble::Differ)), "nothing was double-spent");
        assert!(matches!(ours.result(), Err(Trouble::Differ)), "nobody was convicted");
    }
}
