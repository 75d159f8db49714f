//! What flows back: refunds (R9), the debt repaid (R14), and when reserved money is released (R11).
mod world;

use symbolon_journal::TransferId;
use symbolon_offline_payment::OfflinePaymentRefusal as Own;
use symbolon_offline_payment::Refusal;
use symbolon_offline_payment::messages::{PayeeNonce, Refund, RefundBody};
use symbolon_offline_payment::state::{
    self, Command, OfflineDamage, Outcome, PayeeRow, RELEASES_MAX, RefundRow, RefundedOutcome, RepayDebt,
    Source,
};
use symbolon_state::Rows;
use symbolon_types::{Amount, CoreRefusal, Currency, Hash};
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};
use world::*;

const REFUNDS: u16 = 116;

/// One settled object of 15.00: its token and its id.
fn settled(world: &mut World, phone: &mut Phone, shop: &mut Shop) -> (Hash, Hash) {
    let payment = phone.pay(&shop.charge(eur(1500)), PIN).unwrap();
    shop.accept(&payment.object.0).unwrap();
    let accepted = shop.state.accepted.last().unwrap().clone();
    world.settle(&shop.upload()).unwrap();
    (accepted.token, accepted.id)
}

fn refund_of(world: &World, shop: &Shop, (token, object): (Hash, Hash), amount: Amount) -> Refund {
    let body = RefundBody { payee: shop.id, token, object, amount };
    Refund { iat: world.nature.now(), nonce: PayeeNonce(world.nature.random16()), body }
}

fn send(world: &mut World, bytes: &Bytes) -> Result<RefundedOutcome, Refusal> {
    let command = world.edge().open_refund(&world.rows, &bytes.0)?;
    match world.apply(command) {
        Outcome::Refunded(outcome) => Ok(outcome),
        Outcome::Refused(refusal) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

fn refund(world: &mut World, shop: &Shop, of: (Hash, Hash), minor: u64) -> Result<u64, Refusal> {
    let signed = forge::signed(&REAL, &shop.key, &refund_of(world, shop, of, eur(minor)));
    send(world, &signed).map(|outcome| outcome.refunded_minor)
}

/// A double spend: the second shop's object was made good. (world, phone, shops, the second's token and object)
fn lost() -> (World, Phone, [Shop; 2], (Hash, Hash)) {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let [mut first, mut second] = [world.shop(1, "Bakery", eur(0)), world.shop(2, "Butcher", eur(2000))];
    let mut copy = phone.copy();
    settled(&mut world, &mut phone, &mut first);
    let of = settled(&mut world, &mut copy, &mut second);
    assert_eq!(state::settlement(&world.rows, &of.0, &second.id).unwrap().source, Source::Loss);
    assert_eq!(world.balance(), (50_000 - PER_PAYMENT - 1500, PER_PAYMENT, 1500));
    (world, phone, [first, second], of)
}

#[test]
fn rule_r9_refunds_come_to_at_most_what_was_credited() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let of = settled(&mut world, &mut phone, &mut shop);
    assert_eq!(world.balance().0, 48_500);
    assert_eq!(refund(&mut world, &shop, of, 1000), Ok(1000));
    assert_eq!(world.balance().0, 49_500);
    assert_eq!(refund(&mut world, &shop, of, 501), Err(own(Own::RefundTooHigh)));
    assert_eq!(refund(&mut world, &shop, of, 500), Ok(1500));
    assert_eq!(refund(&mut world, &shop, of, 1), Err(own(Own::RefundTooHigh)));
    assert_eq!(world.balance(), (50_000, 0, 0));
    assert_eq!(world.credited(&shop), 1500, "what was credited stays on record");
}

#[test]
fn rule_r9_a_refund_sent_again_is_paid_once_and_its_nonce_is_of_one_body() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let of = settled(&mut world, &mut phone, &mut shop);
    let claims = refund_of(&world, &shop, of, eur(400));
    let signed = forge::signed(&REAL, &shop.key, &claims);
    let known = |world: &World, bytes: &Bytes| {
        let Command::Refund(command) = world.edge().open_refund(&world.rows, &bytes.0).unwrap() else {
            panic!("a refund")
        };
        state::refunded_already(&world.rows, &command)
    };
    assert_eq!(known(&world, &signed), None, "left to the log");
    let first = send(&mut world, &signed).unwrap();
    assert_eq!(first, RefundedOutcome { object: of.1, amount: eur(400), refunded_minor: 400 });
    assert_eq!(known(&world, &signed), Some(Ok(first)));
    refund(&mut world, &shop, of, 100).unwrap();
    assert_eq!(send(&mut world, &signed), Ok(first), "the first answer, whatever came since");
    assert_eq!(world.balance().0, 49_000);
    let mut other = claims;
    other.body.amount = eur(401);
    let other = forge::signed(&REAL, &shop.key, &other);
    assert_eq!(known(&world, &other), Some(Err(core(CoreRefusal::Conflict))));
    assert_eq!(send(&mut world, &other), Err(core(CoreRefusal::Conflict)));
}

#[test]
fn rule_r9_a_refund_is_of_what_this_payee_was_credited_and_under_its_key() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let (mut shop, other) = (world.shop(1, "Bakery", eur(0)), world.shop(2, "Butcher", eur(0)));
    let of = settled(&mut world, &mut phone, &mut shop);
    let claims = refund_of(&world, &shop, of, eur(1));
    let mut tried = |change: &dyn Fn(&mut Refund), key| {
        let mut claims = claims.clone();
        claims.nonce = PayeeNonce(world.nature.random16());
        change(&mut claims);
        send(&mut world, &forge::signed(&REAL, key, &claims)).map(|_| ())
    };
    let missing = Err(core(CoreRefusal::NotFound));
    assert_eq!(tried(&|_| {}, &shop.key), Ok(()));
    assert_eq!(tried(&|_| {}, &other.key), Err(core(CoreRefusal::BadSignature)));
    assert_eq!(tried(&|refund| refund.body.payee = other.id, &other.key), missing);
    assert_eq!(tried(&|refund| refund.body.object = Hash([1; 32]), &shop.key), missing);
    assert_eq!(tried(&|refund| refund.body.token = Hash([1; 32]), &shop.key), missing);
    let unknown = symbolon_offline_payment::messages::PayeeId([9; 16]);
    assert_eq!(tried(&|refund| refund.body.payee = unknown, &shop.key), Err(own(Own::PayeeUnknown)));
    let invalid = Err(core(CoreRefusal::AmountInvalid));
    assert_eq!(tried(&|refund| refund.body.amount = eur(0), &shop.key), invalid);
    let yen = Amount::new(1, Currency::from_alpha("JPY").unwrap()).unwrap();
    assert_eq!(tried(&|refund| refund.body.amount = yen, &shop.key), invalid);
    let garbage = world.edge().open_refund(&world.rows, b"\xA0");
    assert_eq!(garbage.map(|_| ()), Err(core(CoreRefusal::Malformed)));
}

#[test]
fn rule_r9_after_180_days_nothing_is_refunded() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let of = settled(&mut world, &mut phone, &mut shop);
    // The world repeats each command a second later.
    world.nature.pass(180 * DAY - 1);
    assert_eq!(refund(&mut world, &shop, of, 1), Ok(1));
    world.nature.pass(2);
    assert_eq!(refund(&mut world, &shop, of, 1), Err(core(CoreRefusal::Expired)));
}

#[test]
fn rule_r9_of_what_was_made_good_the_loss_the_debt_and_the_payees_cap_come_back() {
    let (mut world, _, [_, shop], of) = lost();
    assert_eq!(refund(&mut world, &shop, of, 600), Ok(600));
    assert_eq!(
        world.balance(),
        (50_000 - PER_PAYMENT - 1500, PER_PAYMENT, 900),
        "the debt falls, nothing is paid out"
    );
    assert_eq!(state::payee(&world.rows, &shop.id).unwrap().loss_minor, 900);
    assert_eq!(refund(&mut world, &shop, of, 901), Err(own(Own::RefundTooHigh)));
    assert_eq!(refund(&mut world, &shop, of, 900), Ok(1500));
    assert_eq!(world.balance().2, 0);
    assert_eq!(state::payee(&world.rows, &shop.id).unwrap().loss_minor, 0);
}

/// What the payer has repaid already is the payer's when the payee gives it back.
#[test]
fn rule_r9_and_r14_what_was_repaid_before_the_refund_goes_to_the_payer() {
    let (mut world, _, [_, shop], of) = lost();
    let available = world.balance().0;
    repay(&mut world, 1, 1000).unwrap();
    assert_eq!((world.balance().0, world.balance().2), (available - 1000, 500));
    assert_eq!(refund(&mut world, &shop, of, 1200), Ok(1200));
    assert_eq!((world.balance().0, world.balance().2), (available - 1000 + 700, 0));
    assert_eq!(refund(&mut world, &shop, of, 300), Ok(1500));
    assert_eq!((world.balance().0, world.balance().2), (available, 0), "even, after both gave all back");
}

fn repay(world: &mut World, id: u8, minor: u64) -> Result<(), Refusal> {
    let transfer = TransferId([id; 16]);
    match world.apply(Command::RepayDebt(RepayDebt { transfer, payer: PAYER, amount: eur(minor) })) {
        Outcome::Done(()) => Ok(()),
        Outcome::Refused(refusal) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

#[test]
fn rule_r14_a_debt_is_repaid_out_of_what_is_available_and_at_most_what_is_owed() {
    let (mut world, ..) = lost();
    let invalid = Err(core(CoreRefusal::AmountInvalid));
    assert_eq!(repay(&mut world, 1, 1501), invalid);
    assert_eq!(repay(&mut world, 2, 0), invalid);
    assert_eq!(repay(&mut world, 3, 1000), Ok(()));
    assert_eq!(world.balance().2, 500);
    assert_eq!(repay(&mut world, 3, 1000), Ok(()), "the same once more");
    assert_eq!(repay(&mut world, 3, 999), Err(core(CoreRefusal::Conflict)));
    assert_eq!(repay(&mut world, 4, 501), invalid);
    assert_eq!(repay(&mut world, 5, 500), Ok(()));
    assert_eq!(repay(&mut world, 6, 1), invalid);
    assert_eq!(world.balance(), (50_000 - PER_PAYMENT - 3000, PER_PAYMENT, 0));
    let unknown = symbolon_offline_payment::messages::PayerId([7; 16]);
    let command = RepayDebt { transfer: TransferId([9; 16]), payer: unknown, amount: eur(1) };
    assert_eq!(world.apply(Command::RepayDebt(command)), Outcome::Refused(own(Own::AccountUnknown)));
}

#[test]
fn rule_r14_what_is_reserved_repays_nothing() {
    let mut world = World::new(&QUICK);
    world.open_payer(PAYER, limits(), eur(2 * PER_PAYMENT));
    let mut phone = Phone::new(&world, 1);
    phone.enrol(&mut world, PAYER, PIN);
    phone.prefetch(&mut world, 2);
    let [mut first, mut second] = [world.shop(1, "Bakery", eur(0)), world.shop(2, "Butcher", eur(5000))];
    let mut copy = phone.copy();
    for (phone, shop, minor) in [(&mut phone, &mut first, 2500), (&mut copy, &mut second, 2600)] {
        let payment = phone.pay(&shop.charge(eur(minor)), PIN).unwrap();
        shop.accept(&payment.object.0).unwrap();
        world.settle(&shop.upload()).unwrap();
    }
    assert_eq!(world.balance(), (2500, PER_PAYMENT, 2600));
    assert_eq!(repay(&mut world, 1, 2501), Err(own(Own::FundsShort)));
    assert_eq!(repay(&mut world, 2, 2500), Ok(()));
    assert_eq!(world.balance(), (0, PER_PAYMENT, 100));
}

fn releases(world: &World) -> Vec<(u64, u64)> {
    let found = state::payer_balance(&world.rows, &PAYER).unwrap();
    let sum: u64 = found.releases.iter().map(|(_, amount)| amount.minor()).sum();
    assert_eq!(sum, found.reserved.minor(), "what is reserved is released on some date");
    found.releases.iter().map(|(at, amount)| (at.0, amount.minor())).collect()
}

#[test]
fn rule_r11_each_reservation_is_released_at_its_second_and_not_before() {
    let mut world = World::funded(&QUICK);
    let mut phones = [Phone::new(&world, 1), Phone::new(&world, 2)];
    phones.iter_mut().for_each(|phone| phone.enrol(&mut world, PAYER, PIN));
    let mut shop = world.shop(1, "Bakery", eur(0));
    let mut expect = Vec::new();
    for (step, count) in [(0, 2), (1, 1), (0, 3)] {
        phones[step].prefetch(&mut world, count);
        expect.push((world.nature.now().0 + GRANT_SECONDS + 7 * DAY, u64::from(count) * PER_PAYMENT));
        world.nature.pass(10);
    }
    assert_eq!(releases(&world), expect);
    // Two phones in the same second share a line; what is settled is on none.
    phones.iter_mut().for_each(|phone| phone.prefetch(&mut world, 1));
    expect.push((world.nature.now().0 + GRANT_SECONDS + 7 * DAY, 2 * PER_PAYMENT));
    assert_eq!(releases(&world), expect);
    let payment = phones[1].pay(&shop.charge(eur(100)), PIN).unwrap();
    shop.accept(&payment.object.0).unwrap();
    world.settle(&shop.upload()).unwrap();
    expect.remove(1);
    assert_eq!(releases(&world), expect);
    while !expect.is_empty() {
        let (at, minor) = expect[0];
        let before = world.balance();
        world.nature.set(at * 1000 - 1);
        world.due();
        assert_eq!(world.balance(), before, "a millisecond before");
        assert_eq!(releases(&world), expect);
        world.nature.set(at * 1000);
        world.due();
        assert_eq!(world.balance(), (before.0 + minor, before.1 - minor, 0));
        expect.remove(0);
        assert_eq!(releases(&world), expect);
    }
    // A reservation that is shown on no date is damage.
    let mut hidden = world.rows.clone();
    phones[0].prefetch(&mut world, 1);
    let mut after = world.rows.clone();
    let fresh = after.scan(118, &[], 100).pop().unwrap().0;
    after.delete(118, &fresh);
    assert!(state::audit(&world.rows).is_ok());
    assert!(matches!(state::audit(&after), Err(OfflineDamage::Reservation(_))));
    std::mem::swap(&mut world.rows, &mut hidden);
    // The dates that passed are swept when the account gets a grant again.
    const RESERVED: u16 = 118;
    assert_eq!(world.rows.scan(RESERVED, &[], 100).len(), 7);
    phones[0].prefetch(&mut world, 1);
    assert_eq!(world.rows.scan(RESERVED, &[], 100).len(), 1);
}

#[test]
fn rule_r11_at_most_64_dates_are_shown_the_soonest() {
    let mut world = World::new(&QUICK);
    let wide = state::AccountLimits { pool: 32, per_payment: eur(10), ..limits() };
    world.open_payer(PAYER, wide, eur(50_000));
    for number in 1..=3 {
        let mut phone = Phone::new(&world, number);
        phone.enrol(&mut world, PAYER, PIN);
        for _ in 0..22 {
            phone.prefetch(&mut world, 1);
            world.nature.pass(1);
        }
    }
    let found = state::payer_balance(&world.rows, &PAYER).unwrap();
    assert_eq!((found.reserved, found.releases.len()), (eur(660), RELEASES_MAX));
    assert!(found.releases.is_sorted_by_key(|(at, _)| *at));
}

#[test]
fn every_tampering_with_refunds_is_found() {
    let (mut world, _, [_, shop], of) = lost();
    refund(&mut world, &shop, of, 600).unwrap();
    let rows = &world.rows;
    assert!(state::audit(rows).is_ok());
    let (key, value) = rows.scan(REFUNDS, &[], 10).remove(0);
    let found = |change: &dyn Fn(&mut RefundRow)| {
        let mut rows = rows.clone();
        let mut row: RefundRow = from_slice(&value).unwrap();
        change(&mut row);
        rows.put(REFUNDS, &key, to_vec(&row));
        state::audit(&rows).unwrap_err()
    };
    assert_eq!(found(&|row| row.outcome.amount = eur(601)), OfflineDamage::Refund(of.0));
    assert_eq!(found(&|row| row.token = Hash([1; 32])), OfflineDamage::Refund(of.0));
    assert_eq!(found(&|row| row.set_off_minor = 601), OfflineDamage::Refund(of.0));
    assert_eq!(found(&|row| row.set_off_minor = 599), OfflineDamage::House(Currency::EUR));
    let mut gone = rows.clone();
    gone.delete(REFUNDS, &key);
    assert_eq!(state::audit(&gone), Err(OfflineDamage::Refund(of.0)));
    let mut loss = rows.clone();
    let mut payee: PayeeRow = from_slice(&loss.get(104, &shop.id.0).unwrap()).unwrap();
    payee.loss_minor += 600;
    loss.put(104, &shop.id.0, to_vec(&payee));
    assert_eq!(state::audit(&loss), Err(OfflineDamage::Loss(shop.id)));
}
