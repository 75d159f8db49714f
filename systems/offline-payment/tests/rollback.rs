//! Old stores and whole copies: T4 of the acceptance tests, and what an attacker gains who puts an old image back (nothing).
mod world;

use symbolon_offline_payment::OfflinePaymentRefusal as Own;
use symbolon_offline_payment::messages::{Audit, Report, Request, SecureObject};
use symbolon_offline_payment::state::Source;
use symbolon_state::fake::{FakeCounter, FakeFlash};
use symbolon_types::CoreRefusal;
use symbolon_wire::cbor::from_slice;
use world::*;

#[test]
fn threat_t04_an_old_store_locks_until_a_signed_reconciliation() {
    let (mut world, mut phone) = World::ready(&QUICK, 3);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let (one, two) = (shop.charge(eur(100)), shop.charge(eur(200)));
    let (_, kept) = phone.sealed(&two, PIN).unwrap();
    phone.start().unwrap();
    assert!(!phone.status().locked, "a restart on its own store is no rollback");
    let image = phone.flash.image();
    let payment = phone.pay(&one, PIN).unwrap();
    shop.accept(&payment.object.0).unwrap();
    phone.flash.put_back(&image);
    phone.start().unwrap();
    let status = phone.status();
    assert_eq!((status.locked, status.pool), (true, 0));
    let locked = own(Own::StoreRollback);
    assert_eq!(phone.authorise(&kept).unwrap_err().refusal, locked);
    assert_eq!(phone.tokens(1), Err(locked));
    phone.start().unwrap();
    assert_eq!(phone.authorise(&kept).unwrap_err().refusal, locked, "a restart unlocks nothing");
    // Neither does an answer that the server did not sign, nor one to another report.
    let report = phone.message(Request::Report(())).unwrap();
    let answer = world.reconcile(&report.0).unwrap();
    let forged = forge::altered::<symbolon_offline_payment::messages::Reconciled>(
        &QUICK,
        &answer.0,
        &phone.signing(),
        |_| {},
    );
    assert_eq!(phone.done(Request::Reconciled(forged)), Err(core(CoreRefusal::BadSignature)));
    phone.nature.pass(5);
    phone.message(Request::Report(())).unwrap();
    assert_eq!(phone.done(Request::Reconciled(answer)), Err(core(CoreRefusal::Expired)));
    assert!(phone.status().locked);
    phone.reconcile(&mut world).unwrap();
    assert!(!phone.status().locked);
    assert_eq!(
        phone.authorise(&kept).unwrap_err().refusal,
        own(Own::NonceSpent),
        "the pool is gone all the same"
    );
    phone.wallet.pool.clear();
    world.settle(&shop.upload()).unwrap();
}

/// Guess, put the old image back, reconcile, guess again: the lost commits are counted as lost attempts.
#[test]
fn threat_t04_and_t09_an_old_store_wins_no_attempt_back() {
    let (mut world, mut phone) = World::ready(&QUICK, 8);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let image = phone.flash.image();
    for left in [4, 3] {
        phone.nature.pass(60);
        let (_, sealed) = phone.sealed(&challenge, "00000").unwrap();
        assert_eq!(phone.authorise(&sealed).unwrap_err().attempts_left, Some(left));
    }
    phone.flash.put_back(&image);
    phone.start().unwrap();
    phone.reconcile(&mut world).unwrap();
    let status = phone.status();
    assert_eq!((status.locked, status.attempts_left), (false, 3));
    // The start, the report and its answer were commits too.
    phone.flash.put_back(&image);
    phone.start().unwrap();
    assert_eq!(phone.status().attempts_left, 0);
    phone.reconcile(&mut world).unwrap();
    assert_eq!(phone.tokens(1), Err(own(Own::CredentialLocked)), "only a new enrolment is left");
    let code = world.invite(PAYER);
    let enrolment = phone.enrolment(&mut world, code).unwrap();
    phone.complete(enrolment, PIN).unwrap();
    assert_eq!(phone.status().attempts_left, 5);
}

/// An erased store is an old store: the enrolment of old, replayed with the thief's application and PIN, opens nothing.
#[test]
fn threat_t04_and_t09_an_erased_store_is_not_enrolled_again_without_the_server() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let (code, old) = phone.enrolled_with.clone().unwrap();
    phone.flash = FakeFlash::new(&phone.power);
    phone.start().unwrap();
    assert!(phone.status().locked);
    phone.pair();
    assert_eq!(phone.complete(old.clone(), "0000"), Err(own(Own::NotEnrolled)));
    let again = phone.enrolment(&mut world, code).unwrap();
    assert_eq!(again, old, "the old code gets the old answer");
    assert_eq!(phone.complete(again, "0000"), Err(core(CoreRefusal::OpenFailed)));
    assert_eq!(phone.status().authenticator, None);
    let code = world.invite(PAYER);
    let enrolment = phone.enrolment(&mut world, code).unwrap();
    phone.complete(enrolment, PIN).unwrap();
    assert!(!phone.status().locked);
    phone.wallet.pool.clear();
    phone.prefetch(&mut world, 1);
    phone.pair_application();
    let challenge = world.shop(1, "Bakery", eur(0)).charge(eur(OTP_FROM));
    phone.pay(&challenge, PIN).unwrap();
}

/// A counter that was set back with its store is the copy of a whole device: it cannot know; the server does.
#[test]
fn threat_t04_and_t05_a_whole_copy_spends_and_at_most_one_is_paid_from_the_reservation() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut shops = [world.shop(1, "Bakery", eur(0)), world.shop(2, "Butcher", eur(0))];
    let mut copy = phone.copy();
    let mut objects = Vec::new();
    for (phone, shop) in [&mut phone, &mut copy].into_iter().zip(&mut shops) {
        let challenge = shop.charge(eur(400));
        let payment = phone.pay(&challenge, PIN).unwrap();
        shop.accept(&payment.object.0).unwrap();
        objects.push(forge::claims::<SecureObject>(&payment.object.0));
    }
    let previous = objects.iter().map(|object| {
        let aad = [object.body.token.0, object.body.random].concat();
        from_slice::<Audit>(&opened_by_issuer(&world, &object.body.audit, b"sop/audit/v1", &aad))
            .unwrap()
            .previous
    });
    let previous: Vec<_> = previous.collect();
    assert_eq!(previous[0], previous[1], "the chain forks");
    assert_eq!(world.settle(&shops[1].upload()).unwrap().source, Source::Reservation);
    assert_eq!(world.settle(&shops[0].upload()), Err(own(Own::OutsideCap)));
    assert!(world.revoked(&phone));
    assert_eq!(symbolon_offline_payment::state::evidences(&world.rows, None, 10).len(), 1);
}

#[test]
fn threat_t04_a_store_with_another_counter_is_locked_and_a_damaged_one_does_not_start() {
    let (_, mut phone) = World::ready(&QUICK, 1);
    let good = phone.flash.image();
    phone.flash.flip(symbolon_state::Bank::A, 40, 1);
    phone.flash.flip(symbolon_state::Bank::B, 40, 1);
    assert_eq!(phone.start(), Err(own(Own::StoreFailed)));
    phone.flash.put_back(&good);
    phone.start().unwrap();
    assert!(!phone.status().locked);
    phone.counter = FakeCounter::new(&phone.power);
    phone.start().unwrap();
    let status = phone.status();
    assert_eq!((status.locked, status.pool, status.attempts_left), (true, 0, 0));
}

/// What a report says of the time is durable before it is given away: else a machine that lost its ticks in a restart would report an earlier time
/// under a higher counter, and the report before it, coming late, would look like a copy's.
#[test]
fn a_report_that_comes_late_convicts_nobody_who_only_started_anew() {
    for (waits, restarts) in [(0, false), (0, true), (1, false), (50, false), (50, true)] {
        let (mut world, mut phone) = World::ready(&QUICK, 1);
        phone.nature.pass(waits);
        let late = phone.message(Request::Report(())).unwrap();
        if restarts {
            phone.start().unwrap();
        }
        let report = phone.message(Request::Report(())).unwrap();
        let (before, after) = [&late, &report].map(|bytes| forge::claims::<Report>(&bytes.0)).into();
        assert!(before.iat <= after.iat && before.body.counter < after.body.counter);
        world.reconcile(&report.0).unwrap();
        assert_eq!(world.reconcile(&late.0), Err(core(CoreRefusal::Expired)), "{waits} {restarts}");
        assert!(!world.revoked(&phone));
        // The twin that is a copy's: a later time under a lower counter.
        let copied = forge::altered::<Report>(&QUICK, &late.0, &phone.signing(), |report| {
            report.iat = after.iat.plus(1);
        });
        assert_eq!(world.reconcile(&copied.0), Err(own(Own::Revoked)));
        assert!(world.revoked(&phone));
    }
}
