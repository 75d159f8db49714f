//! Validity to the second, and confirmation keys.
use symbolon_keys::VerifyingKey;
use symbolon_proof::{Confirmation, Validity};
use symbolon_types::{CoreRefusal, UnixSeconds, hex_parse};
use symbolon_wire::cbor::{from_slice, to_vec};

fn holds(iat: u64, exp: u64, now: u64, skew_seconds: u64) -> bool {
    let validity = Validity { iat: UnixSeconds(iat), exp: UnixSeconds(exp) };
    match validity.check(UnixSeconds(now), skew_seconds) {
        Ok(()) => true,
        Err(refusal) => {
            assert_eq!(refusal, CoreRefusal::Expired);
            false
        }
    }
}

#[test]
fn a_proof_holds_from_iat_to_the_second_before_exp() {
    let at = |now| holds(100, 200, now, 0);
    assert_eq!([at(99), at(100), at(199), at(200)], [false, true, true, false]);
    let with_skew = |now| holds(100, 200, now, 10);
    let edges = [with_skew(89), with_skew(90), with_skew(209), with_skew(210)];
    assert_eq!(edges, [false, true, true, false]);
}

#[test]
fn a_validity_that_ends_before_it_begins_never_holds() {
    assert!(holds(100, 101, 100, 1000));
    assert!(!holds(100, 100, 100, 1000));
    assert!(!holds(101, 100, 100, 1000));
}

#[test]
fn the_ends_of_time_do_not_wrap() {
    assert!(holds(0, 1, 0, 0) && holds(5, 6, 0, 10));
    assert!(holds(0, u64::MAX, u64::MAX - 1, 0));
    assert!(!holds(0, u64::MAX, u64::MAX, u64::MAX));
    assert!(!holds(u64::MAX - 1, u64::MAX, 0, 0));
}

#[test]
fn a_confirmation_is_a_cose_key_and_nothing_else() {
    let confirmation = Confirmation { key: VerifyingKey([0x55; 32]) };
    let bytes = to_vec(&confirmation);
    let expect = hex_parse(&format!("A101A301012006215820{}", "55".repeat(32))).unwrap();
    assert_eq!(bytes, expect);
    assert_eq!(from_slice::<Confirmation>(&bytes), Ok(confirmation));
    let by_kid_only = hex_parse("A103480000000000000000").unwrap();
    assert!(from_slice::<Confirmation>(&by_kid_only).is_err(), "a kid is no key (RFC 8747 §3.4)");
    assert!(from_slice::<Confirmation>(&[0xA0]).is_err(), "an absent key is a refusal");
}
