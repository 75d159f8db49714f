//! What the server makes of tiers (R6), tips and final amounts (R7), and of a payee that is online (R8): each object made by hand, first the one
//! that is settled, then the one change that must be refused.
mod world;

use hand::Hand;
use symbolon_journal::AccountId;
use symbolon_offline_payment::OfflinePaymentRefusal as Own;
use symbolon_offline_payment::Refusal;
use symbolon_offline_payment::messages::{PayerId, SecureObjectBody, Verification, VerificationRule};
use symbolon_offline_payment::payee::Asked;
use symbolon_offline_payment::state::{self, Command, OpenAccount, Source};
use symbolon_types::CoreRefusal;
use symbolon_wire::cbor::Bytes;
use world::*;

/// Below 10.00 nothing, then a PIN, from 30.00 on a one-time password too.
fn tiered() -> (World, Phone, Bytes) {
    let mut world = World::new(&QUICK);
    let rule = |from_minor, user, otp| VerificationRule { from_minor, user, otp };
    let verification = vec![rule(0, 0, false), rule(1000, 1, false), rule(OTP_FROM, 1, true)];
    world.open_payer(PAYER, state::AccountLimits { verification, ..limits() }, eur(50_000));
    granted(world)
}

/// A phone with one granted nonce.
fn granted(mut world: World) -> (World, Phone, Bytes) {
    let mut phone = Phone::new(&world, 1);
    phone.enrol(&mut world, PAYER, PIN);
    let tokens = phone.tokens(1).unwrap();
    let grant = world.grant(&tokens).unwrap().remove(0);
    (world, phone, grant)
}

fn unverified(body: &mut SecureObjectBody) {
    body.credential_proof = None;
    body.verification = Verification::None;
}

#[test]
fn rule_r6_without_a_credential_an_object_is_settled_below_the_grants_amount_only() {
    let (world, phone, grant) = tiered();
    let mut world = world;
    let mut shop = world.shop(1, "Bakery", eur(0));
    let [below, at] = [999, 1000].map(|minor| shop.charge(eur(minor)));
    let open = |challenge: &Bytes, change: fn(&mut SecureObjectBody)| {
        let hand = Hand { world: &world, phone: &phone, shop: &shop };
        let object = hand.object(&grant, challenge, change);
        let bytes = hand.upload(&object, challenge, |_| {});
        world.edge().open_settlement(&world.rows, &bytes)
    };
    let refused = |challenge, change| open(challenge, change).map(|_| ()).unwrap_err();
    assert!(open(&below, unverified).is_ok());
    assert_eq!(refused(&at, unverified), own(Own::VerificationWeak));
    assert!(open(&at, |_| {}).is_ok());
    assert!(open(&below, |_| {}).is_ok(), "more than is asked for");
    // Verified or not, and proved or not: only both or neither.
    assert_eq!(refused(&below, |body| body.credential_proof = None), own(Own::VerificationWeak));
    assert_eq!(refused(&below, |body| body.verification = Verification::None), own(Own::VerificationWeak));
    let forged = refused(&below, |body| body.credential_proof = Some([1; 32]));
    assert_eq!(forged, core(CoreRefusal::BadSignature));
    let command = open(&below, unverified).unwrap();
    assert!(matches!(world.apply(command), state::Outcome::Settled(settled) if settled.amount == eur(999)));
}

#[test]
fn rule_r6_the_rules_of_an_account_are_few_rising_and_of_known_kinds() {
    let mut world = World::new(&QUICK);
    let rule = |from_minor, user| VerificationRule { from_minor, user, otp: false };
    let mut count = 0;
    let mut open = |verification: Vec<VerificationRule>| {
        count += 1;
        let limits = state::AccountLimits { verification, ..limits() };
        let (payer, debt) = (PayerId([count; 16]), AccountId([count | 0x80; 16]));
        world.apply(Command::OpenAccount(OpenAccount { payer, debt, limits }))
    };
    let malformed = state::Outcome::Refused(core(CoreRefusal::Malformed));
    let done = state::Outcome::Done(());
    let rising = |rules: u64| (0..rules).map(|from| rule(from, 1)).collect::<Vec<_>>();
    assert_eq!((open(rising(8)), open(rising(9))), (done.clone(), malformed.clone()));
    assert_eq!((open(vec![rule(0, 3)]), open(vec![rule(0, 4)])), (done.clone(), malformed.clone()));
    assert_eq!((open(vec![rule(0, 0), rule(9, 1)]), open(vec![rule(9, 0), rule(0, 1)])), (done, malformed));
}

#[test]
fn rule_r6_a_grant_that_asks_for_a_credential_at_every_amount_gets_one() {
    let (mut world, phone, grant) = granted(World::funded(&QUICK));
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(1));
    let hand = Hand { world: &world, phone: &phone, shop: &shop };
    let open = |change: fn(&mut SecureObjectBody)| {
        let bytes = hand.upload(&hand.object(&grant, &challenge, change), &challenge, |_| {});
        world.edge().open_settlement(&world.rows, &bytes).map(|_| ())
    };
    assert_eq!(open(|_| {}), Ok(()));
    assert_eq!(open(unverified), Err(own(Own::VerificationWeak)));
}

#[test]
fn rule_r7_a_tip_is_what_the_challenge_allows_and_the_amount_holds_it() {
    let (mut world, phone, grant) = granted(World::funded(&QUICK));
    let mut shop = world.shop(1, "Bakery", eur(0));
    let asked = Asked { tip_minor_max: Some(200), ..Asked::amount(eur(1000)) };
    let (tipped, plain) = (shop.ask(&asked).unwrap(), shop.charge(eur(1000)));
    let open = |challenge: &Bytes, minor: u64, tip: Option<u64>| -> Result<Command, Refusal> {
        let hand = Hand { world: &world, phone: &phone, shop: &shop };
        let object = hand.object(&grant, challenge, |body| {
            body.transaction.amount = eur(minor);
            body.transaction.tip_minor = tip;
        });
        world.edge().open_settlement(&world.rows, &hand.upload(&object, challenge, |_| {}))
    };
    let answer = |challenge, minor, tip| open(challenge, minor, tip).map(|_| ());
    assert_eq!(answer(&tipped, 1200, Some(200)), Ok(()));
    assert_eq!(answer(&tipped, 1201, Some(201)), Err(own(Own::TipTooHigh)));
    assert_eq!(answer(&tipped, 1000, None), Ok(()), "a tip is the payer's to give");
    assert_eq!(answer(&tipped, 1200, Some(199)), Err(own(Own::WrongPayee)));
    assert_eq!(answer(&tipped, 1200, None), Err(own(Own::WrongPayee)));
    assert_eq!(answer(&plain, 1000, None), Ok(()));
    assert_eq!(answer(&plain, 1001, Some(1)), Err(own(Own::TipTooHigh)));
    let far = answer(&tipped, 1000, Some(u64::MAX));
    assert_eq!(far, Err(own(Own::TipTooHigh)), "no sum is made of what no challenge allows");
    // The proof is over what was agreed to, tip included: the proof of another tip is none.
    let hand = Hand { world: &world, phone: &phone, shop: &shop };
    let object = hand.object(&grant, &tipped, |body| {
        body.transaction.amount = eur(1100);
        body.transaction.tip_minor = None;
        let untipped = hand.proof(body);
        body.transaction.tip_minor = Some(100);
        body.credential_proof = Some(untipped);
    });
    let bytes = hand.upload(&object, &tipped, |_| {});
    let opened = world.edge().open_settlement(&world.rows, &bytes).map(|_| ());
    assert_eq!(opened, Err(core(CoreRefusal::BadSignature)));
    let command = open(&tipped, 1200, Some(200)).unwrap();
    world.apply(command);
    assert_eq!((world.credited(&shop), world.balance()), (1200, (50_000 - 1200, 0, 0)));
}

/// As the devices make it, the whole way.
#[test]
fn rule_r7_a_tip_is_paid_and_settled() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let asked = Asked { tip_minor_max: Some(200), ..Asked::amount(eur(1000)) };
    let challenge = shop.ask(&asked).unwrap();
    let payment = phone.pay_tip(&challenge, Some(150), PIN).unwrap();
    shop.accept(&payment.object.0).unwrap();
    assert_eq!(world.settle(&shop.upload()).unwrap().amount, eur(1150));
}

#[test]
fn rule_r7_the_final_amount_is_posted_and_the_rest_released_at_once() {
    let (mut world, phone, grant) = granted(World::funded(&QUICK));
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(1000));
    let hand = Hand { world: &world, phone: &phone, shop: &shop };
    let object = hand.object(&grant, &challenge, |_| {});
    let uploads = [1000, 1001, 0, u64::MAX, 600]
        .map(|minor| hand.upload(&object, &challenge, |receipt| receipt.body.final_minor = Some(minor)));
    let open = |bytes: &Vec<u8>| world.edge().open_settlement(&world.rows, bytes).map(|_| ());
    let answers = uploads.each_ref().map(open);
    let high = Err(own(Own::FinalTooHigh));
    assert_eq!(answers, [Ok(()), high, high, high, Ok(())]);
    assert_eq!(world.balance(), (50_000 - PER_PAYMENT, PER_PAYMENT, 0));
    let settled = world.settle(&uploads[4]).unwrap();
    assert_eq!((settled.amount, settled.source), (eur(600), Source::Reservation));
    assert_eq!((world.credited(&shop), world.balance()), (600, (50_000 - 600, 0, 0)));
    // Another word afterwards changes nothing: the object was settled.
    assert_eq!(world.settle(&uploads[0]), Ok(settled));
    assert_eq!(world.credited(&shop), 600);
}

/// Of a double-spent object too no more is made good than the payee takes.
#[test]
fn rule_r7_a_loss_is_of_the_final_amount() {
    let (mut world, phone, grant) = granted(World::funded(&QUICK));
    let mut shops = [world.shop(1, "Bakery", eur(0)), world.shop(2, "Butcher", eur(600))];
    let uploads = shops.each_mut().map(|shop| {
        let challenge = shop.charge(eur(1000));
        let hand = Hand { world: &world, phone: &phone, shop };
        let object = hand.object(&grant, &challenge, |_| {});
        hand.upload(&object, &challenge, |receipt| receipt.body.final_minor = Some(600))
    });
    let sources = uploads.each_ref().map(|bytes| world.settle(bytes).unwrap().source);
    assert_eq!(sources, [Source::Reservation, Source::Loss]);
    assert_eq!(world.balance(), (50_000 - 600, 0, 600));
}

#[test]
fn rule_r8_a_payee_that_is_online_asks_at_once_or_is_late() {
    let (mut world, phone, grant) = granted(World::funded(&QUICK));
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(500));
    let hand = Hand { world: &world, phone: &phone, shop: &shop };
    let object = hand.object(&grant, &challenge, |_| {});
    let [online, offline] =
        [true, false].map(|online| hand.upload(&object, &challenge, |receipt| receipt.body.online = online));
    let clean = world.rows.clone();
    let mut after = |seconds: u64, bytes: &Vec<u8>| {
        world.rows = clean.clone();
        world.nature.pass(seconds);
        let answer = world.settle(bytes).map(|settled| settled.source);
        world.nature.ms_back(seconds);
        answer
    };
    assert_eq!(after(300, &online), Ok(Source::Reservation));
    assert_eq!(after(301, &online), Err(own(Own::SettledLate)));
    assert_eq!(after(301, &offline), Ok(Source::Reservation), "offline there is a window");
    // What was settled is answered as before, however late it is asked again.
    world.rows = clean;
    let first = world.settle(&online).unwrap();
    world.nature.pass(DAY);
    assert_eq!(world.settle(&online), Ok(first));
}

#[test]
fn rule_r8_online_a_spent_nonce_is_refused_and_never_made_good() {
    let (mut world, phone, grant) = granted(World::funded(&QUICK));
    let mut shops = [1, 2].map(|id| world.shop(id, "Shop", eur(10_000)));
    let [first, second] = &mut shops;
    let challenges = [first.charge(eur(500)), second.charge(eur(600))];
    let upload = |world: &World, shop: &Shop, challenge: &Bytes, online: bool| {
        let hand = Hand { world, phone: &phone, shop };
        let object = hand.object(&grant, challenge, |_| {});
        (
            hand.upload(&object, challenge, |receipt| receipt.body.online = online),
            hand.upload(&object, challenge, |_| {}),
        )
    };
    let (one, _) = upload(&world, first, &challenges[0], true);
    let (two, two_offline) = upload(&world, second, &challenges[1], true);
    assert_eq!(world.settle(&one).unwrap().source, Source::Reservation);
    assert_eq!(state::evidences(&world.rows, None, 10).len(), 0);
    assert_eq!(world.settle(&two), Err(own(Own::NonceSpent)));
    assert_eq!((world.credited(second), world.balance().2), (0, 0));
    assert_eq!(state::evidences(&world.rows, None, 10).len(), 1, "evidence all the same");
    assert!(world.revoked(&phone));
    assert_eq!(world.trust_update().denied.0, [phone.id()]);
    // What it was told holds: with a receipt that says now that it was offline, the object is no loss of this payee's either.
    assert_eq!(world.settle(&two_offline), Err(own(Own::NonceSpent)));
    assert_eq!(world.settle(&two), Err(own(Own::NonceSpent)));
    assert_eq!((world.credited(second), world.balance().2), (0, 0));
    // A payee that was offline when it took another one, and never asked, is made good.
    let mut third = world.shop(3, "Shop", eur(10_000));
    let challenge = third.charge(eur(700));
    let (_, three_offline) = upload(&world, &third, &challenge, true);
    assert_eq!(world.settle(&three_offline).unwrap().source, Source::Loss);
}

/// Who asks the server is told what the server knows of the device; who was offline could not know it.
#[test]
fn rule_r8_online_a_revoked_device_is_refused_and_offline_it_is_settled() {
    let (mut world, phone, grant) = granted(World::funded(&QUICK));
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(500));
    let hand = Hand { world: &world, phone: &phone, shop: &shop };
    let object = hand.object(&grant, &challenge, |_| {});
    let [online, offline] =
        [true, false].map(|online| hand.upload(&object, &challenge, |receipt| receipt.body.online = online));
    let clean = world.rows.clone();
    assert_eq!(world.settle(&online).unwrap().source, Source::Reservation, "the twin: it stands");
    world.rows = clean;
    let lost = state::RevokeAuthenticator { authenticator: phone.id() };
    world.done(state::Command::RevokeAuthenticator(lost));
    let denied = world.rows.clone();
    assert_eq!(world.settle(&offline).unwrap().source, Source::Reservation);
    world.rows = denied;
    assert_eq!(world.settle(&online), Err(own(Own::Revoked)));
    assert_eq!(world.settle(&offline), Err(own(Own::Revoked)), "it was told, whatever it says now");
    assert_eq!((world.credited(&shop), world.balance()), (0, (50_000 - PER_PAYMENT, PER_PAYMENT, 0)));
}

/// What is past all hope is known from the rows alone, and the log would say the same.
#[test]
fn what_is_hopeless_by_the_rows_is_foreseen_and_what_is_not_is_left_to_the_log() {
    let (mut world, phone, grant) = granted(World::funded(&QUICK));
    let mut shops = [1, 2].map(|id| world.shop(id, "Shop", eur(10_000)));
    let [first, second] = &mut shops;
    let upload = |world: &World, shop: &mut Shop, minor, online| {
        let challenge = shop.charge(eur(minor));
        let hand = Hand { world, phone: &phone, shop };
        let object = hand.object(&grant, &challenge, |_| {});
        hand.upload(&object, &challenge, |receipt| receipt.body.online = online)
    };
    let one = upload(&world, first, 500, false);
    let other = upload(&world, first, 600, false);
    let asked = upload(&world, second, 700, true);
    let foreseen = |world: &World, bytes: &Vec<u8>| {
        let state::Command::Settle(command) = world.edge().open_settlement(&world.rows, bytes).unwrap()
        else {
            panic!("a settlement")
        };
        state::settled_already(&world.rows, symbolon_types::UnixMs(world.nature.ms()), &command)
    };
    assert_eq!([&one, &other, &asked].map(|bytes| foreseen(&world, bytes)), [None; 3]);
    let fresh = world.rows.clone();
    let settled = world.settle(&one).unwrap();
    assert_eq!(foreseen(&world, &one), Some(Ok(settled)));
    assert_eq!(foreseen(&world, &other), None, "it convicts first");
    assert_eq!(world.settle(&other), Err(own(Own::PayeeDuplicate)));
    assert_eq!(foreseen(&world, &other), Some(Err(own(Own::PayeeDuplicate))));
    assert_eq!(world.settle(&asked), Err(own(Own::NonceSpent)));
    assert_eq!(foreseen(&world, &asked), Some(Err(own(Own::NonceSpent))));
    world.rows = fresh;
    world.nature.pass(GRANT_SECONDS + 7 * DAY - 1);
    assert_eq!(foreseen(&world, &one), None);
    world.nature.pass(1);
    assert_eq!(foreseen(&world, &one), Some(Err(own(Own::SettledLate))));
    assert_eq!(world.settle(&one), Err(own(Own::SettledLate)));
}
