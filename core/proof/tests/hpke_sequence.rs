//! A receiver that reads one message of many goes forward to it, never back.
use symbolon_keys::{KemKey, RustCrypto};
use symbolon_proof::hpke::{Receiver, Sender, Suite};
use symbolon_types::Secret;

#[test]
fn a_context_skips_forward_and_never_back() {
    let (key, suite) = (KemKey::from_private(Secret::new([3; 32])), Suite::Aes128Gcm);
    let ephemeral = Secret::new([4; 32]);
    let (enc, mut sender) =
        Sender::base(&RustCrypto, suite, &key.public(&RustCrypto), b"info", &ephemeral).unwrap();
    let sealed: Vec<Vec<u8>> = (0..4u8).map(|number| sender.seal(b"", &[number]).unwrap()).collect();
    let mut receiver = Receiver::base(&RustCrypto, suite, &enc, &key, b"info").unwrap();
    receiver.skip_to(0).unwrap();
    receiver.skip_to(2).unwrap();
    assert!(receiver.open(b"", &sealed[0]).is_err(), "it was skipped");
    assert_eq!(receiver.open(b"", &sealed[2]).unwrap().reveal(), &[2]);
    assert!(receiver.skip_to(2).is_err(), "it was opened");
    assert!(receiver.skip_to(0).is_err());
    assert_eq!(receiver.open(b"", &sealed[3]).unwrap().reveal(), &[3], "a refused step back changes nothing");
}
