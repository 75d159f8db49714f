//! Power cuts at every point of every step that writes: each byte, each erase, each advance of the counter, and after each before it returns.
mod world;

use std::collections::BTreeSet;
use symbolon_offline_payment::OfflinePaymentRefusal as Own;
use symbolon_offline_payment::messages::{NonceToken, Request, SealedCredential};
use symbolon_types::Hash;
use symbolon_wire::cbor::Bytes;
use world::*;

/// How many points the step spends on a copy of this phone.
fn points(phone: &Phone, step: &dyn Fn(&mut Phone)) -> u64 {
    let mut copy = phone.copy();
    let before = copy.power.spent();
    step(&mut copy);
    copy.power.spent() - before
}

/// A copy of this phone whose power failed after `point` points of the step, and that was started again; with what the step gave.
fn cut<T>(phone: &Phone, point: u64, step: impl FnOnce(&mut Phone) -> T) -> (Phone, T) {
    let mut copy = phone.copy();
    copy.power.cut_after(point);
    let gave = step(&mut copy);
    copy.power.restore();
    copy.start().unwrap_or_else(|refusal| panic!("after {point} points: {refusal}"));
    (copy, gave)
}

fn token_of(phone: &Phone, sealed: &SealedCredential) -> Hash {
    phone.crypto.sha256(&[&sealed.token.0])
}

/// Every object that this nonce can be got to give after a cut at `point`: what came out, what comes out again, what a second try gives.
fn authorise_cut_at(phone: &Phone, sealed: &SealedCredential, point: u64) -> bool {
    let (mut phone, gave) = cut(phone, point, |phone| phone.authorise(sealed).ok());
    let token = token_of(&phone, sealed);
    let status = phone.status();
    assert!(!status.locked, "a mere cut after {point} points is no rollback");
    let recorded = phone.message(Request::Reemit(token)).ok();
    assert!(gave.is_none() || recorded.is_some(), "{point}: what was emitted is recorded");
    assert!(
        recorded.is_some() == (status.attempts_left == 5 && status.objects == 1) && status.attempts_left >= 4
    );
    phone.nature.pass(1);
    let retried = phone.authorise(sealed);
    assert_eq!(recorded.is_some(), retried == Err(refused(Own::NonceSpent)), "{point}");
    let again = phone.message(Request::Reemit(token)).ok();
    let objects: BTreeSet<Vec<u8>> =
        [gave, recorded.clone(), retried.ok(), again].into_iter().flatten().map(|object| object.0).collect();
    assert_eq!(objects.len(), 1, "{point}: one object of one nonce");
    recorded.is_some()
}

fn refused(refusal: Own) -> symbolon_offline_payment::messages::RefusedReply {
    symbolon_offline_payment::messages::RefusedReply { refusal: own(refusal), attempts_left: None }
}

/// The points of this parity, so that two threads share the work.
fn authorise_cut(parity: u64) {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let challenge = world.shop(1, "Bakery", eur(0)).charge(eur(100));
    let (_, sealed) = phone.sealed(&challenge, PIN).unwrap();
    let total = points(&phone, &|phone| drop(phone.authorise(&sealed).unwrap()));
    let (mut recorded, mut lost) = (0, 0);
    for point in (0..=total).filter(|point| point % 2 == parity) {
        if authorise_cut_at(&phone, &sealed, point) { recorded += 1 } else { lost += 1 }
    }
    assert!(recorded > 0 && lost > 0, "{recorded} {lost}");
}

#[test]
fn threat_t19_a_cut_anywhere_in_authorise_leaves_one_object_or_none_even_points() {
    authorise_cut(0);
}

#[test]
fn threat_t19_a_cut_anywhere_in_authorise_leaves_one_object_or_none_odd_points() {
    authorise_cut(1);
}

/// T5 of the acceptance tests: whatever was learnt about the credential was paid for with an attempt.
#[test]
fn threat_t09_a_cut_anywhere_in_a_wrong_try_wins_no_attempt_back() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let challenge = world.shop(1, "Bakery", eur(0)).charge(eur(100));
    let (_, sealed) = phone.sealed(&challenge, "00000").unwrap();
    let total = points(&phone, &|phone| drop(phone.authorise(&sealed)));
    for point in 0..=total {
        let (mut phone, gave) = cut(&phone, point, |phone| phone.authorise(&sealed).unwrap_err());
        let status = phone.status();
        assert!(!status.locked && status.attempts_left >= 4, "{point}");
        if gave.refusal == own(Own::CredentialWrong) {
            assert_eq!((gave.attempts_left, status.attempts_left), (Some(4), 4), "{point}");
        }
    }
}

/// The last attempt: a cut between counting it and locking leaves the machine locked, its pool gone, and open to a new enrolment.
#[test]
fn threat_t09_a_cut_anywhere_in_the_last_wrong_try_leaves_the_last_attempt_or_the_lock() {
    let (mut world, mut phone) = World::ready(&QUICK, 6);
    let challenge = world.shop(1, "Bakery", eur(0)).charge(eur(100));
    for _ in 0..4 {
        phone.nature.pass(60);
        let (_, sealed) = phone.sealed(&challenge, "00000").unwrap();
        phone.authorise(&sealed).unwrap_err();
    }
    let (_, sealed) = phone.sealed(&challenge, "00000").unwrap();
    let after_a_minute = |phone: &mut Phone| {
        phone.nature.pass(60);
        phone.authorise(&sealed).unwrap_err()
    };
    let total = points(&phone, &|phone| _ = after_a_minute(phone));
    let mut locked = 0;
    for point in 0..=total {
        let (mut phone, gave) = cut(&phone, point, after_a_minute);
        let status = phone.status();
        assert_eq!(status.locked, status.attempts_left == 0, "{point}");
        assert_eq!(status.locked, status.pool == 0, "{point}");
        assert!(gave.refusal != own(Own::CredentialLocked) || status.locked);
        if status.locked {
            locked += 1;
            assert_eq!(phone.authorise(&sealed), Err(refused(Own::CredentialLocked)));
            phone.message(Request::BeginEnrolment([7; 16])).unwrap();
        }
    }
    assert!(locked > 10);
}

#[test]
fn threat_t19_a_cut_anywhere_in_the_issue_of_nonces_repeats_none() {
    let (_, phone) = World::ready(&QUICK, 1);
    let issue = |phone: &mut Phone| phone.tokens(2);
    let total = points(&phone, &|phone| drop(issue(phone).unwrap()));
    for point in 0..=total {
        let (mut phone, gave) = cut(&phone, point, issue);
        let status = phone.status();
        assert!(!status.locked && [1, 3].contains(&status.pool), "{point}");
        let read = |token: &Bytes| forge::claims::<NonceToken>(&token.0);
        if let Ok(tokens) = gave {
            assert_eq!(status.pool, 3, "{point}: what was emitted is recorded");
            let next = read(&phone.tokens(1).unwrap()[0]);
            assert!(
                tokens
                    .iter()
                    .map(read)
                    .all(|token| token.body.sequence < next.body.sequence && token.nonce != next.nonce)
            );
        } else if point % 16 == 0 {
            phone.tokens(2).unwrap();
        }
    }
}

#[test]
fn threat_t16_and_t19_a_cut_anywhere_in_the_second_nonce_lets_no_password_count_twice() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let challenge = world.shop(1, "Bakery", eur(0)).charge(eur(OTP_FROM));
    let offer = phone.offer(&challenge).unwrap();
    let otp = phone.otp(offer.preview().transaction);
    let request = phone.second_request(&offer, &challenge, otp);
    let ask = |phone: &mut Phone| phone.message(Request::SecondNonce(request.clone()));
    let total = points(&phone, &|phone| drop(ask(phone).unwrap()));
    let (mut again, mut never) = (0, 0);
    for point in 0..=total {
        let (mut phone, gave) = cut(&phone, point, ask);
        assert!(!phone.status().locked);
        match ask(&mut phone) {
            Ok(_) => again += 1,
            Err(refusal) => {
                assert_eq!(refusal, refused(Own::OtpRefused));
                never += 1;
            }
        }
        assert!(gave.is_err() || ask(&mut phone).is_err());
        assert_eq!(ask(&mut phone), Err(refused(Own::OtpRefused)), "{point}");
    }
    assert!(again > 0 && never > 0);
}

#[test]
fn a_cut_anywhere_in_the_enrolment_leaves_it_done_or_to_be_done_again() {
    let mut world = World::funded(&QUICK);
    let mut phone = Phone::new(&world, 1);
    let begin = |phone: &mut Phone, code| phone.message(Request::BeginEnrolment(code));
    phone.pair();
    let code = world.invite(PAYER);
    let total = points(&phone, &|phone| drop(begin(phone, code).unwrap()));
    for point in 0..=total {
        let (mut phone, gave) = cut(&phone, point, |phone| begin(phone, code));
        let again = begin(&mut phone, code).unwrap();
        assert!(
            gave.is_err() || gave.unwrap() == again,
            "{point}: the key of an enrolment under way is kept"
        );
    }
    let enrolment = phone.enrolment(&mut world, code).unwrap();
    let complete = |phone: &mut Phone| phone.complete(enrolment.clone(), PIN);
    let total = points(&phone, &|phone| complete(phone).unwrap());
    for point in 0..=total {
        let (mut phone, gave) = cut(&phone, point, complete);
        let done = phone.status().authenticator.is_some();
        assert!(gave.is_err() || done);
        let expected = if done { Err(own(Own::AlreadyEnrolled)) } else { Ok(()) };
        assert_eq!(complete(&mut phone), expected, "{point}");
        assert_eq!(phone.status().attempts_left, 5);
    }
}

#[test]
fn a_cut_anywhere_in_the_first_start_leaves_a_machine_that_starts() {
    let world = World::new(&QUICK);
    for point in 0..2000 {
        let mut phone = Phone::new(&world, 1);
        let before = phone.power.spent();
        (phone.flash, phone.counter) = (
            symbolon_state::fake::FakeFlash::new(&phone.power),
            symbolon_state::fake::FakeCounter::new(&phone.power),
        );
        phone.power.cut_after(point);
        let started = phone.start().is_ok();
        phone.power.restore();
        phone.start().unwrap();
        assert!(!phone.status().locked, "{point}");
        if started && phone.power.spent() - before > point {
            return;
        }
    }
    panic!("the start spends more than was tried");
}

/// A payment without a credential: one object or none, and the attempts as they were. Each third point: the writes are those of any payment.
#[test]
fn threat_t19_and_r6_a_cut_anywhere_in_a_payment_without_a_credential_leaves_one_object_or_none() {
    let (mut world, mut phone) = World::tiered(&QUICK, 1);
    let challenge = world.shop(1, "Bakery", eur(0)).charge(eur(100));
    let (_, sealed) = phone.sealed_unverified(&challenge).unwrap();
    let total = points(&phone, &|phone| drop(phone.authorise(&sealed).unwrap()));
    let (mut recorded, mut lost) = (0, 0);
    for point in (0..=total).step_by(3) {
        let (mut phone, gave) = cut(&phone, point, |phone| phone.authorise(&sealed).ok());
        let kept = phone.message(Request::Reemit(token_of(&phone, &sealed))).ok();
        let status = phone.status();
        assert!(!status.locked && status.attempts_left == 5, "{point}");
        assert!(gave.is_none() || gave == kept, "{point}: what was emitted is recorded");
        assert_eq!(phone.authorise(&sealed).is_ok(), kept.is_none(), "{point}");
        if kept.is_some() { recorded += 1 } else { lost += 1 }
    }
    assert!(recorded > 0 && lost > 0);
}

/// The old PIN or the new one, never neither; what was tried was counted. Each third point.
#[test]
fn threat_t19_and_r15_a_cut_anywhere_in_setting_a_credential_leaves_the_old_one_or_the_new_one() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let challenge = world.shop(1, "Bakery", eur(0)).charge(eur(100));
    let (_, with_new) = phone.sealed(&challenge, "2468").unwrap();
    let (_, with_old) = phone.sealed(&challenge, PIN).unwrap();
    let set = |phone: &mut Phone| phone.set(&pin(PIN), &pin("2468"));
    let total = points(&phone, &|phone| set(phone).unwrap());
    let (mut old, mut new) = (0, 0);
    for point in (0..=total).step_by(3) {
        let (mut phone, gave) = cut(&phone, point, set);
        let status = phone.status();
        assert!(!status.locked && status.attempts_left >= 4, "{point}");
        phone.nature.pass(60);
        let changed = phone.authorise(&with_new).is_ok();
        phone.nature.pass(60);
        assert_eq!(phone.authorise(&with_old).is_ok(), !changed, "{point}");
        assert!(gave.is_err() || changed, "{point}: what was said to be set is set");
        if changed { new += 1 } else { old += 1 }
    }
    assert!(old > 0 && new > 0);
}
