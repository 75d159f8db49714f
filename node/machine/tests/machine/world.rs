//! What the tests share: one scripted workload with fixed bytes, tables that outlive the machine, and dumps of rows.
#![allow(dead_code, reason = "the example that writes the golden log uses a part of this")]
use std::sync::{Arc, Mutex, MutexGuard};
use symbolon_journal::{AccountId, TransferId};
use symbolon_keys::{Crypto, KemPublic, RustCrypto, VerifyingKey};
use symbolon_log::memory::MemoryDisk;
use symbolon_log::{Disk, Log, Options};
use symbolon_machine::{
    AddKey, AnyCommand, AnyOutcome, FoundPlatform, Machine, MachineError, Opened, PlatformCommand,
    PlatformOutcome, Policy, Principal, RedeemFirstKey, RequestId, RevokeKey, Scope, Submission, TABLES,
};
use symbolon_offline_payment::Refusal;
use symbolon_offline_payment::messages::{
    AccountRef, Audit, AuthenticatorId, Nonce, PayeeId, PayeeNonce, PayerId, ReportedObject, VerificationRule,
};
use symbolon_offline_payment::state::{
    AccountLimits, Command, EnrolAuthenticator, EnrolPayee, Fund, GrantNonces, InviteAuthenticator,
    InvitePayee, OpenAccount, Outcome, Reconcile, Refund, RepayDebt, RevokeAuthenticator, RevokeServerKey,
    RotateServerKey, SetTrustPolicy, Settle, TokenFacts,
};
use symbolon_state::Rows;
use symbolon_store::{MemoryTables, Row, StoreError, TableRow, Tables, Write};
use symbolon_types::{Amount, Currency, Hash, UnixMs, UnixSeconds};
use symbolon_wire::cbor::Bytes;

/// When every script begins, in Unix milliseconds.
pub const START: u64 = 1_800_000_000_000;
pub const DAY_MS: u64 = 24 * 3600 * 1000;
/// Segments of one page of batches, so that a script needs several.
pub const OPTIONS: Options = Options { segment_bytes: 8192, accept_lost_pointer: false };
/// No checkpoint but those that are asked for.
pub const NEVER: Policy = Policy { checkpoint_bytes: u64::MAX, checkpoint_ms: u64::MAX };
pub const PAYER: PayerId = PayerId([0xA1; 16]);
pub const AUTHENTICATOR: AuthenticatorId = AuthenticatorId([0xD1; 16]);
pub const SHOPS: [PayeeId; 2] = [PayeeId([0xE1; 16]), PayeeId([0xE2; 16])];
pub const ALICE: Principal = Principal(Hash([0x11; 32]));
pub const BOB: Principal = Principal(Hash([0x22; 32]));
pub const DONE: AnyOutcome = AnyOutcome::Platform(PlatformOutcome::Done(()));
pub const DONE_01: AnyOutcome = AnyOutcome::OfflinePayment(Outcome::Done(()));

/// The rows of all tables, in order.
pub type Dump = Vec<(u16, Vec<u8>, Vec<u8>)>;
pub type MemoryMachine = Machine<MemoryDisk, Shelf>;

/// One batch of a script: its time and what is submitted.
pub struct Step {
    pub at: UnixMs,
    pub submissions: Vec<Submission>,
}

pub fn eur(minor: u64) -> Amount {
    Amount::new(minor, Currency::from_alpha("EUR").unwrap()).unwrap()
}

pub fn hash(label: &str, n: u64) -> Hash {
    RustCrypto.sha256(&[label.as_bytes(), &n.to_be_bytes()])
}

/// A UUID of version 7 of that time.
pub fn id(at_ms: u64, n: u64) -> RequestId {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&at_ms.to_be_bytes()[2..]);
    bytes[6] = 0x70;
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    bytes[8] |= 0x80;
    RequestId(bytes)
}

pub fn add_key(label: &str, n: u64) -> PlatformCommand {
    PlatformCommand::AddKey(AddKey {
        key: hash(label, n),
        name: format!("{label} {n}"),
        scopes: vec![Scope::Read],
    })
}

pub fn open_account(payer: PayerId, debt: u8) -> Command {
    let verification = vec![VerificationRule { from_minor: 0, user: 1, otp: false }];
    let limits = AccountLimits {
        per_payment: eur(5000),
        cumulative_minor: 25_000,
        count: 10,
        pool: 5,
        attempts: 5,
        grant_seconds: 72 * 3600,
        verification,
    };
    Command::OpenAccount(OpenAccount { payer, debt: AccountId([debt; 16]), limits })
}

pub fn fund(n: u8, payer: PayerId, minor: u64) -> Command {
    Command::Fund(Fund { transfer: TransferId([n; 16]), payer, amount: eur(minor) })
}

fn invite_payee(n: usize) -> Command {
    let n8 = u64::try_from(n).unwrap();
    Command::InvitePayee(InvitePayee {
        payee: SHOPS[n],
        name: format!("Shop {n}"),
        mcc: 5411,
        cap: eur(5000),
        valid_seconds: 365 * 24 * 3600,
        code: hash("payee code", n8),
    })
}

fn enrol_payee(n: u64) -> Command {
    Command::EnrolPayee(EnrolPayee {
        code: hash("payee code", n),
        signing: VerifyingKey(hash("payee key", n).0),
    })
}

pub fn invite_authenticator(n: u64) -> Command {
    Command::InviteAuthenticator(InviteAuthenticator { payer: PAYER, code: hash("code", n) })
}

pub fn enrol_authenticator(n: u64, authenticator: AuthenticatorId) -> Command {
    Command::EnrolAuthenticator(EnrolAuthenticator {
        code: hash("code", n),
        authenticator,
        signing: VerifyingKey(hash("signing", n).0),
        kem: KemPublic(hash("kem", n).0),
        seed: hash("seed", n).0,
    })
}

pub fn grant(tokens: std::ops::RangeInclusive<u64>) -> Command {
    let facts = |n: u64| TokenFacts {
        token: hash("token", n),
        nonce: Nonce(hash("nonce", n).0[..16].try_into().unwrap()),
        sequence: n,
        exp: UnixSeconds(START / 1000 + 72 * 3600),
        account: AccountRef([n.to_be_bytes()[7]; 16]),
    };
    Command::GrantNonces(GrantNonces { authenticator: AUTHENTICATOR, tokens: tokens.map(facts).collect() })
}

pub fn settle(token: u64, object: u64, payee: PayeeId, minor: u64) -> Command {
    Command::Settle(Settle {
        object: hash("object", object),
        token: hash("token", token),
        payee,
        amount: eur(minor),
        accepted_at: UnixSeconds(START / 1000 + 1),
        audit: Audit { spend_total: minor, counter: object, previous: Hash::ZERO },
        // As long as an object is, so that the script needs several segments.
        bytes: Bytes(hash("object bytes", object).0.repeat(38)),
        challenge: hash("challenge", object),
        online: false,
    })
}

fn reconcile() -> Command {
    let objects = vec![ReportedObject { token: hash("token", 1), object: hash("object", 1) }];
    Command::Reconcile(Reconcile {
        authenticator: AUTHENTICATOR,
        report: hash("report", 1),
        objects,
        counter: 3,
        reported_at: UnixSeconds(START / 1000 + 2),
    })
}

fn server_key(generation: u32) -> VerifyingKey {
    VerifyingKey(hash("server key", u64::from(generation)).0)
}

fn rotate_server_key(generation: u32) -> Command {
    let (first, key) = (server_key(0), server_key(generation));
    Command::RotateServerKey(RotateServerKey { first, key, generation, overlap_seconds: 3600 })
}

fn repay(n: u8, minor: u64) -> Command {
    Command::RepayDebt(RepayDebt { transfer: TransferId([0x70 | n; 16]), payer: PAYER, amount: eur(minor) })
}

pub fn refund(token: u64, object: u64, payee: PayeeId, minor: u64) -> Command {
    Command::Refund(Refund {
        refund: hash("refund", object * 10_000 + minor),
        payee,
        nonce: PayeeNonce(hash("refund nonce", object * 10_000 + minor).0[..16].try_into().unwrap()),
        token: hash("token", token),
        object: hash("object", object),
        amount: eur(minor),
    })
}

/// Collects a script; each submission but natural ones has an id of its batch's time.
#[derive(Default)]
struct Script {
    steps: Vec<Step>,
    ids: u64,
}

impl Script {
    fn batch(&mut self, after_ms: u64, commands: Vec<AnyCommand>) {
        let at = START + after_ms;
        let submissions = commands.into_iter().map(|command| {
            self.ids += 1;
            Submission::with_id(command, ALICE, id(at, self.ids))
        });
        let submissions = submissions.collect();
        self.steps.push(Step { at: UnixMs(at), submissions });
    }

    fn natural(&mut self, after_ms: u64, commands: Vec<Command>) {
        let submissions = commands.into_iter().map(Submission::natural).collect();
        self.steps.push(Step { at: UnixMs(START + after_ms), submissions });
    }
}

/// Every kind of command of both systems, a double spend, refusals, empty batches, and holds and ids that fall due in them.
pub fn script() -> Vec<Step> {
    let mut script = Script::default();
    let other = PayerId([0xA2; 16]);
    let (one_time, admin) = (hash("one-time", 0), hash("admin", 0));
    script.batch(
        0,
        vec![
            PlatformCommand::Found(FoundPlatform { one_time }).into(),
            PlatformCommand::RedeemFirst(RedeemFirstKey { one_time, key: admin }).into(),
            add_key("operator", 0).into(),
        ],
    );
    script.batch(10, vec![open_account(PAYER, 0xB1).into(), invite_payee(0).into(), invite_payee(1).into()]);
    script.batch(10, vec![fund(1, PAYER, 100_000).into(), open_account(other, 0xB2).into()]);
    script.batch(
        20,
        vec![
            invite_authenticator(0).into(),
            enrol_authenticator(0, AUTHENTICATOR).into(),
            enrol_payee(0).into(),
            enrol_payee(1).into(),
        ],
    );
    script.natural(1000, vec![grant(1..=3)]);
    script.batch(1500, vec![]);
    script.natural(2000, vec![settle(1, 1, SHOPS[0], 1200)]);
    script.batch(2000, vec![reconcile().into()]);
    script.natural(2100, vec![settle(1, 2, SHOPS[1], 1300), settle(1, 3, SHOPS[0], 1400)]);
    script.batch(
        2200,
        vec![
            Command::RevokeAuthenticator(RevokeAuthenticator { authenticator: AUTHENTICATOR }).into(),
            grant(4..=4).into(),
            fund(1, PAYER, 7).into(),
            PlatformCommand::RevokeKey(RevokeKey { key: hash("operator", 0) }).into(),
        ],
    );
    script.batch(
        2300,
        vec![
            repay(2, 300).into(),
            rotate_server_key(1).into(),
            rotate_server_key(2).into(),
            Command::RevokeServerKey(RevokeServerKey { key: server_key(1) }).into(),
            Command::SetTrustPolicy(SetTrustPolicy { age_seconds_max: 24 * 3600 }).into(),
        ],
    );
    script.natural(
        2400,
        vec![refund(1, 1, SHOPS[0], 200), refund(1, 2, SHOPS[1], 1200), refund(1, 2, SHOPS[1], 101)],
    );
    script.batch(7 * DAY_MS + 5, vec![]);
    script.batch(11 * DAY_MS, vec![]);
    script.batch(11 * DAY_MS, vec![fund(2, other, 50).into()]);
    script.steps
}

/// The refusal of system 01 with that number.
pub fn refused_01(code: u16) -> AnyOutcome {
    AnyOutcome::OfflinePayment(Outcome::Refused(Refusal::from_code(code).unwrap()))
}

pub fn refused(code: u16) -> AnyOutcome {
    AnyOutcome::Platform(PlatformOutcome::Refused(code))
}

/// Tables whose last checkpoint outlives the machine. Clones are the same tables.
#[derive(Clone, Default)]
pub struct Shelf(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    tables: MemoryTables,
    checkpoints: Vec<MemoryTables>,
    fails: bool,
}

impl Shelf {
    pub fn of(tables: MemoryTables) -> Self {
        Self(Arc::new(Mutex::new(Held { tables, ..Held::default() })))
    }
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap()
    }
    /// Every checkpoint that was taken.
    pub fn checkpoints(&self) -> Vec<MemoryTables> {
        self.held().checkpoints.clone()
    }
    /// From now on every checkpoint fails.
    pub fn fail(&self) {
        self.held().fails = true;
    }
    /// Writes rows past the machine.
    pub fn plant(&self, writes: &[Write<'_>]) {
        let tables = &mut self.held().tables;
        let (applied, head_hash) = (tables.applied(), tables.head_hash());
        tables.checkpoint(applied, head_hash, &mut writes.iter().copied()).unwrap();
    }
}

impl Tables for Shelf {
    fn applied(&self) -> u64 {
        self.held().tables.applied()
    }
    fn head_hash(&self) -> Hash {
        self.held().tables.head_hash()
    }
    fn get(&self, table: u16, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.held().tables.get(table, key)
    }
    fn scan(&self, table: u16, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.held().tables.scan(table, from, limit)
    }
    fn checkpoint(
        &mut self,
        applied: u64,
        head_hash: Hash,
        writes: &mut dyn Iterator<Item = Write<'_>>,
    ) -> Result<(), StoreError> {
        let mut held = self.held();
        if held.fails {
            return Err(StoreError::Damaged);
        }
        held.tables.checkpoint(applied, head_hash, writes)?;
        let taken = held.tables.clone();
        held.checkpoints.push(taken);
        Ok(())
    }
    fn dump(&self, each: &mut dyn FnMut(TableRow<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.held().tables.dump(each)
    }
}

pub fn open<D: Disk, T: Tables>(
    disk: D,
    tables: T,
    policy: Policy,
) -> Result<(Machine<D, T>, Opened), MachineError> {
    let (log, found) = Log::open(disk, OPTIONS)?;
    Machine::open(log, found, tables, policy)
}

/// A machine on new tables, made from the log alone.
pub fn replayed(disk: &MemoryDisk) -> MemoryMachine {
    open(disk.copy(), Shelf::default(), NEVER).unwrap().0
}

pub fn dump_rows(rows: &dyn Rows) -> Dump {
    let mut tables: Vec<u16> = TABLES.iter().copied().flatten().map(|(table, _)| *table).collect();
    tables.sort_unstable();
    let scan =
        |table| rows.scan(table, &[], usize::MAX).into_iter().map(move |(key, value)| (table, key, value));
    tables.into_iter().flat_map(scan).collect()
}

pub fn dump<D: Disk, T: Tables>(machine: &Machine<D, T>) -> Dump {
    machine.read(dump_rows).unwrap().1
}

/// SHA-256 over all rows, each with the lengths of key and value.
pub fn digest(dump: &Dump) -> Hash {
    let mut bytes = Vec::new();
    for (table, key, value) in dump {
        bytes.extend(table.to_be_bytes());
        for part in [key, value] {
            bytes.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
            bytes.extend(part);
        }
    }
    RustCrypto.sha256(&[&bytes])
}

/// The rows after each batch of the script, from none on: made on a disk without faults and never checkpointed.
pub fn expected() -> Vec<Dump> {
    let (mut machine, _) = open(MemoryDisk::default(), Shelf::default(), NEVER).unwrap();
    let mut dumps = vec![dump(&machine)];
    for step in script() {
        machine.step(step.at, &step.submissions).unwrap();
        dumps.push(dump(&machine));
    }
    dumps
}

/// Money and system 01 are sound.
pub fn audit<D: Disk, T: Tables>(machine: &Machine<D, T>) {
    let (journal, own) = machine
        .read(|rows| (symbolon_journal::audit(rows), symbolon_offline_payment::state::audit(rows)))
        .unwrap()
        .1;
    assert!(journal.unwrap().totals.iter().all(symbolon_journal::Totals::even));
    own.unwrap();
}
