//! The reader with its store: enrolment, and the time.
use crate::{Failure, Node, ReaderState};
use std::path::Path;
use symbolon_keys::{RustCrypto, SigningKey, VerifyingKey};
use symbolon_offline_payment::{
    OfflinePaymentRefusal as Own,
    messages::{PayeeCertificate, PayeeCertificateBody, SKEW_SECONDS},
    payee::{Payee, PayeeState},
};
use symbolon_proof::Raw;
use symbolon_state::{Flash, Kept};
use symbolon_transport::{clock, entropy, store::FileFlash};
use symbolon_types::UnixSeconds;

/// Is given the exact bytes of what is exchanged, by name.
pub type Witness<'a> = dyn FnMut(&str, &[u8]) + 'a;

pub(crate) const CRYPTO: &RustCrypto = &RustCrypto;

/// A reader on its store.
pub struct Reader<F> {
    pub(crate) kept: Kept<ReaderState, F>,
}

impl Reader<FileFlash> {
    /// Opens the store in `store`; it is made at the first use.
    ///
    /// # Errors
    /// STORE_FAILED; [`Failure::Transport`], with `InUse` while another process has it.
    pub fn open(store: &Path) -> Result<Self, Failure> {
        Self::on(FileFlash::open(store)?)
    }
}

impl<F: Flash> Reader<F> {
    /// Opens the reader on a medium of its own.
    ///
    /// # Errors
    /// STORE_FAILED; [`Failure::Transport`] when a first use finds no random bytes.
    pub fn on(flash: F) -> Result<Self, Failure> {
        let kept = Kept::open(flash, || {
            let seed = entropy::seed()?;
            Ok::<_, Failure>(ReaderState {
                seed,
                payee: None,
                time: UnixSeconds(0),
                refused: Vec::new(),
                last: None,
                code: None,
                refunds: Vec::new(),
            })
        })?;
        Ok(Self { kept })
    }

    /// What is kept.
    #[must_use]
    pub fn state(&self) -> &ReaderState {
        self.kept.get()
    }

    /// Enrols the payee with the code that the operator gave, online, once. The server's key comes from elsewhere and is pinned; its first list
    /// comes with the certificate.
    ///
    /// # Errors
    /// ALREADY_ENROLLED, CODE_UNKNOWN, BAD_SIG, PAYEE_UNKNOWN, STORE_FAILED; [`Failure::Transport`].
    pub fn enrol(
        &mut self,
        node: &Node,
        server: VerifyingKey,
        code: [u8; 16],
        witness: &mut Witness<'_>,
    ) -> Result<PayeeCertificateBody, Failure> {
        if self.state().payee.is_some() {
            return Err(Own::AlreadyEnrolled.into());
        }
        let key = self.key();
        let payee = Payee { crypto: CRYPTO, key: &key };
        let update = node.trust()?;
        let request = payee.request(code)?;
        witness("payee-request", &request.0);
        let certificate = node.post("payee-enrolments", &request.0)?;
        witness("payee-certificate", &certificate.0);
        let enrolled = payee.enrolled_hearing(server, &update, certificate)?;
        let claims = certificate_of(&enrolled)?;
        self.keep(|state| {
            state.time = state.time.max(claims.iat).max(enrolled.trust.heard);
            state.payee = Some(enrolled);
            state.code = Some(code);
        })?;
        Ok(claims.body)
    }

    /// Who the payee is, as its certificate says it; `None` before enrolment.
    ///
    /// # Errors
    /// MALFORMED when the store's certificate is none.
    pub fn certificate(&self) -> Result<Option<PayeeCertificate>, Failure> {
        self.state().payee.as_ref().map(certificate_of).transpose()
    }

    pub(crate) fn key(&self) -> SigningKey {
        SigningKey::from_seed(self.state().seed.clone())
    }

    pub(crate) fn payee_state(&self) -> Result<PayeeState, Failure> {
        Ok(self.state().payee.clone().ok_or(Own::NotEnrolled)?)
    }

    /// Changes what is kept: durable on return.
    pub(crate) fn keep(&mut self, change: impl FnOnce(&mut ReaderState)) -> Result<(), Failure> {
        let mut next = self.state().clone();
        change(&mut next);
        Ok(self.kept.put(next)?)
    }

    /// The time by the wall clock; `None` when that shows less than it has shown or the server has said: then it has lost the time.
    pub(crate) fn now(&self) -> Option<UnixSeconds> {
        let now = clock::wall().seconds();
        (now.plus(SKEW_SECONDS) >= self.state().time).then_some(now)
    }
}

fn certificate_of(payee: &PayeeState) -> Result<PayeeCertificate, Failure> {
    // Verified under the server's key when it was taken in.
    Ok(Raw(&payee.certificate.0).parse::<PayeeCertificate>()?.danger_unverified().clone())
}
