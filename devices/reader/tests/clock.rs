//! A reader that has lost the time accepts nothing, and asks for nothing; one that was never enrolled neither.
use symbolon_keys::{LocalSigner, RustCrypto, SigningKey};
use symbolon_offline_payment::{
    OfflinePaymentRefusal as Own, Refusal,
    messages::{PayeeCertificate, PayeeCertificateBody, PayeeId},
    payee::Payee,
};
use symbolon_proof::{Confirmation, sign};
use symbolon_reader::{PayerLink, Reader, ReaderState, Take};
use symbolon_state::{Flash, Records, fake::FakeFlash};
use symbolon_transport::{TransportError, clock};
use symbolon_types::{Amount, CoreRefusal, Currency, Secret, UnixSeconds};
use symbolon_wire::cbor::{Bytes, to_vec};

const YEAR: u64 = 365 * 24 * 3600;

/// Nobody is there; remembers what was asked.
#[derive(Default)]
struct Nobody(Vec<Vec<u8>>);

impl PayerLink for Nobody {
    fn charge(&mut self, challenge: &[u8], _: &mut Take<'_>) -> Result<(), symbolon_reader::Failure> {
        self.0.push(challenge.into());
        Err(TransportError::Timeout.into())
    }
}

/// A reader that is enrolled, and has seen this time.
fn enrolled(time: UnixSeconds) -> FakeFlash {
    let flash = FakeFlash::default();
    let (server, seed) = (SigningKey::from_seed(Secret::new([1; 32])), Secret::new([2; 32]));
    let key = SigningKey::from_seed(seed.clone());
    let now = clock::wall().seconds();
    let certificate = PayeeCertificate {
        exp: now.plus(YEAR),
        iat: now,
        cnf: Confirmation { key: key.verifying(&RustCrypto) },
        body: PayeeCertificateBody { payee: PayeeId([3; 16]), name: "Bakery".into(), mcc: 5462, cap: eur(0) },
    };
    let certificate =
        sign(&RustCrypto, &LocalSigner { crypto: &RustCrypto, key: &server }, &certificate).unwrap();
    let payee = Payee { crypto: &RustCrypto, key: &key };
    let payee = payee.enrolled(server.verifying(&RustCrypto), Bytes(certificate)).unwrap();
    let state = ReaderState {
        seed,
        payee: Some(payee),
        time,
        refused: Vec::new(),
        last: None,
        code: None,
        refunds: Vec::new(),
    };
    let (mut records, _) = Records::open(flash.clone()).unwrap();
    records.append(&to_vec(&state)).unwrap();
    flash
}

fn eur(minor: u64) -> Amount {
    Amount::new(minor, Currency::EUR).unwrap()
}

fn charge(flash: impl Flash, minor: u64) -> (Option<Refusal>, usize) {
    let mut link = Nobody::default();
    let charged = Reader::on(flash).unwrap().charge(&mut link, eur(minor), &mut |_, _| {});
    (charged.unwrap_err().refusal(), link.0.len())
}

#[test]
fn a_reader_that_lost_the_time_asks_for_nothing() {
    let now = clock::wall().seconds();
    assert_eq!(charge(enrolled(now), 100), (None, 1), "the accepted twin: it asked, and nobody was there");
    assert_eq!(charge(enrolled(now.plus(YEAR)), 100), (Some(Refusal::Own(Own::ClockUnknown)), 0));
    assert_eq!(charge(enrolled(now), 0), (Some(Refusal::Core(CoreRefusal::AmountInvalid)), 0));
    assert_eq!(charge(FakeFlash::default(), 100), (Some(Refusal::Own(Own::NotEnrolled)), 0));
}

#[test]
fn a_charge_is_asked_again_with_the_same_challenge() {
    let flash = enrolled(clock::wall().seconds());
    let mut link = Nobody::default();
    let nothing = Reader::on(flash.clone()).unwrap().resume(&mut link, &mut |_, _| {});
    assert_eq!(nothing.unwrap_err().refusal(), Some(Refusal::Core(CoreRefusal::NotFound)));
    let mut reader = Reader::on(flash.clone()).unwrap();
    assert!(reader.charge(&mut link, eur(100), &mut |_, _| {}).is_err());
    assert!(Reader::on(flash).unwrap().resume(&mut link, &mut |_, _| {}).is_err());
    assert_eq!(link.0.len(), 2);
    assert_eq!(link.0[0], link.0[1]);
}
