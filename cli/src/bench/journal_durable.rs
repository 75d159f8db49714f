//! `journal.durable.*`: posted transfers through the machine onto a disk, against the same bytes written and synced raw.
//!
//! **Invariant:** our result is read back from the log's files: the records of the last batch are the transfers that were sent, and every one was posted.
use super::log::Bare;
use super::measure::{Side, Sides, Trouble};
use super::sample::{CRYPTO, NOW, eur, random16};
use std::path::{Path, PathBuf};
use symbolon_acquiring::state::{Command, OpenAccount, Outcome};
use symbolon_journal::{AccountId, Limit, Transfer, TransferId, account};
use symbolon_keys::Crypto;
use symbolon_log::{FileDisk, History, Log, Options, Reading};
use symbolon_machine::{AnyOutcome, Machine, Policy, Submission};
use symbolon_store::MemoryTables;
use symbolon_types::{Currency, Hash};

const ACCOUNTS: u32 = 1000;
/// A machine with more is put away, off the clock: its rows are in memory.
const TRANSFERS_MAX: u32 = 200_000;
/// Zero-filled ahead on both sides.
const AHEAD_BYTES: u64 = 64 << 20;

/// The two sides, with so many transfers in a batch: one command each, one write and one sync for all.
pub fn sides(folder: &Path, batch: u32) -> Result<Sides, Trouble> {
    let mut ours = Ours {
        folder: folder.join("log"),
        batch,
        sent: 0,
        made: 0,
        machine: None,
        last: Vec::new(),
        next: Vec::new(),
    };
    ours.ready()?;
    let bytes: Vec<u8> = ours.next.iter().flat_map(|one| one.record().to_vec()).collect();
    let limit = Raw(Bare::create(&folder.join("bare"), AHEAD_BYTES, bytes.into(), batch)?);
    Ok(Sides { ours: Box::new(ours), limit: Box::new(limit) })
}

struct Ours {
    folder: PathBuf,
    batch: u32,
    /// Transfers that were posted, over all machines.
    sent: u32,
    /// Those of this machine.
    made: u32,
    machine: Option<Machine<FileDisk, MemoryTables>>,
    last: Vec<u8>,
    next: Vec<Submission>,
}

fn account_id(number: u32) -> AccountId {
    AccountId(random16("durable account", number % ACCOUNTS))
}

fn taken(answers: Vec<(u64, AnyOutcome)>) -> Result<(), Trouble> {
    let set = |(_, outcome): &(u64, AnyOutcome)| *outcome == AnyOutcome::Acquiring(Outcome::Set(()));
    if answers.iter().all(set) { Ok(()) } else { Err(Trouble::Differ) }
}

impl Ours {
    fn opened(&self) -> Result<Machine<FileDisk, MemoryTables>, Trouble> {
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder)?;
        }
        let disk = FileDisk::open(self.folder.clone()).map_err(symbolon_log::LogError::from)?;
        let (log, found) = Log::open(disk, Options { segment_bytes: AHEAD_BYTES, ..Options::default() })?;
        let (mut machine, _) = Machine::open(log, found, MemoryTables::default(), Policy::default())?;
        let open = |number| {
            let (currency, limit) = (Currency::EUR, Limit::Unlimited(()));
            let open = OpenAccount { id: account_id(number), currency, limit, history: false };
            Submission::natural(Command::OpenAccount(open))
        };
        let accounts: Vec<Submission> = (0..ACCOUNTS).map(open).collect();
        taken(machine.step(NOW, &accounts)?)?;
        Ok(machine)
    }

    fn transfer(&self, number: u32) -> Result<Submission, Trouble> {
        let id = TransferId(random16("durable transfer", number));
        let (debit, credit) = (account_id(number), account_id(number.wrapping_mul(7).wrapping_add(1)));
        let credit = if debit == credit { account_id(number.wrapping_add(1)) } else { credit };
        let moved = Transfer::posted(id, debit, credit, eur(1000 + u64::from(number % 1000))?, Hash([1; 32]));
        Ok(Submission::natural(Command::Transfer(moved)))
    }
}

impl Side for Ours {
    fn ready(&mut self) -> Result<(), Trouble> {
        if self.machine.is_none() || self.made + self.batch > TRANSFERS_MAX {
            self.machine = None;
            self.machine = Some(self.opened()?);
            self.made = 0;
        }
        if let Some(machine) = &mut self.machine {
            // A MiB each: the next segment is there before this one is full.
            for _ in 0..4 {
                machine.idle()?;
            }
        }
        let numbers = self.sent..self.sent + self.batch;
        self.next = numbers.map(|number| self.transfer(number)).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn run(&mut self) -> Result<u32, Trouble> {
        let machine = self.machine.as_mut().ok_or(Trouble::Unmeasurable)?;
        taken(machine.step(NOW, &self.next)?)?;
        self.sent += self.batch;
        self.made += self.batch;
        self.last = self.next.iter().flat_map(|one| one.record().to_vec()).collect();
        Ok(self.batch)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        let machine = self.machine.take().ok_or(Trouble::Unmeasurable)?;
        let posted = |rows: &dyn symbolon_state::Rows| {
            let of = |number| account(rows, &account_id(number)).map_or(0, |found| found.debits.posted);
            (0..ACCOUNTS).map(of).sum::<u64>()
        };
        let (_, found) = machine.read(posted).map_err(|_| Trouble::Unmeasurable)?;
        drop(machine);
        let numbers = self.sent - self.made..self.sent;
        if found != numbers.map(|number| 1000 + u64::from(number % 1000)).sum::<u64>() {
            return Err(Trouble::Differ);
        }
        let disk = FileDisk::open(self.folder.clone()).map_err(symbolon_log::LogError::from)?;
        let mut last = Vec::new();
        for batch in Reading::open(disk)?.batches()? {
            last = batch?.records().flat_map(|(_, record)| record.to_vec()).collect();
        }
        if last != self.last {
            return Err(Trouble::Differ);
        }
        Ok(length(last.len()))
    }
}

/// The bytes of the two sides are not the same, for no transfer is sent twice; as many of them are.
fn length(bytes: usize) -> Hash {
    CRYPTO.sha256(&[&bytes.to_be_bytes()])
}

/// The raw side.
struct Raw(Bare);

impl Side for Raw {
    fn ready(&mut self) -> Result<(), Trouble> {
        self.0.ready()
    }

    fn run(&mut self) -> Result<u32, Trouble> {
        self.0.run()
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        self.0.read_back().map(|bytes| length(bytes.len()))
    }
}
