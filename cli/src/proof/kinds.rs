//! The kinds of proof that `proof inspect` knows: a row of [`kinds`] each, with what its claims say about its signer, its validity, what lies
//! inside of it, and what must agree.
use symbolon_keys::{Crypto, RustCrypto, VerifyingKey};
use symbolon_offline_payment::OfflinePaymentRefusal as Own;
use symbolon_offline_payment::messages::{self as m, PayeeId};
use symbolon_offline_payment::payee::check_object;
use symbolon_offline_payment::trust::Trust;
use symbolon_proof::{Claims, Raw, Validity};
use symbolon_types::{Hash, Refused};
use symbolon_wire::cbor::{Bytes, Cbor, from_slice, to_vec};

/// Who must have signed.
pub enum Signer {
    /// The server, whose key the caller brings.
    Server,
    /// A key that the message, or a proof inside of it, names.
    Named(&'static str, VerifyingKey),
    /// Somebody whose key the caller may bring.
    Other(&'static str),
    /// Nobody: a proof whose key never leaves its maker.
    Closed(&'static str),
    /// Nobody: it holds signed proofs and is none.
    Bundle,
}

/// A proof inside of another.
pub struct Part {
    /// What the outer one calls it.
    pub name: &'static str,
    /// What kind it must be.
    pub kind: &'static str,
    /// The inner proof.
    pub bytes: Vec<u8>,
    /// Who must have signed it, where only the outer one knows.
    pub signer: Option<VerifyingKey>,
}

/// What the claims of a proof say about the proof.
pub struct Shape {
    /// Who must have signed it.
    pub signer: Signer,
    /// From when to when it holds.
    pub validity: Option<Validity>,
    /// The payee that it is for.
    pub payee: Option<PayeeId>,
    /// The proofs inside of it.
    pub parts: Vec<Part>,
    /// What must agree: the rule, whether it does, and the refusal where it does not.
    pub rules: Vec<(&'static str, bool, Refused)>,
    /// The check of the whole that the system itself makes with the server's key.
    pub whole: Option<(&'static str, Whole)>,
}

/// A check of a whole proof under the server's key.
type Whole = fn(&VerifyingKey, &[u8]) -> Result<(), Refused>;

impl Shape {
    fn by(signer: Signer) -> Self {
        Self { signer, validity: None, payee: None, parts: Vec::new(), rules: Vec::new(), whole: None }
    }

    fn valid(self, validity: Validity) -> Self {
        Self { validity: Some(validity), ..self }
    }

    fn payee(self, payee: PayeeId) -> Self {
        Self { payee: Some(payee), ..self }
    }

    fn part(self, name: &'static str, kind: &'static str, bytes: &Bytes) -> Self {
        self.signed_part(name, kind, bytes, None)
    }

    fn signed_part(
        mut self,
        name: &'static str,
        kind: &'static str,
        bytes: &Bytes,
        signer: Option<VerifyingKey>,
    ) -> Self {
        self.parts.push(Part { name, kind, bytes: bytes.0.clone(), signer });
        self
    }

    fn rule(mut self, rule: &'static str, holds: bool, refusal: impl Into<Refused>) -> Self {
        self.rules.push((rule, holds, refusal.into()));
        self
    }
}

/// A proof of a known kind.
pub struct Found {
    /// Its kind.
    pub kind: &'static str,
    /// The encoding of its claims; their hash is its id.
    pub claims: Vec<u8>,
    /// What the claims say about it.
    pub shape: Shape,
    /// Whether it is signed under a key.
    pub verify: Box<dyn Fn(&VerifyingKey) -> bool>,
}

/// Reads one kind.
type Read = Box<dyn Fn(&[u8]) -> Option<Found>>;

/// A signed kind.
fn row<T: Claims + Clone + 'static>(kind: &'static str, shape: fn(&T) -> Shape) -> Read {
    Box::new(move |bytes| {
        let signed = Raw(bytes).parse::<T>().ok()?;
        let claims = signed.danger_unverified();
        let (claims, shape) = (to_vec(claims), shape(claims));
        let verify = Box::new(move |key: &VerifyingKey| signed.clone().verify(&RustCrypto, key).is_ok());
        Some(Found { kind, claims, shape, verify })
    })
}

/// A MACed kind, whose key is not given away.
fn maced<T: Claims + 'static>(kind: &'static str, shape: fn(&T) -> Shape) -> Read {
    Box::new(move |bytes| {
        let maced = Raw(bytes).parse_mac::<T>().ok()?;
        let claims = maced.danger_unverified();
        Some(Found { kind, claims: to_vec(claims), shape: shape(claims), verify: Box::new(|_| false) })
    })
}

/// A message that only holds proofs.
fn bundle<T: Cbor + 'static>(kind: &'static str, shape: fn(&T) -> Shape) -> Read {
    Box::new(move |bytes| {
        let message = from_slice::<T>(bytes).ok()?;
        let claims = to_vec(&message);
        Some(Found { kind, claims, shape: shape(&message), verify: Box::new(|_| false) })
    })
}

/// Every kind; a new one is a new row.
fn kinds() -> Vec<Read> {
    use Signer::{Closed, Named, Other, Server};
    vec![
        row::<m::EnrolmentRequest>("enrolment-request", |it| {
            Shape::by(Named("the key that it asks for", it.body.signing))
        }),
        row::<m::Enrolment>("enrolment", |_| Shape::by(Server)),
        row::<m::NonceToken>("nonce-token", |it| Shape::by(Other("the authenticator")).valid(it.validity())),
        row::<m::Grant>("grant", |it| Shape::by(Server).valid(it.validity())),
        row::<m::PayeeRequest>("payee-request", |it| {
            Shape::by(Named("the key that it asks for", it.body.signing))
        }),
        row::<m::PayeeCertificate>("payee-certificate", |it| {
            Shape::by(Server).valid(it.validity()).payee(it.body.payee)
        }),
        row::<m::Challenge>("challenge", challenge),
        maced::<m::SecondNonce>("second-nonce", |_| Shape::by(Closed("the authenticator, for itself"))),
        row::<m::SecureObject>("secure-object", secure_object),
        row::<m::Receipt>("receipt", |it| Shape::by(Other("the payee")).payee(it.body.payee)),
        row::<m::Report>("report", |_| Shape::by(Other("the authenticator"))),
        row::<m::Reconciled>("reconciled", |_| Shape::by(Server)),
        row::<m::TrustList>("trust-list", |_| Shape::by(Server)),
        row::<m::Refund>("refund", |it| Shape::by(Other("the payee")).payee(it.body.payee)),
        row::<m::StatementRequest>("statement-request", |it| {
            Shape::by(Other("the payee")).payee(it.body.payee)
        }),
        row::<m::Statement>("statement", |it| Shape::by(Server).payee(it.body.payee)),
        bundle::<m::Settlement>("settlement", settlement),
        bundle::<m::SealedCredential>("sealed-credential", sealed_credential),
        bundle::<m::TrustUpdate>("trust-update", trust_update),
    ]
}

/// The proof that the bytes are, of whatever kind, or `None`.
pub fn read(bytes: &[u8]) -> Option<Found> {
    kinds().iter().find_map(|read| read(bytes))
}

/// The claims of a proof inside of another; they are checked where it is listed as a part.
fn inner<T: Claims + Clone>(bytes: &Bytes) -> Option<T> {
    Raw(&bytes.0).parse::<T>().ok().map(|signed| signed.danger_unverified().clone())
}

/// The hash of a signed proof's payload, which names its claims.
fn id<T: Claims>(bytes: &Bytes) -> Option<Hash> {
    Raw(&bytes.0).parse::<T>().ok().map(|signed| RustCrypto.sha256(&[&to_vec(signed.danger_unverified())]))
}

fn challenge(it: &m::Challenge) -> Shape {
    let signer = match inner::<m::PayeeCertificate>(&it.body.certificate) {
        Some(certificate) => Signer::Named("the certificate's key", certificate.cnf.key),
        None => Signer::Other("the payee"),
    };
    Shape::by(signer).part("certificate", "payee-certificate", &it.body.certificate)
}

fn secure_object(it: &m::SecureObject) -> Shape {
    let signer = match inner::<m::Grant>(&it.body.grant) {
        Some(grant) => Signer::Named("the grant's key", grant.cnf.key),
        None => Signer::Other("the authenticator"),
    };
    let whole: Whole = |server, bytes| {
        check_object(&RustCrypto, &Trust::pinned(*server), bytes, None).map(|_| ()).map_err(Refused::from)
    };
    let label = "grant signed by the server, object by the grant's key, inside its limit and verification";
    let shape = Shape::by(signer).payee(it.body.transaction.payee).part("grant", "grant", &it.body.grant);
    Shape { whole: Some((label, whole)), ..shape }
}

fn settlement(it: &m::Settlement) -> Shape {
    let object = inner::<m::SecureObject>(&it.object);
    let receipt = inner::<m::Receipt>(&it.receipt);
    let asked = inner::<m::Challenge>(&it.challenge);
    let payee = asked.and_then(|asked| inner::<m::PayeeCertificate>(&asked.body.certificate));
    let paid = object.map(|object| object.body.transaction.challenge);
    let taken = receipt.map(|receipt| receipt.body.object);
    Shape::by(Signer::Bundle)
        .part("object", "secure-object", &it.object)
        .part("challenge", "challenge", &it.challenge)
        .signed_part("receipt", "receipt", &it.receipt, payee.map(|payee| payee.cnf.key))
        .rule(
            "the object pays the challenge",
            paid.is_some() && paid == id::<m::Challenge>(&it.challenge),
            Own::WrongPayee,
        )
        .rule(
            "the receipt is for the object",
            taken.is_some() && taken == id::<m::SecureObject>(&it.object),
            Own::WrongPayee,
        )
}

fn sealed_credential(it: &m::SealedCredential) -> Shape {
    let grant = inner::<m::Grant>(&it.grant);
    let token = RustCrypto.sha256(&[&it.token.0]);
    let shape = Shape::by(Signer::Bundle)
        .signed_part("token", "nonce-token", &it.token, grant.as_ref().map(|grant| grant.cnf.key))
        .part("grant", "grant", &it.grant)
        .part("challenge", "challenge", &it.challenge)
        .rule(
            "the grant is for the token",
            grant.is_some_and(|grant| grant.body.token == token),
            Own::BadGrant,
        );
    match &it.second {
        Some(second) => shape.part("second", "second-nonce", second),
        None => shape,
    }
}

/// From key to key, as a device takes it: each list under a key that counts before it and after it.
fn trust_update(_: &m::TrustUpdate) -> Shape {
    let whole: Whole = |server, bytes| {
        let update = from_slice::<m::TrustUpdate>(bytes)?;
        Trust::pinned(*server).updated(&RustCrypto, &update).map(|_| ()).map_err(Refused::from)
    };
    let label =
        "each list signed by a key that the server's key leads to, the denied devices those of the last";
    Shape { whole: Some((label, whole)), ..Shape::by(Signer::Bundle) }
}

/// That a proof is for another payee.
pub const WRONG_PAYEE: Refused = Own::WrongPayee.refused();
