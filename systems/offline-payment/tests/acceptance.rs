//! The acceptance tests T1 to T7 that the cross-system requirements ask of offline payment, by their numbers.
mod world;

use symbolon_keys::KemKey;
use symbolon_offline_payment::evidence::{Verdict, judge};
use symbolon_offline_payment::messages::{Receipt, Request, SealedCredential, SecureObject, Settlement};
use symbolon_offline_payment::secure_application::{GrantedNonce, LastCall, Wallet, lost_network};
use symbolon_offline_payment::state::{self, AccountLimits, Source};
use symbolon_offline_payment::{OfflinePaymentRefusal as Own, Refusal};
use symbolon_types::{CoreRefusal, Secret, UnixSeconds};
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};
use world::*;

fn refusal(phone: &mut Phone, sealed: &SealedCredential) -> Refusal {
    phone.authorise(sealed).unwrap_err().refusal
}

#[test]
fn acceptance_t1_from_challenge_to_receipt_with_a_network_that_panics_on_use() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    world.sever();
    for minor in [1250, OTP_FROM] {
        let challenge = shop.charge(eur(minor));
        let payment = phone.pay(&challenge, PIN).unwrap();
        let receipt = shop.accept(&payment.object.0).unwrap();
        assert_eq!(payment.receipt(&QUICK, &challenge.0, receipt).unwrap().taken, Some(eur(minor)));
    }
    let touched = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.edge().crypto));
    assert!(touched.is_err(), "the network that was out of reach does panic");
    world.restore();
    for accepted in &shop.state.accepted {
        assert_eq!(world.settle(&to_vec(&accepted.settlement)).unwrap().source, Source::Reservation);
    }
    assert_eq!((world.credited(&shop), world.balance()), (1250 + OTP_FROM, (50_000 - 1250 - OTP_FROM, 0, 0)));
}

#[test]
fn acceptance_t2_without_1_1_the_secure_application_nothing_is_begun() {
    let mut world = World::funded(&QUICK);
    let (code, mut phone) = (world.invite(PAYER), Phone::new(&world, 1));
    assert_eq!(phone.enrolment(&mut world, code), Err(own(Own::NotPaired)));
    phone.pair();
    phone.enrolment(&mut world, code).unwrap();
}

#[test]
fn acceptance_t2_without_1_2_the_token_and_1_3_its_signature_there_is_no_nonce() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let challenge = world.shop(1, "Bakery", eur(0)).charge(eur(100));
    let whole = std::mem::take(&mut phone.wallet);
    assert_eq!(phone.offer(&challenge).unwrap_err(), own(Own::NoNonce), "1.2");
    let GrantedNonce { token, grant } = whole.pool[0].clone();
    let trust = phone.trust();
    let added =
        |grants: &[Bytes]| Wallet::default().add(&QUICK, &trust, std::slice::from_ref(&token), grants);
    assert_eq!(added(&[]).unwrap_err(), own(Own::BadGrant), "1.3");
    // A token of its own that no server signed, with the grant of another.
    let fresh = phone.tokens(1).unwrap().remove(0);
    phone.wallet.pool = vec![GrantedNonce { token: fresh, grant: grant.clone() }];
    let (_, sealed) = phone.sealed(&challenge, PIN).unwrap();
    assert_eq!(refusal(&mut phone, &sealed), own(Own::BadGrant), "1.3");
    phone.wallet = added(&[grant]).unwrap();
    phone.pay(&challenge, PIN).unwrap();
}

#[test]
fn acceptance_t2_without_1_4_both_in_the_sealing_1_5_offline_1_6_opening_or_1_7_the_right_one_nothing_is_paid()
 {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let challenge = world.shop(1, "Bakery", eur(0)).charge(eur(100));
    let (_, sealed) = phone.sealed(&challenge, PIN).unwrap();
    let (token, grant) = (sealed.token.0.clone(), sealed.grant.0.clone());
    let transaction = phone.preview(&challenge).unwrap().transaction;
    let aad = forge::aad(&QUICK, transaction, &[]);
    let made = |info: &[u8], to, digits| {
        let credential = forge::seal(&QUICK, to, &phone.sender, info, &aad, &forge::padded_pin(digits));
        SealedCredential { credential: Some(credential), ..sealed.clone() }
    };
    let (own_key, info) = (forge::token_key(&token), forge::info(&QUICK, &token, &grant));
    let another = KemKey::from_private(Secret::new([9; 32])).public(&QUICK);
    let open_failed = core(CoreRefusal::OpenFailed);
    let tries = [
        (made(&forge::info(&QUICK, &token, &[]), &own_key, PIN), open_failed),
        (made(&forge::info(&QUICK, &[], &grant), &own_key, PIN), open_failed),
        (made(&info, &another, PIN), open_failed),
        (made(&info, &own_key, "73518"), own(Own::CredentialWrong)),
        (SealedCredential { credential: None, ..sealed.clone() }, own(Own::VerificationWeak)),
    ];
    let right = made(&info, &own_key, PIN);
    for (tried, expected) in tries {
        assert_eq!(refusal(&mut phone, &tried), expected);
        assert_eq!(phone.status().objects, 0);
        phone.nature.pass(2);
    }
    assert_eq!(lost_network(LastCall::Answered), Err(own(Own::Online)), "1.5");
    phone.authorise(&right).unwrap();
}

#[test]
fn acceptance_t2_without_1_8_random_number_and_credential_or_1_9_the_object_nobody_is_credited() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let (challenge, unpaid) = (shop.charge(eur(100)), shop.charge(eur(100)));
    let object = phone.pay(&challenge, PIN).unwrap().object;
    let altered = |change: fn(&mut SecureObject)| {
        forge::altered::<SecureObject>(&QUICK, &object.0, &phone.signing(), change)
    };
    let unproved = altered(|object| object.body.credential_proof = None);
    assert_eq!(shop.accept(&unproved.0), Err(own(Own::VerificationWeak)), "1.8, the credential");
    let other_random = altered(|object| object.body.random = [0; 32]);
    let mut careless = shop.clone();
    careless.accept(&other_random.0).unwrap();
    assert_eq!(world.settle(&careless.upload()), Err(core(CoreRefusal::BadSignature)), "1.8, R");
    assert_eq!(shop.accept(&[]), Err(core(CoreRefusal::Malformed)), "1.9");
    shop.accept(&object.0).unwrap();
    let settlement: Settlement = from_slice(&shop.upload()).unwrap();
    let elsewhere = Settlement { challenge: unpaid, ..settlement };
    assert_eq!(world.settle(&to_vec(&elsewhere)), Err(own(Own::WrongPayee)), "1.9");
    world.settle(&shop.upload()).unwrap();
    assert_eq!(world.credited(&shop), 100);
}

/// All pairs of a pool of eight: in what is sent, and in what is sealed. Then each token with its own grant.
#[test]
fn acceptance_t3_token_a_and_signature_b_open_nothing_for_all_pairs_of_eight() {
    let mut world = World::new(&QUICK);
    world.open_payer(PAYER, AccountLimits { count: 8, ..limits() }, eur(50_000));
    let mut phone = Phone::new(&world, 1);
    phone.enrol(&mut world, PAYER, PIN);
    phone.prefetch(&mut world, 8);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let aad = forge::aad(&QUICK, phone.preview(&challenge).unwrap().transaction, &[]);
    let pool = phone.wallet.pool.clone();
    for (a, with) in pool.iter().enumerate() {
        for (_, other) in pool.iter().enumerate().filter(|(b, _)| *b != a) {
            phone.wallet.pool = vec![GrantedNonce { token: with.token.clone(), grant: other.grant.clone() }];
            let (_, mut sealed) = phone.sealed(&challenge, PIN).unwrap();
            assert_eq!(refusal(&mut phone, &sealed), own(Own::BadGrant));
            let (to, info) =
                (forge::token_key(&with.token.0), forge::info(&QUICK, &with.token.0, &other.grant.0));
            sealed.grant = with.grant.clone();
            sealed.credential =
                Some(forge::seal(&QUICK, &to, &phone.sender, &info, &aad, &forge::padded_pin(PIN)));
            assert_eq!(refusal(&mut phone, &sealed), core(CoreRefusal::OpenFailed));
            phone.nature.pass(1);
        }
    }
    assert_eq!((phone.status().attempts_left, phone.status().pool), (5, 8), "and cost nothing");
    phone.wallet.pool = pool;
    for _ in 0..8 {
        let challenge = shop.charge(eur(100));
        phone.pay(&challenge, PIN).unwrap();
    }
}

#[test]
fn acceptance_t4_an_image_restored_on_its_machine_spends_nothing() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let (one, two) = (shop.charge(eur(100)), shop.charge(eur(200)));
    let wallet = phone.wallet.clone();
    let image = phone.flash.image();
    let payment = phone.pay(&one, PIN).unwrap();
    phone.flash.put_back(&image);
    phone.start().unwrap();
    phone.wallet = wallet;
    let (_, sealed) = phone.sealed(&two, PIN).unwrap();
    assert_eq!(refusal(&mut phone, &sealed), own(Own::StoreRollback));
    phone.reconcile(&mut world).unwrap();
    assert_eq!(refusal(&mut phone, &sealed), own(Own::NonceSpent));
    shop.accept(&payment.object.0).unwrap();
    assert_eq!(world.settle(&shop.upload()).unwrap().source, Source::Reservation);
    assert!(!world.revoked(&phone));
}

/// Image and counter: two machines of one key, both tried, in both orders of arrival.
#[test]
fn acceptance_t4_of_a_machine_and_its_copy_at_most_one_settles_and_the_fork_is_reported() {
    for order in [[0, 1], [1, 0]] {
        let (mut world, mut phone) = World::ready(&QUICK, 1);
        let mut shops = [world.shop(1, "Bakery", eur(0)), world.shop(2, "Butcher", eur(0))];
        let mut copy = phone.copy();
        let mut objects = Vec::new();
        for (phone, shop) in [&mut phone, &mut copy].into_iter().zip(&mut shops) {
            let challenge = shop.charge(eur(400));
            objects.push(phone.pay(&challenge, PIN).unwrap().object);
            shop.accept(&objects.last().unwrap().0).unwrap();
        }
        let [first, second] = order.map(|at: usize| shops[at].upload());
        assert_eq!(world.settle(&first).unwrap().source, Source::Reservation);
        assert_eq!(world.settle(&second), Err(own(Own::OutsideCap)));
        assert_eq!(shops.each_ref().map(|shop| world.credited(shop)).iter().sum::<u64>(), 400);
        assert!(world.revoked(&phone));
        let [(_, evidence)] = state::evidences(&world.rows, None, 9).try_into().unwrap();
        assert_eq!([&evidence.first, &evidence.second], order.map(|at| &objects[at]));
        let verdict = judge(&QUICK, &[world.server()], &evidence.first.0, &evidence.second.0);
        assert!(matches!(verdict, Ok(Verdict::DoubleSpend(_))));
    }
}

/// The power fails after each point of `step`, and the machine starts again: what the step gave, and the machine.
fn cut_everywhere<T>(phone: &Phone, step: impl Fn(&mut Phone) -> T, mut then: impl FnMut(T, Phone)) {
    for point in 0.. {
        let mut copy = phone.copy();
        copy.power.cut_after(point);
        let gave = step(&mut copy);
        let cut = copy.power.is_cut();
        copy.power.restore();
        copy.start().unwrap();
        then(gave, copy);
        if !cut {
            return;
        }
    }
}

#[test]
fn acceptance_t5_the_lock_survives_a_power_cut_at_each_write() {
    let (mut world, mut phone) = World::ready(&QUICK, 6);
    let challenge = world.shop(1, "Bakery", eur(0)).charge(eur(100));
    let (_, right) = phone.sealed(&challenge, PIN).unwrap();
    let (_, wrong) = phone.sealed(&challenge, "00000").unwrap();
    for left in [4, 3, 2, 1] {
        phone.nature.pass(60);
        assert_eq!(phone.authorise(&wrong).unwrap_err().attempts_left, Some(left));
    }
    let mut seen = [0, 0];
    let guess = |phone: &mut Phone| {
        phone.nature.pass(60);
        refusal(phone, &wrong)
    };
    cut_everywhere(&phone, guess, |gave, mut after| {
        let left = after.status().attempts_left;
        assert!(left <= 1 && (gave != own(Own::CredentialLocked) || left == 0));
        assert_eq!(after.status().locked, left == 0);
        seen[usize::from(left == 0)] += 1;
    });
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    phone.nature.pass(60);
    assert_eq!(refusal(&mut phone, &wrong), own(Own::CredentialLocked));
    // Neither does a cut at any write of a start unlock it.
    cut_everywhere(
        &phone,
        |phone| phone.start().is_ok(),
        |_, mut after| {
            assert_eq!((after.status().locked, after.status().pool), (true, 0));
            assert_eq!(refusal(&mut after, &right), own(Own::CredentialLocked));
        },
    );
}

#[test]
fn acceptance_t6_no_clock_moved_back_or_forth_stretches_a_grant() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    phone.nature.pass(1000);
    phone.reconcile(&mut world).unwrap();
    let challenge = shop.charge(eur(100));
    let (_, sealed) = phone.sealed(&challenge, PIN).unwrap();
    for seconds in [1, 60, 999] {
        phone.nature.ms_back(seconds);
        assert_eq!(refusal(&mut phone, &sealed), own(Own::ClockUnknown), "{seconds} s back");
        phone.nature.pass(seconds);
    }
    phone.nature.pass(GRANT_SECONDS);
    assert_eq!(refusal(&mut phone, &sealed), core(CoreRefusal::Expired));
    phone.nature.ms_back(GRANT_SECONDS);
    let object = phone.authorise(&sealed).unwrap();
    // A time that the machine has written down it never leaves again, not by ticks, not by a restart.
    let (_, sealed) = phone.sealed(&shop.charge(eur(100)), PIN).unwrap();
    phone.nature.pass(GRANT_SECONDS);
    phone.tokens(1).unwrap();
    phone.nature.ms_back(GRANT_SECONDS);
    assert_eq!(refusal(&mut phone, &sealed), own(Own::ClockUnknown));
    phone.start().unwrap();
    assert_eq!(refusal(&mut phone, &sealed), core(CoreRefusal::Expired));
    payee_and_server_clocks(&mut world, &mut shop, &object);
}

/// The payee's clock, and what it says of its acceptance: 300 s of skew and no more.
fn payee_and_server_clocks(world: &mut World, shop: &mut Shop, object: &Bytes) {
    let (clean, now) = (shop.clone(), world.nature.now().0);
    let grant: symbolon_offline_payment::messages::Grant =
        forge::claims(&forge::claims::<SecureObject>(&object.0).body.grant.0);
    let (iat, exp) = (grant.iat.0, grant.exp.0);
    let expired = Err(core(CoreRefusal::Expired));
    for (at, expected) in
        [(iat - 301, expired), (iat - 300, Ok(())), (exp + 299, Ok(())), (exp + 300, expired)]
    {
        let mut shop = clean.clone();
        // It heard the server when it thinks that it is.
        shop.state.trust.heard = UnixSeconds(at);
        assert_eq!(shop.accept_at(&object.0, Some(UnixSeconds(at))).map(|_| ()), expected, "{at}");
    }
    assert_eq!(shop.accept_at(&object.0, None), Err(own(Own::ClockUnknown)));
    shop.accept(&object.0).unwrap();
    let settlement: Settlement = from_slice(&shop.upload()).unwrap();
    let late = Err(own(Own::SettledLate));
    for (at, expected) in [(iat - 1, late), (now + 302, late), (now + 300, Ok(()))] {
        let change = |receipt: &mut Receipt| receipt.iat = UnixSeconds(at);
        let receipt = forge::altered(&QUICK, &settlement.receipt.0, &shop.key, change);
        let upload = to_vec(&Settlement { receipt, ..settlement.clone() });
        assert_eq!(world.settle(&upload).map(|_| ()), expected);
    }
}

#[test]
fn acceptance_t7_an_exhausted_pool_pays_nothing_until_it_is_refilled() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    for _ in 0..2 {
        let challenge = shop.charge(eur(100));
        phone.pay(&challenge, PIN).unwrap();
    }
    let challenge = shop.charge(eur(100));
    assert_eq!(phone.pay(&challenge, PIN).unwrap_err(), own(Own::NoNonce));
    assert_eq!(phone.tokens(9), Err(own(Own::PoolFull)), "the machine's bound");
    phone.prefetch(&mut world, 1);
    phone.pay(&challenge, PIN).unwrap();
}

#[test]
fn acceptance_t7_two_refills_at_once_and_one_whose_answer_is_lost_reserve_once() {
    let (mut world, mut phone) = World::ready(&QUICK, 0);
    let (one, two) = (phone.tokens(3).unwrap(), phone.tokens(3).unwrap());
    let mut other_order = world.rows.clone();
    let lost = world.grant(&one).unwrap();
    let grants = world.grant(&two).unwrap();
    assert_eq!(world.balance(), (50_000 - 6 * PER_PAYMENT, 6 * PER_PAYMENT, 0));
    // The answer to the first was lost: asked for again, after the second, it is the same to the last byte.
    assert_eq!(world.grant(&one).unwrap(), lost);
    assert_eq!(world.grant(&[one.clone(), two.clone()].concat()).unwrap(), [lost, grants].concat());
    assert_eq!(world.balance().1, 6 * PER_PAYMENT);
    // Overtaken, the first gets nothing, and reserves nothing; the next refill does.
    std::mem::swap(&mut world.rows, &mut other_order);
    world.grant(&two).unwrap();
    assert_eq!(world.grant(&one), Err(own(Own::NonceRepeated)));
    assert_eq!(world.balance().1, 3 * PER_PAYMENT);
    phone.reconcile(&mut world).unwrap();
    assert_eq!(phone.status().pool, 3, "what was overtaken makes room");
    phone.prefetch(&mut world, 5);
    assert_eq!(world.balance().1, 8 * PER_PAYMENT);
}

#[test]
fn acceptance_t7_a_refill_during_a_payment_harms_neither_and_the_server_keeps_its_bound() {
    let (mut world, mut phone) = World::ready(&QUICK, 7);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let (waiting, sealed) = phone.sealed(&challenge, PIN).unwrap();
    phone.prefetch(&mut world, 1);
    assert_eq!(phone.tokens(1), Err(own(Own::PoolFull)));
    let object = phone.authorise(&sealed).unwrap();
    waiting.received(&QUICK, &phone.trust(), object.clone()).unwrap();
    assert_eq!((phone.status().pool, phone.wallet.pool.len()), (7, 7));
    // The machine has room again; at the server the nonce counts until its object is settled.
    let tokens = phone.tokens(1).unwrap();
    assert_eq!(world.grant(&tokens), Err(own(Own::PoolFull)));
    assert_eq!(world.balance().1, 8 * PER_PAYMENT);
    shop.accept(&object.0).unwrap();
    world.settle(&shop.upload()).unwrap();
    assert_eq!(world.grant(&tokens).unwrap().len(), 1);
    assert_eq!(world.balance().1, 8 * PER_PAYMENT);
    phone.message(Request::Report(())).unwrap();
}
