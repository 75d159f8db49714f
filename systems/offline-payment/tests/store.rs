//! The authenticator's sealed store: what lies on the flash gives nothing away by how it was sealed.
mod world;

use std::collections::BTreeSet;
use symbolon_state::Records;
use symbolon_wire::cbor::any::Item;
use world::*;

/// The AEAD nonces of all records on the flash: field 2 of each sealed state.
fn nonces(phone: &Phone) -> Vec<Vec<u8>> {
    let (_, records) = Records::open(phone.flash.clone()).unwrap();
    let nonce = |record: Vec<u8>| {
        let Ok(Item::Map(fields)) = Item::read(&record) else { panic!("not a sealed state") };
        let (_, nonce) = fields.into_iter().find(|(key, _)| *key == Item::Uint(2)).unwrap();
        nonce.as_bytes().unwrap().to_vec()
    };
    records.into_iter().map(nonce).collect()
}

/// One request commits twice: the attempt, then what it led to. Two states under one nonce and key would give the key of the MAC away.
#[test]
fn threat_t04_and_t09_no_two_states_are_sealed_with_one_nonce() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let offer = phone.offer(&challenge).unwrap();
    let before = nonces(&phone).len();
    phone.second(&offer, &challenge).unwrap();
    let all = nonces(&phone);
    assert_eq!(all.len(), before + 2, "the attempt and the counter");
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    let wrong = phone.seal(offer, "9999").1;
    phone.authorise(&wrong).unwrap_err();
    let all = nonces(&phone);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    assert!(all.iter().all(|nonce| nonce.len() == 12));
}
