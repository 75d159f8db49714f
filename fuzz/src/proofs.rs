//! Proofs: the strict form that is ours, and any COSE.
use symbolon_keys::{RustCrypto, SigningKey};
use symbolon_offline_payment::messages as m;
use symbolon_proof::cose::Message;
use symbolon_proof::{Claims, Raw};
use symbolon_types::Secret;
use symbolon_wire::cbor::to_vec;

/// A proof of the kind that is read has one form, and a key that did not sign it does not verify it.
fn kind<T: Claims + Clone>(data: &[u8]) {
    let Ok(signed) = Raw(data).parse::<T>() else { return };
    let payload = to_vec(signed.danger_unverified());
    assert!(data.windows(payload.len()).any(|window| window == payload), "the claims lie in it as they are");
    let stranger = SigningKey::from_seed(Secret::new([0x5A; 32])).verifying(&RustCrypto);
    assert!(signed.verify(&RustCrypto, &stranger).is_err());
}

/// Every kind of signed proof.
pub fn proofs(data: &[u8]) {
    kind::<m::EnrolmentRequest>(data);
    kind::<m::Enrolment>(data);
    kind::<m::NonceToken>(data);
    kind::<m::Grant>(data);
    kind::<m::PayeeRequest>(data);
    kind::<m::PayeeCertificate>(data);
    kind::<m::Challenge>(data);
    kind::<m::SecureObject>(data);
    kind::<m::Receipt>(data);
    kind::<m::Report>(data);
    kind::<m::Reconciled>(data);
    kind::<m::TrustList>(data);
    kind::<m::Refund>(data);
    kind::<m::StatementRequest>(data);
    kind::<m::Statement>(data);
    let _ = Raw(data).parse_mac::<m::SecondNonce>();
}

/// Any COSE message: read the same twice.
pub fn cose(data: &[u8]) {
    let read = |bytes| Message::read(bytes).map(|message| message.algorithm());
    assert_eq!(read(data).ok(), read(data).ok());
}
