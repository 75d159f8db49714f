//! The server's edge for system 01, as the HTTP routes have it: opened over a snapshot, submitted, sealed from the outcome.
//!
//! ```text
//!   request ─► Edge::open_… ─► invited? answered before? ─► Submission ─► (log) ─► Outcome ─► Edge::seal_… ─► answer
//! ```
use crate::crypto::CRYPTO;
use crate::platform::Platform;
use symbolon_keys::{Crypto, VerifyingKey};
use symbolon_offline_payment::messages::{Receipt, SecureObject, Settlement};
use symbolon_offline_payment::server::{Edge, IssuerKeys};
use symbolon_offline_payment::state::{Command, Outcome, Settle, code_known, settlement};
use symbolon_offline_payment::{OfflinePaymentRefusal as Own, Refusal};
use symbolon_proof::Raw;
use symbolon_state::Rows;
use symbolon_types::{CoreRefusal, Refused, UnixMs};
use symbolon_vault::OfflinePaymentKeys;
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};

/// What is asked of the server, by the number of its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Route {
    /// An enrolment request for an enrolment.
    Enrol,
    /// Nonce tokens for grants.
    Grants,
    /// A payee request for a certificate.
    EnrolPayee,
    /// A settlement for how it was settled.
    Settle,
    /// A report for time and limits.
    Report,
    /// Nothing for the trust list.
    Trust,
}

impl Route {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Enrol, Self::Grants, Self::EnrolPayee, Self::Settle, Self::Report, Self::Trust];

    /// The number of its packets.
    pub fn kind(self) -> u8 {
        match self {
            Self::Enrol => 1,
            Self::Grants => 2,
            Self::EnrolPayee => 3,
            Self::Settle => 4,
            Self::Report => 5,
            Self::Trust => 6,
        }
    }

    /// The route of a packet.
    pub fn of(kind: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|route| route.kind() == kind)
    }
}

/// What opening led to.
pub enum Opened {
    /// To be submitted.
    Command(Command),
    /// Answered from the rows.
    Answer(Vec<u8>),
}

/// The server's public key.
pub fn server_key(platform: &Platform) -> Option<VerifyingKey> {
    with_edge(platform, |edge| edge.keys.signer().verifying_key())
}

fn with_edge<R>(platform: &Platform, act: impl FnOnce(&Edge<'_>) -> R) -> Option<R> {
    let keys = OfflinePaymentKeys::new(&platform.vault).ok()?;
    let keys: &dyn IssuerKeys = &keys;
    Some(act(&Edge { crypto: &CRYPTO, keys }))
}

/// Opens a request. `seed` is 32 random bytes. `danger_unchecked` is the bug that a test plants.
///
/// # Errors
/// Whatever the edge refuses; UNAVAILABLE while the platform is down.
pub fn open(
    platform: &Platform,
    route: Route,
    bytes: &[u8],
    seed: [u8; 32],
    danger_unchecked: bool,
) -> Result<Opened, Refused> {
    let opened = with_edge(platform, |edge| {
        platform.read(|rows| match route {
            Route::Settle if danger_unchecked => danger_settle(bytes).map(Opened::Command),
            Route::Trust => {
                let now = UnixMs(platform.at_ms()).seconds();
                edge.trust_update(rows, now).map(|update| Opened::Answer(to_vec(&update)))
            }
            _ => open_on(edge, rows, route, bytes, seed),
        })
    });
    Ok(opened.ok_or(CoreRefusal::Unavailable)???)
}

fn open_on(
    edge: &Edge<'_>,
    rows: &dyn Rows,
    route: Route,
    bytes: &[u8],
    seed: [u8; 32],
) -> Result<Opened, Refusal> {
    let command = match route {
        Route::Enrol => edge.open_enrolment(bytes, seed)?,
        Route::Grants => edge.open_tokens(rows, &from_slice::<Vec<Bytes>>(bytes)?, &seed)?,
        Route::EnrolPayee => edge.open_payee_request(bytes)?,
        Route::Settle => edge.open_settlement(rows, bytes)?,
        Route::Report => edge.open_report(rows, bytes)?,
        Route::Trust => return Err(CoreRefusal::NotFound.into()),
    };
    let code = match &command {
        Command::EnrolAuthenticator(enrol) => Some(enrol.code),
        Command::EnrolPayee(enrol) => Some(enrol.code),
        _ => None,
    };
    if code.is_some_and(|code| !code_known(rows, &code)) {
        return Err(Own::CodeUnknown.into());
    }
    if let Command::Settle(asked) = &command {
        let known = settlement(rows, &asked.token, &asked.payee);
        if let Some(known) = known.filter(|known| known.object == asked.object) {
            return Ok(Opened::Answer(to_vec(&known)));
        }
    }
    Ok(Opened::Command(command))
}

/// The planted bug: whoever uploads an object is credited, whoever it was made for.
fn danger_settle(bytes: &[u8]) -> Result<Command, Refusal> {
    let upload: Settlement = from_slice(bytes)?;
    let object = Raw(&upload.object.0).parse::<SecureObject>()?.danger_unverified().clone();
    let receipt = Raw(&upload.receipt.0).parse::<Receipt>()?.danger_unverified().clone();
    let paid = object.body.transaction.clone();
    Ok(Command::Settle(Settle {
        object: CRYPTO.sha256(&[&to_vec(&object)]),
        token: object.body.token,
        payee: receipt.body.payee,
        amount: paid.amount,
        accepted_at: receipt.iat,
        audit: symbolon_offline_payment::messages::Audit {
            spend_total: 0,
            counter: 0,
            previous: symbolon_types::Hash::ZERO,
        },
        bytes: upload.object,
        online: receipt.body.online,
        challenge: paid.challenge,
    }))
}

/// Seals an outcome.
///
/// # Errors
/// The refusal that it is, or that of the vault.
pub fn seal(platform: &Platform, outcome: &Outcome) -> Result<Vec<u8>, Refused> {
    let sealed = with_edge(platform, |edge| match outcome {
        Outcome::Enrolled(enrolled) => edge.seal_enrolment(enrolled).map(|bytes| bytes.0),
        Outcome::PayeeEnrolled(certificate) => edge.seal_certificate(certificate).map(|bytes| bytes.0),
        Outcome::Granted(grants) => edge.seal_grants(grants).map(|grants| to_vec(&grants)),
        Outcome::Settled(settled) => Ok(to_vec(settled)),
        Outcome::Reconciled(answer) => edge.seal_reconciled(answer).map(|bytes| bytes.0),
        Outcome::Refused(refusal) => Err(*refusal),
        // What the operator is told has no bytes that devices read.
        _ => Ok(Vec::new()),
    });
    Ok(sealed.ok_or(CoreRefusal::Unavailable)??)
}

/// An answer on its way: whether it holds, and its bytes or the refusal's number.
pub fn encode(answer: &Result<Vec<u8>, Refused>) -> Vec<u8> {
    match answer {
        Ok(bytes) => [&[1], bytes.as_slice()].concat(),
        Err(refused) => [&[0], refused.code.to_be_bytes().as_slice()].concat(),
    }
}

/// Reads [`encode`].
pub fn decode(bytes: &[u8]) -> Option<Result<Vec<u8>, u16>> {
    match bytes {
        [1, bytes @ ..] => Some(Ok(bytes.to_vec())),
        [0, high, low] => Some(Err(u16::from_be_bytes([*high, *low]))),
        _ => None,
    }
}
