//! Each kind of damage to an authorisation's rows is found.
use super::*;
use crate::card::{Authorise, Capture, Dispute, Refund, Reverse, perform};
use crate::{Limit, Transfer, execute_all, open_account};
use symbolon_state::{Ctx, MemoryRows};
use symbolon_types::{Amount, Hash, UnixMs};

const BANK: AccountId = AccountId([1; 16]);
const CARD: AccountId = AccountId([2; 16]);
const SHOP: AccountId = AccountId([3; 16]);
const CTX: Ctx = Ctx { at: UnixMs(5), sequence: 5 };
const AUTHORISATION: CardId = CardId([1; 15]);
const UNSEEN: CardId = CardId([9; 15]);

fn id(n: u8) -> CardId {
    CardId([n; 15])
}

fn eur(minor: u64) -> Amount {
    Amount::new(minor, Currency::EUR).unwrap()
}

fn journal() -> MemoryRows {
    let mut rows = MemoryRows::default();
    for (id, limit) in [
        (BANK, Limit::Unlimited(())),
        (CARD, Limit::DebitsWithinCredits(())),
        (SHOP, Limit::DebitsWithinCredits(())),
    ] {
        open_account(&mut rows, &CTX, &id, Currency::EUR, limit).unwrap();
    }
    let funds = Transfer::posted(crate::TransferId([200; 16]), BANK, CARD, eur(100), Hash::ZERO);
    execute_all(&mut rows, &CTX, &[funds]).unwrap();
    let asked =
        Authorise { cardholder: CARD, merchant: SHOP, amount: eur(90), expires_at: None, partial: true };
    let dispute = Dispute { amount: eur(5), cover: BANK };
    for (own, of, kind) in [
        (AUTHORISATION, AUTHORISATION, CardKind::Authorise(asked)),
        (id(2), AUTHORISATION, CardKind::Capture(Capture { amount: eur(50), last: false })),
        (id(3), AUTHORISATION, CardKind::Reverse(Reverse { amount: None })),
        (id(4), AUTHORISATION, CardKind::Refund(Refund { amount: eur(20) })),
        (id(5), AUTHORISATION, CardKind::Chargeback(dispute)),
        (id(6), AUTHORISATION, CardKind::Represent(dispute)),
        (id(7), UNSEEN, CardKind::Reverse(Reverse { amount: None })),
    ] {
        let operation = CardOperation { id: own, authorisation: of, reference: Hash::ZERO, kind };
        perform(&mut rows, &CTX, &operation).unwrap();
    }
    rows
}

fn found(damage: impl FnOnce(&mut MemoryRows)) -> JournalDamage {
    let mut rows = journal();
    damage(&mut rows);
    audit(&rows).unwrap_err()
}

fn done_changed(id: CardId, change: impl FnOnce(&mut Performed)) -> JournalDamage {
    found(|rows| {
        let mut done = OPERATIONS.get(rows, &id).unwrap();
        change(&mut done);
        OPERATIONS.put(rows, &id, &done);
    })
}

#[test]
fn damage_to_sums_operations_and_lists_is_found() {
    assert_eq!(audit(&journal()), Ok(1));
    let wrong = JournalDamage::CardWrong(AUTHORISATION);
    for change in [
        (|sums| sums.approved += 1) as fn(&mut Authorisation),
        |sums| sums.captured -= 1,
        |sums| sums.refunded = 0,
        |sums| sums.charged_back = 1,
        |sums| sums.merchant = BANK,
    ] {
        let changed = found(|rows| {
            let mut sums = AUTHORISATIONS.get(rows, &AUTHORISATION).unwrap();
            change(&mut sums);
            AUTHORISATIONS.put(rows, &AUTHORISATION, &sums);
        });
        assert_eq!(changed, wrong);
    }
    assert_eq!(found(|rows| AUTHORISATIONS.delete(rows, &AUTHORISATION)), wrong);
    let sums = AUTHORISATIONS.get(&journal(), &AUTHORISATION).unwrap();
    assert_eq!(found(|rows| AUTHORISATIONS.put(rows, &UNSEEN, &sums)), JournalDamage::CardWrong(UNSEEN));
    assert_eq!(found(|rows| AUTHORISATIONS.put(rows, &id(8), &sums)), JournalDamage::CardWrong(id(8)));
    assert_eq!(found(|rows| OPERATIONS.delete(rows, &id(4))), wrong);
    assert_eq!(found(|rows| OF.delete(rows, &(AUTHORISATION, id(3)))), wrong);
    assert_eq!(found(|rows| OF.put(rows, &(UNSEEN, id(4)), &())), JournalDamage::CardWrong(UNSEEN));
    assert_eq!(done_changed(id(4), |done| done.answer.amount = 21), wrong);
    assert_eq!(done_changed(id(4), |done| done.answer.covered = 1), wrong);
    assert_eq!(done_changed(id(4), |done| done.transfers = 0), wrong);
    assert_eq!(done_changed(id(5), |done| done.transfers |= 1), wrong);
    assert_eq!(done_changed(id(2), |done| done.operation.reference = Hash([1; 32])), wrong);
    assert_eq!(done_changed(id(2), |done| done.operation.id = id(3)), wrong);
    assert_eq!(done_changed(AUTHORISATION, |done| done.answer.amount = 91), wrong);
}
