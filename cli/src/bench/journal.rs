//! `journal.memory`: posted transfers through the journal over rows in memory, against two hash tables.
//!
//! **Invariant:** the result is debits and credits of every account, and how many transfers are known.
use super::measure::{Side, Sides, Trouble};
use super::sample::{CRYPTO, NOW, eur, random16, random32};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use symbolon_journal::{
    AccountId, Done, Kind, Limit as AccountLimit, Movement, Transfer, TransferId, account, audit,
    execute_all, open_account,
};
use symbolon_keys::Crypto;
use symbolon_state::{Ctx, MemoryRows};
use symbolon_types::{Currency, Hash};

const ACCOUNTS: u32 = 1000;
const TRANSFERS: u32 = 20_000;
/// On each account at the start, in cents: more than all transfers together take from one.
const FUNDS_MINOR: u64 = 100_000_000;

/// The two sides.
pub fn sides() -> Result<Sides, Trouble> {
    let transfers: Result<Vec<Transfer>, Trouble> = (0..TRANSFERS).map(transfer).collect();
    let transfers: Rc<[Transfer]> = transfers?.into();
    let ours = Ours { start: start()?, rows: MemoryRows::default(), transfers: Rc::clone(&transfers) };
    let limit = Limit { balances: HashMap::new(), known: HashSet::new(), transfers };
    Ok(Sides { ours: Box::new(ours), limit: Box::new(limit) })
}

fn account_id(number: u32) -> AccountId {
    AccountId(random16("journal account", number))
}

fn ctx(number: u32) -> Ctx {
    Ctx { at: NOW, sequence: u64::from(number) + 1 }
}

/// A transfer between two of the accounts, of 0.01 to 10.00.
fn transfer(number: u32) -> Result<Transfer, Trouble> {
    let [a, b, c, d, e, f, ..] = random32("journal transfer", number);
    let debit = u32::from_be_bytes([0, 0, a, b]) % ACCOUNTS;
    let credit = (debit + 1 + u32::from_be_bytes([0, 0, c, d]) % (ACCOUNTS - 1)) % ACCOUNTS;
    let amount = eur(1 + u64::from(u16::from_be_bytes([e, f])) % 1000)?;
    let id = TransferId(random16("journal transfer id", number));
    Ok(Transfer::posted(
        id,
        account_id(debit),
        account_id(credit),
        amount,
        Hash(random32("reference", number)),
    ))
}

/// The accounts with their money on them, from a bank that is not measured.
fn start() -> Result<MemoryRows, Trouble> {
    let (mut rows, bank, ctx) = (MemoryRows::default(), account_id(ACCOUNTS), ctx(0));
    opened(&mut rows, &bank, AccountLimit::Unlimited(()))?;
    for number in 0..ACCOUNTS {
        let (id, transfer) = (account_id(number), TransferId(random16("journal funds", number)));
        opened(&mut rows, &id, AccountLimit::DebitsWithinCredits(()))?;
        let funds = Transfer::posted(transfer, bank, id, eur(FUNDS_MINOR)?, Hash::ZERO);
        created(execute_all(&mut rows, &ctx, &[funds]).ok())?;
    }
    Ok(rows)
}

fn opened(rows: &mut MemoryRows, id: &AccountId, limit: AccountLimit) -> Result<(), Trouble> {
    created(open_account(rows, &ctx(0), id, Currency::EUR, limit).ok())
}

fn created(done: Option<Done>) -> Result<(), Trouble> {
    if done == Some(Done::Created) { Ok(()) } else { Err(Trouble::Differ) }
}

/// The result of either side: debits and credits by account number, and the number of transfers.
fn result(balance: impl Fn(&AccountId) -> Option<(u64, u64)>, transfers: u64) -> Result<Hash, Trouble> {
    let mut bytes = transfers.to_be_bytes().to_vec();
    for number in 0..ACCOUNTS {
        let (debits, credits) = balance(&account_id(number)).ok_or(Trouble::Differ)?;
        bytes.extend([debits.to_be_bytes(), credits.to_be_bytes()].concat());
    }
    Ok(CRYPTO.sha256(&[&bytes]))
}

struct Ours {
    start: MemoryRows,
    rows: MemoryRows,
    transfers: Rc<[Transfer]>,
}

impl Side for Ours {
    fn ready(&mut self) -> Result<(), Trouble> {
        self.rows = self.start.clone();
        Ok(())
    }

    fn run(&mut self) -> Result<u32, Trouble> {
        for (transfer, number) in self.transfers.iter().zip(1..) {
            created(execute_all(&mut self.rows, &ctx(number), std::slice::from_ref(transfer)).ok())?;
        }
        Ok(TRANSFERS)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        let found = audit(&self.rows).map_err(|_| Trouble::Differ)?;
        let balance =
            |id: &AccountId| account(&self.rows, id).map(|found| (found.debits.posted, found.credits.posted));
        result(balance, found.transfers - u64::from(ACCOUNTS))
    }
}

struct Limit {
    balances: HashMap<[u8; 16], (u64, u64)>,
    known: HashSet<[u8; 16]>,
    transfers: Rc<[Transfer]>,
}

impl Limit {
    /// `None` for a transfer that is known, of an unknown account, or beyond what is there.
    fn apply(&mut self, transfer: &Transfer) -> Option<()> {
        let Kind::Posted(Movement { debit, credit, amount }) = transfer.kind else { return None };
        if !self.known.insert(transfer.id.0) {
            return None;
        }
        let (debits, credits) = self.balances.get_mut(&debit.0)?;
        *debits = debits.checked_add(amount.minor()).filter(|debits| *debits <= *credits)?;
        let (_, credits) = self.balances.get_mut(&credit.0)?;
        *credits = credits.checked_add(amount.minor())?;
        Some(())
    }
}

impl Side for Limit {
    fn ready(&mut self) -> Result<(), Trouble> {
        self.known.clear();
        self.balances = (0..ACCOUNTS).map(|number| (account_id(number).0, (0, FUNDS_MINOR))).collect();
        Ok(())
    }

    fn run(&mut self) -> Result<u32, Trouble> {
        let transfers = Rc::clone(&self.transfers);
        transfers.iter().try_for_each(|transfer| self.apply(transfer)).ok_or(Trouble::Differ)?;
        Ok(TRANSFERS)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        result(|id| self.balances.get(&id.0).copied(), self.known.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_refuse_a_repeat_and_what_is_not_there() {
        let transfers: Rc<[Transfer]> = Rc::new([]);
        let mut limit = Limit { balances: HashMap::new(), known: HashSet::new(), transfers };
        limit.ready().unwrap();
        let mut rows = start().unwrap();
        let sample = transfer(0).unwrap();
        assert_eq!(limit.apply(&sample), Some(()));
        assert_eq!(limit.apply(&sample), None);
        assert_eq!(execute_all(&mut rows, &ctx(1), &[sample]), Ok(Done::Created));
        assert_eq!(execute_all(&mut rows, &ctx(2), &[sample]), Ok(Done::Exists));
        let beyond = |number, minor| {
            let id = TransferId([number; 16]);
            Transfer::posted(id, account_id(1), account_id(2), eur(minor).unwrap(), Hash::ZERO)
        };
        assert_eq!(limit.apply(&beyond(2, FUNDS_MINOR * 2)), None);
        assert!(execute_all(&mut rows, &ctx(3), &[beyond(2, FUNDS_MINOR * 2)]).is_err());
        assert_eq!(limit.apply(&beyond(3, 1)), Some(()));
        assert_eq!(execute_all(&mut rows, &ctx(4), &[beyond(3, 1)]), Ok(Done::Created));
    }

    #[test]
    fn one_transfer_more_is_another_result() {
        let mut sides = sides().unwrap();
        for side in [&mut sides.ours, &mut sides.limit] {
            side.ready().unwrap();
            side.run().unwrap();
        }
        let whole = sides.ours.result().unwrap();
        assert_eq!(whole, sides.limit.result().unwrap());
        let transfers: Rc<[Transfer]> = (0..TRANSFERS - 1).map(|number| transfer(number).unwrap()).collect();
        let mut short = Limit { balances: HashMap::new(), known: HashSet::new(), transfers };
        short.ready().unwrap();
        short.run().unwrap();
        assert_ne!(short.result().unwrap(), whole);
    }
}
