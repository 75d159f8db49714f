//! `symbolon proof inspect` on every kind of proof that system 01 has: held, one bit flipped, another key, another time, another payee; with and
//! without the keys that a check needs.
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use symbolon_keys::{Crypto, KemPublic, LocalSigner, RustCrypto, SigningKey, VerifyingKey};
use symbolon_offline_payment::messages::*;
use symbolon_offline_payment::trust::denied_hash;
use symbolon_proof::{Claims, Confirmation, authenticate, sign};
use symbolon_types::{Amount, Currency, Hash, Secret, UnixSeconds, hex_upper};
use symbolon_wire::cbor::{Bytes, to_vec};

const IAT: UnixSeconds = UnixSeconds(1_800_000_000);
const EXP: UnixSeconds = UnixSeconds(1_800_086_400);
/// Inside the validity of everything, in Unix milliseconds.
const AT: &str = "1800000001000";
const PAYEE: PayeeId = PayeeId([0xEE; 16]);

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(Secret::new([number; 32]))
}

fn server() -> SigningKey {
    key(1)
}

fn device() -> SigningKey {
    key(2)
}

fn shop() -> SigningKey {
    key(3)
}

fn public(key: &SigningKey) -> VerifyingKey {
    key.verifying(&RustCrypto)
}

fn hexadecimal(key: &SigningKey) -> String {
    hex_upper(&public(key).0)
}

fn signed<T: Claims>(key: &SigningKey, claims: &T) -> Bytes {
    Bytes(sign(&RustCrypto, &LocalSigner { crypto: &RustCrypto, key }, claims).unwrap())
}

fn hash(bytes: &[u8]) -> Hash {
    RustCrypto.sha256(&[bytes])
}

fn euros(minor: u64) -> Amount {
    Amount::new(minor, Currency::EUR).unwrap()
}

fn sealed_box() -> SealedBox {
    SealedBox { enc: [5; 32], ciphertext: Bytes(vec![6; 40]) }
}

fn authenticator() -> AuthenticatorId {
    AuthenticatorId::of(&RustCrypto, &public(&device()))
}

fn token() -> Bytes {
    let body = NonceTokenBody {
        authenticator: authenticator(),
        sequence: 1,
        kem: KemPublic([4; 32]),
        boot: 1,
        counter: 1,
    };
    signed(&device(), &NonceToken { exp: EXP, iat: IAT, nonce: Nonce([7; 16]), body })
}

fn granted(by: &SigningKey) -> Bytes {
    let body = GrantBody {
        token: hash(&token().0),
        account: AccountRef([8; 16]),
        limit: euros(5000),
        policy: 1,
        epoch: 1,
        verification: vec![VerificationRule { from_minor: 0, user: 1, otp: false }],
    };
    let cnf = Confirmation { key: public(&device()) };
    signed(by, &Grant { exp: EXP, iat: IAT, cnf, body })
}

fn certificate() -> Bytes {
    let body = PayeeCertificateBody { payee: PAYEE, name: "Mill Road".into(), mcc: 5411, cap: euros(100) };
    let cnf = Confirmation { key: public(&shop()) };
    signed(&server(), &PayeeCertificate { exp: EXP, iat: IAT, cnf, body })
}

fn asked(certificate: Bytes) -> Challenge {
    let body = ChallengeBody { certificate, amount: euros(700), tip_minor_max: None, bill: None };
    Challenge { iat: IAT, nonce: PayeeNonce([9; 16]), body }
}

fn challenge() -> Bytes {
    signed(&shop(), &asked(certificate()))
}

fn paid(amount_minor: u64, grant: Bytes) -> SecureObject {
    let transaction = Transaction {
        amount: euros(amount_minor),
        payee: PAYEE,
        nonce: PayeeNonce([9; 16]),
        challenge: hash(&to_vec(&asked(certificate()))),
        tip_minor: None,
    };
    let body = SecureObjectBody {
        token: hash(&token().0),
        grant,
        random: [1; 32],
        transaction,
        credential_proof: Some([2; 32]),
        verification: Verification::Pin,
        otp: false,
        audit: sealed_box(),
    };
    SecureObject { iat: IAT, body }
}

fn object() -> SecureObject {
    paid(700, granted(&server()))
}

fn receipt(object: Hash) -> Bytes {
    let body = ReceiptBody { object, payee: PAYEE, final_minor: None, online: false };
    signed(&shop(), &Receipt { iat: IAT, body })
}

fn settlement(receipt: Bytes) -> Vec<u8> {
    to_vec(&Settlement { object: signed(&device(), &object()), challenge: challenge(), receipt })
}

fn second() -> Vec<u8> {
    let body = SecondNonceBody {
        otp: Hash([1; 32]),
        token: hash(&token().0),
        application: ApplicationId([2; 16]),
        transaction: Hash([3; 32]),
        until_ticks: 9,
        boot: 1,
    };
    authenticate(&RustCrypto, &[7; 32], &SecondNonce { nonce: Nonce([6; 16]), body })
}

fn sealed_credential() -> Vec<u8> {
    to_vec(&SealedCredential {
        token: token(),
        grant: granted(&server()),
        second: None,
        credential: Some(sealed_box()),
        challenge: challenge(),
        tip_minor: None,
    })
}

fn limits() -> DeviceLimits {
    DeviceLimits { cumulative: euros(9000), count: 9, pool: 8, attempts: 5 }
}

fn trust_list(denied: &[AuthenticatorId]) -> TrustList {
    let keys = vec![ServerKey { key: public(&server()), until: None, revoked: false }];
    let denied = denied_hash(&RustCrypto, denied);
    TrustList { iat: IAT, body: TrustListBody { epoch: 1, keys, denied, age_seconds_max: 60 } }
}

fn trust_update(denied: Vec<AuthenticatorId>) -> Vec<u8> {
    let list = signed(&server(), &trust_list(&[authenticator()]));
    to_vec(&TrustUpdate { rotations: vec![], list, denied: Denied(denied) })
}

/// Every kind: its name, a proof of it, and whose key it needs beside the server's.
fn kinds() -> Vec<(&'static str, Vec<u8>, Option<SigningKey>)> {
    let (signing, kem) = (public(&device()), KemPublic([4; 32]));
    let enrolment_request = EnrolmentRequest { body: EnrolmentRequestBody { code: [1; 16], signing, kem } };
    let enrolment = EnrolmentBody {
        authenticator: authenticator(),
        account_key: sealed_box(),
        issuer: kem,
        limits: limits(),
    };
    let payee_request = PayeeRequest { body: PayeeRequestBody { code: [1; 16], signing: public(&shop()) } };
    let reported = ReportedObject { token: hash(&token().0), object: Hash([1; 32]) };
    let report = ReportBody { authenticator: authenticator(), objects: vec![reported], counter: 3 };
    let reconciled = ReconciledBody {
        authenticator: authenticator(),
        report: Hash([1; 32]),
        known: vec![],
        limits: limits(),
        live: vec![],
        sequence: 1,
    };
    let refund = RefundBody { payee: PAYEE, token: Hash([1; 32]), object: Hash([2; 32]), amount: euros(1) };
    let statement = StatementBody { payee: PAYEE, from: 1, entries: vec![], last: 0 };
    vec![
        ("enrolment-request", signed(&device(), &enrolment_request).0, None),
        ("enrolment", signed(&server(), &Enrolment { iat: IAT, body: enrolment }).0, None),
        ("nonce-token", token().0, Some(device())),
        ("grant", granted(&server()).0, None),
        ("payee-request", signed(&shop(), &payee_request).0, None),
        ("payee-certificate", certificate().0, None),
        ("challenge", challenge().0, None),
        ("secure-object", signed(&device(), &object()).0, None),
        ("receipt", receipt(hash(&to_vec(&object()))).0, Some(shop())),
        ("report", signed(&device(), &Report { iat: IAT, body: report }).0, Some(device())),
        ("reconciled", signed(&server(), &Reconciled { iat: IAT, body: reconciled }).0, None),
        ("trust-list", signed(&server(), &trust_list(&[])).0, None),
        (
            "refund",
            signed(&shop(), &Refund { iat: IAT, nonce: PayeeNonce([1; 16]), body: refund }).0,
            Some(shop()),
        ),
        (
            "statement-request",
            signed(
                &shop(),
                &StatementRequest { iat: IAT, body: StatementRequestBody { payee: PAYEE, from: 1 } },
            )
            .0,
            Some(shop()),
        ),
        ("statement", signed(&server(), &Statement { iat: IAT, body: statement }).0, None),
        ("settlement", settlement(receipt(hash(&to_vec(&object())))), None),
        ("sealed-credential", sealed_credential(), None),
        ("trust-update", trust_update(vec![authenticator()]), None),
    ]
}

/// `proof inspect -`: exit code and the one JSON value.
fn inspected(bytes: &[u8], flags: &[&str]) -> (i32, Value) {
    use std::io::Write;
    let mut child = Command::new(env!("CARGO_BIN_EXE_symbolon"))
        .args(["proof", "inspect", "-", "--json"])
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let value = serde_json::from_str(text.trim()).unwrap_or_else(|_| panic!("{flags:?} said {text:?}"));
    (output.status.code().unwrap(), value)
}

#[track_caller]
fn refused(bytes: &[u8], flags: &[&str], name: &str) {
    let (code, value) = inspected(bytes, flags);
    assert_eq!((code, &value["ok"], &value["refusal"]["name"]), (1, &json!(false), &json!(name)), "{value}");
}

/// With all keys, at a good time, for the right payee.
fn full(signer: Option<&SigningKey>) -> Vec<String> {
    let mut flags = vec!["--server-key".to_owned(), hexadecimal(&server())];
    flags.extend(["--at", AT, "--payee"].map(str::to_owned));
    flags.push(hex_upper(&PAYEE.0));
    if let Some(signer) = signer {
        flags.extend(["--signer-key".to_owned(), hexadecimal(signer)]);
    }
    flags
}

fn words(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}

#[test]
fn every_kind_is_named_and_held_and_no_flipped_bit_is() {
    let kinds = kinds();
    for (kind, bytes, signer) in &kinds {
        let flags = full(signer.as_ref());
        let (code, value) = inspected(bytes, &words(&flags));
        assert_eq!((code, &value["kind"], &value["ok"]), (0, &json!(kind), &json!(true)), "{value}");
        assert_eq!(value["unchecked"], json!([]), "{kind}");
        assert!(value["checks"].as_array().unwrap().len() > 1, "{value}");
        let written = hex_upper(bytes);
        assert_eq!(inspected(written.to_lowercase().as_bytes(), &words(&flags)), (0, value), "{kind} in hex");
        // The last byte, and some in between: each is no message of the kind any more, or not what was signed.
        for at in (0..bytes.len()).step_by(bytes.len() / 6).chain([bytes.len() - 1]) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 4;
            let (code, value) = inspected(&flipped, &words(&flags));
            assert_eq!((code, &value["ok"]), (1, &json!(false)), "{kind}, byte {at}: {value}");
            assert!(value["refusal"]["code"].is_u64(), "{value}");
        }
    }
    let mut names: Vec<&str> = kinds.iter().map(|row| row.0).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 18);
}

/// What lacks a key is said, not passed over; another key is a refusal.
#[test]
fn a_check_that_cannot_be_made_is_listed_and_another_key_refused() {
    for (kind, bytes, signer) in &kinds() {
        let (code, value) = inspected(bytes, &[]);
        assert_eq!((code, &value["ok"]), (0, &json!(true)), "{value}");
        let by_itself = ["enrolment-request", "payee-request"].contains(kind);
        let parts = value["nested"].as_array().unwrap();
        let left_out = |value: &Value| !value["unchecked"].as_array().unwrap().is_empty();
        assert_eq!(left_out(&value) || parts.iter().any(left_out), !by_itself, "{value}");
        if !by_itself {
            let mut flags = full(Some(&key(9)));
            if signer.is_none() {
                flags = full(None);
                flags[1] = hexadecimal(&key(9));
            }
            refused(bytes, &words(&flags), "BAD_SIG");
        }
    }
}

#[test]
fn time_and_payee_are_asked_of_what_has_them() {
    let server_key = hexadecimal(&server());
    let at = |bytes: &[u8], at: &str| inspected(bytes, &["--server-key", &server_key, "--at", at]);
    for bytes in [granted(&server()).0, certificate().0, signed(&device(), &object()).0, challenge().0] {
        assert_eq!(at(&bytes, "1800000000000").0, 0, "the first second");
        assert_eq!(at(&bytes, "1800086399999").0, 0, "the last millisecond");
        for out in ["1799999999999", "1800086400000"] {
            let (code, value) = at(&bytes, out);
            assert_eq!((code, &value["refusal"]["name"]), (1, &json!("EXPIRED")), "{value}");
        }
    }
    let other = "11".repeat(16);
    refused(&certificate().0, &["--payee", &other], "WRONG_PAYEE");
    refused(&signed(&device(), &object()).0, &["--payee", &other], "WRONG_PAYEE");
    assert_eq!(inspected(&certificate().0, &["--payee", &hex_upper(&PAYEE.0)]).0, 0);
    for flags in [
        ["--payee", "00"],
        ["--at", "soon"],
        ["--signer-key", "00"],
        ["--server-key", "@/nonexistent"],
        ["--nonsense", "1"],
    ] {
        assert_eq!(inspected(&certificate().0, &flags).0, 2, "{flags:?}");
    }
}

/// The proofs inside are checked one by one, and shown.
#[test]
fn what_lies_inside_is_shown_and_checked() {
    let flags = full(None);
    let (_, value) = inspected(&settlement(receipt(hash(&to_vec(&object())))), &words(&flags));
    let part = |value: &Value, at: usize| (value["part"].clone(), value["nested"][at].clone());
    let kinds: Vec<&str> =
        value["nested"].as_array().unwrap().iter().map(|part| part["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["secure-object", "challenge", "receipt"]);
    let (name, grant) = part(&value["nested"][0], 0);
    assert_eq!((name, &grant["part"], &grant["kind"]), (json!("object"), &json!("grant"), &json!("grant")));
    assert_eq!(grant["claims"]["exp"], json!(EXP.0));
    assert!(grant["claims"]["body"]["4"].is_number(), "fields of the body keep their numbers: {grant}");

    // Each accepted twin above; here one thing is another's.
    let by_a_stranger = signed(&device(), &paid(700, granted(&key(9))));
    refused(&by_a_stranger.0, &words(&flags), "BAD_SIG");
    let too_much = signed(&device(), &paid(5001, granted(&server())));
    refused(&too_much.0, &words(&flags), "LIMIT_TX");
    let for_another = settlement(receipt(Hash([1; 32])));
    refused(&for_another, &words(&flags), "WRONG_PAYEE");
    let no_certificate = signed(&shop(), &asked(granted(&server())));
    refused(&no_certificate.0, &[], "MALFORMED");
    refused(&trust_update(vec![]), &words(&flags), "MALFORMED");
}

/// The authenticator's word to itself can be checked by nobody else, and that is said.
#[test]
fn a_second_nonce_is_shown_and_its_mac_left_unchecked() {
    let (code, value) = inspected(&second(), &words(&full(Some(&device()))));
    assert_eq!((code, &value["kind"]), (0, &json!("second-nonce")), "{value}");
    assert!(value["unchecked"][0].as_str().unwrap().starts_with("MACed by the authenticator"), "{value}");
    assert_eq!(value["claims"]["cti"], json!("06".repeat(16)));
    refused(&second()[1..], &[], "MALFORMED");
}
