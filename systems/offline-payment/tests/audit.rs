//! Rows that were tampered with are found by the audits: one change at a time, each named.
mod world;

use symbolon_journal::{Account, JournalDamage};
use symbolon_offline_payment::state::{self, GrantRow, OfflineAudit, OfflineDamage, PayeeRow, Source};
use symbolon_state::{MemoryRows, Rows};
use symbolon_types::Hash;
use symbolon_wire::cbor::{Cbor, from_slice, to_vec};
use world::*;

const PAYEES: u16 = 104;
const GRANTS: u16 = 105;
const SETTLEMENTS: u16 = 107;

/// Three grants: one settled from its reservation and once from the loss, two unspent.
fn world_with_a_loss() -> (World, [Shop; 2]) {
    let (mut world, mut phone) = World::ready(&QUICK, 3);
    let mut shops = [world.shop(1, "Bakery", eur(0)), world.shop(2, "Butcher", eur(2000))];
    let mut copy = phone.copy();
    for (phone, shop) in [&mut phone, &mut copy].into_iter().zip(&mut shops) {
        let challenge = shop.charge(eur(1500));
        let payment = phone.pay(&challenge, PIN).unwrap();
        shop.accept(&payment.object.0).unwrap();
        world.settle(&shop.upload()).unwrap();
    }
    (world, shops)
}

/// The keys of a table.
fn keys(rows: &MemoryRows, table: u16) -> Vec<Vec<u8>> {
    rows.scan(table, &[], 1000).into_iter().map(|(key, _)| key).collect()
}

/// The rows with one value changed.
fn with<T: Cbor>(rows: &MemoryRows, table: u16, key: &[u8], change: impl FnOnce(&mut T)) -> MemoryRows {
    let mut rows = rows.clone();
    let mut value: T = from_slice(&rows.get(table, key).unwrap()).unwrap();
    change(&mut value);
    rows.put(table, key, to_vec(&value));
    rows
}

fn without(rows: &MemoryRows, table: u16, key: &[u8]) -> MemoryRows {
    let mut rows = rows.clone();
    rows.delete(table, key);
    rows
}

#[test]
fn every_tampering_with_grants_settlements_and_losses_is_found() {
    let (world, [first, second]) = world_with_a_loss();
    let rows = &world.rows;
    assert_eq!(state::audit(rows), Ok(OfflineAudit { grants: 3, settled: 1, losses: 1 }));
    let grants = keys(rows, GRANTS);
    let is_spent =
        |key: &&Vec<u8>| from_slice::<GrantRow>(&rows.get(GRANTS, key).unwrap()).unwrap().spent_by.is_some();
    let spent = grants.iter().find(is_spent).unwrap();
    let unspent = grants.iter().find(|key| !is_spent(key)).unwrap();
    let (token, idle) =
        (Hash(spent.as_slice().try_into().unwrap()), Hash(unspent.as_slice().try_into().unwrap()));
    let settlement = |shop: &Shop| [spent.as_slice(), &shop.id.0].concat();
    let found = |rows: MemoryRows| state::audit(&rows).unwrap_err();

    let grant = |key: &[u8], change: fn(&mut GrantRow)| found(with(rows, GRANTS, key, change));
    assert_eq!(grant(spent, |row| row.spent_by = None), OfflineDamage::Reservation(token));
    assert_eq!(grant(unspent, |row| row.spent_by = Some(Hash([9; 32]))), OfflineDamage::Reservation(idle));
    assert_eq!(grant(spent, |row| row.spent_by = Some(Hash([9; 32]))), OfflineDamage::Settlement(token));
    assert_eq!(grant(spent, |row| row.first_payee = None), OfflineDamage::Settlement(token));
    assert_eq!(grant(spent, |row| row.grant.body.limit = eur(1499)), OfflineDamage::Overdrawn(token));
    assert_eq!(grant(spent, |row| row.reservation.0[0] ^= 1), OfflineDamage::Reservation(token));

    assert_eq!(found(without(rows, SETTLEMENTS, &settlement(&first))), OfflineDamage::Settlement(token));
    assert_eq!(found(without(rows, SETTLEMENTS, &settlement(&second))), OfflineDamage::Loss(second.id));
    assert_eq!(found(without(rows, GRANTS, spent)), OfflineDamage::Settlement(token));
    let row = |shop: &Shop, change: fn(&mut (Settled, symbolon_wire::cbor::Bytes))| {
        found(with::<SettlementRow>(rows, SETTLEMENTS, &settlement(shop), |row| {
            let mut parts = (row.outcome, row.bytes.clone());
            change(&mut parts);
            (row.outcome, row.bytes) = parts;
        }))
    };
    assert_eq!(row(&first, |(outcome, _)| outcome.source = Source::Loss), OfflineDamage::Settlement(token));
    assert_eq!(
        row(&second, |(outcome, _)| outcome.source = Source::Reservation),
        OfflineDamage::Settlement(token)
    );
    assert_eq!(row(&first, |(outcome, _)| outcome.amount = eur(1501)), OfflineDamage::Settlement(token));
    assert_eq!(row(&second, |(outcome, _)| outcome.amount = eur(1499)), OfflineDamage::Loss(second.id));

    let payee = |shop: &Shop, change: fn(&mut PayeeRow)| found(with(rows, PAYEES, &shop.id.0, change));
    assert_eq!(payee(&second, |row| row.loss_minor = 0), OfflineDamage::Loss(second.id));
    assert_eq!(payee(&second, |row| row.cap = eur(1499)), OfflineDamage::Loss(second.id));
    assert_eq!(payee(&first, |row| row.loss_minor = 1), OfflineDamage::Loss(first.id));
}

type Settled = state::SettledOutcome;

symbolon_wire::cbor_map! {
    /// A credited object, as the table of settlements holds it.
    struct SettlementRow {
        1 => outcome: Settled,
        2 => bytes: symbolon_wire::cbor::Bytes,
        3 => settled_at: symbolon_types::UnixSeconds,
        4 => number: u64,
        5 => refunded_minor: u64,
    }
}

/// An account's sums changed by one: the journal's audit recomputes them from the transfers.
#[test]
fn a_changed_balance_is_found_by_the_journals_audit() {
    let (world, _) = world_with_a_loss();
    let (accounts, _) = symbolon_journal::TABLES[0];
    let all = keys(&world.rows, accounts);
    assert!(all.len() >= 8);
    for key in all {
        let rows = with::<Account>(&world.rows, accounts, &key, |account| account.credits.posted += 1);
        assert!(
            matches!(symbolon_journal::audit(&rows), Err(JournalDamage::BalanceWrong(id)) if id.0 == key[..])
        );
    }
}
