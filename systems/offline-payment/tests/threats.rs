//! Threats T-01 to T-10: first what is accepted, then the one change that is refused, with its refusal.
mod world;

use symbolon_keys::{KemKey, SigningKey};
use symbolon_offline_payment::OfflinePaymentRefusal as Own;
use symbolon_offline_payment::authenticator::Credential;
use symbolon_offline_payment::messages::{Grant, SealedCredential, Settlement};
use symbolon_types::{CoreRefusal, Secret};
use symbolon_wire::cbor::{Bytes, Encoder, from_slice, to_vec};
use world::*;

fn refused(phone: &mut Phone, sealed: &SealedCredential) -> symbolon_offline_payment::Refusal {
    phone.authorise(sealed).unwrap_err().refusal
}

#[test]
fn threat_t01_a_sealed_credential_sent_again_finds_its_nonce_spent_and_its_key_gone() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let (_, sealed) = phone.sealed(&challenge, PIN).unwrap();
    let keys = phone.nonce_keys();
    assert_eq!(keys.len(), 2);
    phone.authorise(&sealed).unwrap();
    assert_eq!(refused(&mut phone, &sealed), own(Own::NonceSpent));
    phone.start().unwrap();
    assert_eq!(refused(&mut phone, &sealed), own(Own::NonceSpent));
    let left = phone.nonce_keys();
    assert_eq!(left.len(), 1);
    let memory = phone.memory();
    let gone = keys.iter().find(|key| !left.contains(key)).unwrap();
    assert!(memory.windows(32).any(|bytes| bytes == left[0]), "the scan finds what is there");
    assert!(!memory.windows(32).any(|bytes| bytes == gone));
}

#[test]
fn threat_t02_the_same_object_at_the_same_payee_gets_the_same_receipt_and_one_credit() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut shop = world.shop(1, "Bakery", eur(10_000));
    let challenge = shop.charge(eur(700));
    let payment = phone.pay(&challenge, PIN).unwrap();
    let receipt = shop.accept(&payment.object.0).unwrap();
    let state = shop.state.clone();
    phone.nature.pass(30 * DAY);
    assert_eq!(shop.accept(&payment.object.0).unwrap(), receipt);
    assert_eq!(shop.state, state);
    phone.nature.ms_back(30 * DAY);
    let first = world.settle(&shop.upload()).unwrap();
    let rows = world.rows.clone();
    assert_eq!(world.settle(&shop.upload()).unwrap(), first);
    assert_eq!(world.rows, rows);
    assert_eq!(world.credited(&shop), 700);
}

#[test]
fn threat_t03_an_object_is_for_one_payee_and_one_challenge() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let (mut shop, mut other) = (world.shop(1, "Bakery", eur(0)), world.shop(2, "Butcher", eur(0)));
    let challenge = shop.charge(eur(700));
    other.charge(eur(700));
    let payment = phone.pay(&challenge, PIN).unwrap();
    assert_eq!(other.accept(&payment.object.0), Err(own(Own::WrongPayee)));
    let mut later = shop.clone();
    later.state.open.clear();
    later.charge(eur(700));
    assert_eq!(later.accept(&payment.object.0), Err(own(Own::ChallengeUnknown)));
    shop.accept(&payment.object.0).unwrap();
    // Uploaded by another payee, with a challenge and a receipt of its own: not its object.
    let upload: Settlement = from_slice(&shop.upload()).unwrap();
    let stolen = Settlement { challenge: other.state.open[0].challenge.clone(), ..upload };
    assert_eq!(world.settle(&to_vec(&stolen)), Err(core(CoreRefusal::BadSignature)));
    world.settle(&shop.upload()).unwrap();
}

#[test]
fn threat_t05_and_t06_tokens_grants_and_sealed_credentials_are_worthless_in_another_authenticator() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut thief = Phone::new(&world, 2);
    thief.enrol(&mut world, PAYER, "0000");
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let (_, sealed) = phone.sealed(&challenge, PIN).unwrap();
    thief.wallet = phone.wallet.clone();
    thief.sender = phone.sender.clone();
    assert_eq!(refused(&mut thief, &sealed), core(CoreRefusal::BadSignature));
    let (_, resealed) = thief.sealed(&challenge, "0000").unwrap();
    assert_eq!(refused(&mut thief, &resealed), core(CoreRefusal::BadSignature));
    // The thief's own signing key cannot make the object either: the grant names the key.
    let object = phone.authorise(&sealed).unwrap();
    let claims = forge::claims::<symbolon_offline_payment::messages::SecureObject>(&object.0);
    let forged = forge::signed(phone.crypto, &thief.signing(), &claims);
    assert_eq!(shop.accept(&forged.0), Err(core(CoreRefusal::BadSignature)));
    shop.accept(&object.0).unwrap();
}

/// T3 of the acceptance tests: for all a ≠ b, in each of the two ways to mix.
#[test]
fn threat_t07_no_token_goes_with_another_tokens_grant() {
    let (mut world, mut phone) = World::ready(&QUICK, 4);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let pool = phone.wallet.pool.clone();
    let transaction = phone.preview(&challenge).unwrap().transaction;
    let sealed = |phone: &Phone, a: usize, b: usize, token: usize, grant: usize| {
        let info = forge::info(phone.crypto, &pool[a].token.0, &pool[b].grant.0);
        let aad = forge::aad(phone.crypto, transaction, &[]);
        let to = forge::token_key(&pool[token].token.0);
        let credential =
            Some(forge::seal(phone.crypto, &to, &phone.sender, &info, &aad, &forge::padded_pin(PIN)));
        let (token, grant) = (pool[token].token.clone(), pool[grant].grant.clone());
        SealedCredential {
            token,
            grant,
            second: None,
            credential,
            challenge: challenge.clone(),
            tip_minor: None,
        }
    };
    for a in 0..4 {
        for b in (0..4).filter(|b| *b != a) {
            let handed_mixed = sealed(&phone, a, b, a, b);
            assert_eq!(refused(&mut phone, &handed_mixed), own(Own::BadGrant), "{a} {b}");
            for sealed_mixed in [sealed(&phone, a, b, a, a), sealed(&phone, b, a, a, a)] {
                phone.nature.pass(1);
                assert_eq!(refused(&mut phone, &sealed_mixed), core(CoreRefusal::OpenFailed), "{a} {b}");
            }
        }
    }
    assert_eq!(phone.status().attempts_left, 5, "forged wrappers cost no attempt");
    phone.nature.pass(1);
    let right = sealed(&phone, 2, 2, 2, 2);
    phone.authorise(&right).unwrap();
}

#[test]
fn threat_t07_garbage_costs_no_attempt_and_is_slowed() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let (_, sealed) = phone.sealed(&challenge, PIN).unwrap();
    let mut garbage = sealed.clone();
    garbage.credential.as_mut().unwrap().ciphertext = Bytes(vec![0xEE; 80]);
    let unpaired = KemKey::from_private(Secret::new([0x77; 32]));
    let info = forge::info(phone.crypto, &sealed.token.0, &sealed.grant.0);
    let aad = forge::aad(phone.crypto, phone.preview(&challenge).unwrap().transaction, &[]);
    let to = forge::token_key(&sealed.token.0);
    let mut stranger = sealed.clone();
    stranger.credential =
        Some(forge::seal(phone.crypto, &to, &unpaired, &info, &aad, &forge::padded_pin(PIN)));
    for _ in 0..12 {
        assert_eq!(refused(&mut phone, &garbage), core(CoreRefusal::OpenFailed));
        assert_eq!(refused(&mut phone, &sealed), core(CoreRefusal::Busy));
        phone.nature.pass_ms(250);
        assert_eq!(refused(&mut phone, &stranger), core(CoreRefusal::OpenFailed));
        phone.nature.pass_ms(250);
    }
    assert_eq!(phone.status().attempts_left, 5);
    phone.authorise(&sealed).unwrap();
}

#[test]
fn threat_t08_a_grant_is_the_pinned_servers_under_its_one_algorithm() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let (_, sealed) = phone.sealed(&challenge, PIN).unwrap();
    let claims: Grant = forge::claims(&sealed.grant.0);
    let with = |grant: Bytes| SealedCredential { grant, ..sealed.clone() };
    for stranger in [SigningKey::from_seed(Secret::new([8; 32])), phone.signing()] {
        let forged = with(forge::signed(phone.crypto, &stranger, &claims));
        assert_eq!(refused(&mut phone, &forged), own(Own::BadGrant));
    }
    let mut raised = claims.clone();
    raised.body.limit = eur(1_000_000);
    let mut unsigned = sealed.grant.0.clone();
    let (old, new) = (to_vec(&claims), to_vec(&raised));
    let at = unsigned.windows(old.len()).position(|bytes| bytes == old).unwrap();
    unsigned.splice(at..at + old.len(), new);
    assert!(phone.authorise(&with(Bytes(unsigned))).is_err());
    // An algorithm in the protected header other than Ed25519 (-8 is 0x27), and one in the unprotected header.
    let mut none = sealed.grant.0.clone();
    let at = none.windows(2).position(|bytes| bytes == [0x01, 0x27]).unwrap();
    none[at + 1] = 0x26;
    assert_eq!(refused(&mut phone, &with(Bytes(none))), core(CoreRefusal::Malformed));
    let mut header = Encoder::new();
    header.map(1).int(1).int(-8);
    let mut outside = sealed.grant.0.clone();
    // Tag, array of four, a byte string under 24 bytes, then the empty map.
    let empty = 3 + usize::from(outside[2] & 0x1F);
    assert_eq!((outside[2] >> 5, outside[empty]), (2, 0xA0));
    outside.splice(empty..=empty, header.finish());
    assert_eq!(refused(&mut phone, &with(Bytes(outside))), core(CoreRefusal::Malformed));
    // The server's own grant for the right token, but for another machine's key.
    let other = forge::altered::<Grant>(phone.crypto, &sealed.grant.0, &world.issuer.signing, |grant| {
        grant.cnf.key = shop.key.verifying(&QUICK);
    });
    assert_eq!(refused(&mut phone, &with(other)), own(Own::BadGrant));
    phone.authorise(&sealed).unwrap();
}

#[test]
fn threat_t09_guessing_ends_and_only_a_new_enrolment_online_unlocks() {
    let (mut world, mut phone) = World::ready(&REAL, 6);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let (_, kept) = phone.sealed(&challenge, PIN).unwrap();
    let (code, old) = phone.enrolled_with.clone().unwrap();
    assert_eq!(phone.lock(&challenge), 5);
    let status = phone.status();
    assert_eq!((status.attempts_left, status.pool, status.locked), (0, 0, true));
    assert!(phone.nonce_keys().is_empty());
    phone.nature.pass(DAY);
    assert_eq!(refused(&mut phone, &kept), own(Own::CredentialLocked));
    assert_eq!(phone.tokens(1), Err(own(Own::CredentialLocked)));
    phone.start().unwrap();
    assert_eq!(refused(&mut phone, &kept), own(Own::CredentialLocked));
    phone.reconcile(&mut world).unwrap();
    assert_eq!(refused(&mut phone, &kept), own(Own::CredentialLocked), "a report unlocks nothing here");
    // The enrolment of old, replayed with a credential of the thief's, and the old code: neither.
    phone.message(symbolon_offline_payment::messages::Request::BeginEnrolment(code)).unwrap();
    assert_eq!(phone.complete(old, "0000"), Err(core(CoreRefusal::OpenFailed)));
    let again = phone.enrolment(&mut world, code).unwrap();
    assert_eq!(phone.complete(again, "0000"), Err(core(CoreRefusal::OpenFailed)));
    assert!(phone.status().locked);
    let code = world.invite(PAYER);
    let fresh = phone.enrolment(&mut world, code).unwrap();
    phone.complete(fresh, "2468").unwrap();
    phone.prefetch(&mut world, 1);
    phone.wallet.pool.drain(..phone.wallet.pool.len() - 1);
    phone.pay(&challenge, "2468").unwrap();
}

#[test]
fn threat_t09_each_wrong_attempt_makes_the_next_wait_longer() {
    let (mut world, mut phone) = World::ready(&QUICK, 8);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    phone.nature.pass(60);
    for (wrong, wait_s) in [(1, 1), (2, 2), (3, 4), (4, 8)] {
        let (_, sealed) = phone.sealed(&challenge, "00000").unwrap();
        assert_eq!(phone.authorise(&sealed).unwrap_err().attempts_left, Some(5 - wrong));
        phone.nature.pass_ms(wait_s * 1000 - 1);
        assert_eq!(refused(&mut phone, &sealed), core(CoreRefusal::Busy));
        assert_eq!(phone.status().attempts_left, 5 - wrong);
        phone.nature.pass_ms(1);
    }
    // A restart does not shorten the wait.
    phone.start().unwrap();
    let (_, sealed) = phone.sealed(&challenge, PIN).unwrap();
    assert_eq!(refused(&mut phone, &sealed), core(CoreRefusal::Busy));
    phone.nature.pass(8);
    phone.authorise(&sealed).unwrap();
    assert_eq!(phone.status().attempts_left, 5);
}

#[test]
fn threat_t10_every_credential_travels_in_the_same_length() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let offer = phone.offer(&challenge).unwrap();
    let phrase = Credential::passphrase(Secret::new("a long passphrase of many words".to_owned())).unwrap();
    let lengths = [pin("1234"), pin("123456789012"), phrase].map(|credential| {
        let sealed = offer
            .clone()
            .enter(phone.crypto, credential, &phone.sender, offline(), &phone.nature.seed())
            .unwrap()
            .1;
        sealed.credential.unwrap().ciphertext.0.len()
    });
    assert_eq!(lengths, [256 + 16; 3]);
}
