//! The acquirer's host: a terminal's message in, its one answer out, durable before it leaves.
//!
//! ```text
//!   message ─► MAC checked (vault) ─► read ─► account sealed (vault): its token ─► Acquiring::apply, synced ─► answer ─► MAC made (vault)
//!                  122                 904, 115                                        909 when nothing was done
//! ```
//! A message whose decision may have been made and cannot be told is not answered: the terminal reverses it, which is harmless either way.
//!
//! **Invariant:** the account is in the message's wiped buffer and in what goes to the vault, nowhere else.
//! **Invariant:** what a message carries for a check that this link does not make (a PIN, a cryptogram, an authentication code) is refused, never ignored.
use crate::server::{LinkInfo, Service};
use std::sync::Arc;
use symbolon_acquiring::state::{Command, Outcome};
use symbolon_acquiring::{ActionCode, MessageError, Reply, Request, network, read, respond};
use symbolon_machine::{AnyOutcome, Submission, Writer};
use symbolon_types::{CoreRefusal, Hash, Pan, UnixMs};
use symbolon_vault::payment::{
    AccountForm, Clear, ClearAccount, KeyRef, MacSpec, MakeMac, PaymentError, PaymentVault, SealAccount,
    VerifyMac, period,
};
use symbolon_wire::cbor::Bytes;
use symbolon_wire::iso8583::{Dialect, Field, Message, Places, Role};
use zeroize::Zeroizing;

/// What is agreed with the other side of a link.
#[derive(Clone)]
pub struct Link {
    /// Its number: terminals and keys of requests are of one link.
    pub number: u32,
    /// How its messages look.
    pub dialect: Dialect,
    /// Whether its terminals take less than they ask for.
    pub partial: bool,
    /// The vault's key for tokens.
    pub token: KeyRef,
    /// How messages are authenticated, where they are.
    pub mac: Option<LinkMac>,
}

/// How the messages of a link are authenticated: field 64 or 128, the last one, over all bytes before it.
#[derive(Clone)]
pub struct LinkMac {
    /// Of what comes.
    pub requests: MacSpec,
    /// Of what is answered.
    pub answers: MacSpec,
}

/// Where requests are decided.
pub trait Decide: Send + Sync + 'static {
    /// Decides, durably.
    ///
    /// # Errors
    /// [`CoreRefusal::Unavailable`] when nothing can be said of the request; every other refusal when nothing was done.
    fn decide(&self, request: Request) -> impl Future<Output = Result<Outcome, CoreRefusal>> + Send;
}

impl Decide for Arc<Writer> {
    async fn decide(&self, request: Request) -> Result<Outcome, CoreRefusal> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        self.submit(Submission::natural(Command::Request(request)), move |outcome| {
            let _ = answer.send(outcome);
        })?;
        match answered.await.map_err(|_| CoreRefusal::Unavailable)?? {
            (_, AnyOutcome::Acquiring(outcome)) => Ok(outcome),
            _ => Err(CoreRefusal::Unavailable),
        }
    }
}

/// A link's service.
pub struct Acquirer<D> {
    link: Link,
    vault: Arc<dyn PaymentVault>,
    decide: D,
    clock: fn() -> UnixMs,
}

/// Fields that ask for a check which a link does not make: a PIN, and what a chip says. The dialect names one more, a PIN under AES.
const CHECKED_FIELDS: [u8; 2] = [52, 55];

/// Why a message gets no decision.
enum Failed {
    /// This is the answer.
    Answer(ActionCode),
    /// There is none.
    Silent,
}

impl From<ActionCode> for Failed {
    fn from(code: ActionCode) -> Self {
        Self::Answer(code)
    }
}

impl From<MessageError> for Failed {
    fn from(error: MessageError) -> Self {
        Self::Answer(match error {
            MessageError::NotSupported => ActionCode::NOT_SUPPORTED,
            MessageError::Missing(_) | MessageError::Field(_) | MessageError::AccountsDiffer => {
                ActionCode::FORMAT
            }
        })
    }
}

impl<D: Decide> Service for Acquirer<D> {
    async fn answer(&self, _: &LinkInfo, message: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut places = Places::new();
        let message = self.link.dialect.decode(message, &mut places).ok()?;
        message.mti().answer()?;
        let reply = match self.decided(&message).await {
            Ok(reply) => reply,
            Err(Failed::Answer(code)) => Reply::only(code),
            Err(Failed::Silent) => return None,
        };
        let mut out = Zeroizing::new(Vec::new());
        respond(&message, &reply, &mut out).ok()?;
        match &self.link.mac {
            None => Some(out),
            Some(mac) => self.authenticated(out, mac).await,
        }
    }
}

impl<D: Decide> Acquirer<D> {
    /// The service of one link, with the vault that it asks and what decides.
    pub fn new(link: Link, vault: Arc<dyn PaymentVault>, decide: D, clock: fn() -> UnixMs) -> Self {
        Self { link, vault, decide, clock }
    }

    async fn decided(&self, message: &Message<'_>) -> Result<Reply, Failed> {
        self.check_mac(message).await?;
        let aes_pin = message.dialect().role(Role::AesPinBlock);
        if CHECKED_FIELDS.into_iter().chain(aes_pin).any(|number| message.field(number).is_some()) {
            return Err(ActionCode::NOT_SUPPORTED.into());
        }
        if network(message)?.is_some() {
            return Ok(Reply::only(ActionCode::ACCEPTED));
        }
        let (seen, account) = read(message, self.link.number)?;
        let token = match account {
            Some(account) if seen.needs_card() => self.token(&account).await?,
            None if seen.needs_card() => return Err(ActionCode::FORMAT.into()),
            _ => Hash::ZERO,
        };
        match self.decide.decide(seen.request(token, self.link.partial)).await {
            Ok(Outcome::Answered(reply) | Outcome::Repeated(reply)) => Ok(reply),
            Err(CoreRefusal::Unavailable) => Err(Failed::Silent),
            Ok(_) | Err(_) => Err(ActionCode::MALFUNCTION.into()),
        }
    }

    async fn token(&self, account: &Pan) -> Result<Hash, Failed> {
        let account = ClearAccount { form: AccountForm::Pan, bytes: Clear::new(account.reveal().as_bytes()) };
        let period = period((self.clock)());
        let asked = SealAccount { account, token: self.link.token.clone(), period };
        let view = self.ask(move |vault, now, entropy| vault.seal_account(asked, now, entropy)).await;
        view.map(|view| Hash(view.token.0)).map_err(|_| ActionCode::MALFUNCTION.into())
    }

    async fn check_mac(&self, message: &Message<'_>) -> Result<(), Failed> {
        let last = [128, 64].into_iter().find_map(|number| message.field(number));
        let (mac, field) = match (&self.link.mac, last) {
            (None, None) => return Ok(()),
            (None, Some(_)) => return Err(ActionCode::NOT_SUPPORTED.into()),
            (Some(_), None) => return Err(ActionCode::VIOLATION.into()),
            (Some(mac), Some(field)) => (mac, field),
        };
        let text = before(message, &field).ok_or(ActionCode::FORMAT)?;
        let mut value = Vec::new();
        field.append_to(&mut value);
        let sent = usize::from(mac.requests.len).min(value.len());
        let (value, filler) = value.split_at(sent);
        if filler.iter().any(|byte| *byte != 0) {
            return Err(ActionCode::VIOLATION.into());
        }
        let asked =
            VerifyMac { spec: mac.requests.clone(), message: Clear::new(text), mac: Bytes(value.to_vec()) };
        match self.ask(move |vault, now, entropy| vault.verify_mac(asked, now, entropy)).await {
            Ok(()) => Ok(()),
            Err(PaymentError::Refused(CoreRefusal::BadSignature)) => Err(ActionCode::VIOLATION.into()),
            Err(_) => Err(ActionCode::MALFUNCTION.into()),
        }
    }

    /// The answer with its authentication code: zeros stand in its place while it is computed over what comes before.
    async fn authenticated(&self, answer: Zeroizing<Vec<u8>>, mac: &LinkMac) -> Option<Zeroizing<Vec<u8>>> {
        let dialect = &self.link.dialect;
        let mut places = Places::new();
        let plain = dialect.decode(&answer, &mut places).ok()?;
        let number = if plain.bitmap().needed() > 1 { 128 } else { 64 };
        let with = |value: &[u8; 8]| {
            let mut out = Vec::new();
            plain.changed(plain.mti(), &[(number, Some(value.into()))], &mut out).ok()?;
            Some(Zeroizing::new(out))
        };
        let zeros = with(&[0; 8])?;
        let mut places = Places::new();
        let message = dialect.decode(&zeros, &mut places).ok()?;
        let text = before(&message, &message.field(number)?)?;
        let asked = MakeMac { spec: mac.answers.clone(), message: Bytes(text.to_vec()) };
        let made = self.ask(move |vault, now, entropy| vault.mac(asked, now, entropy)).await.ok()?;
        let mut value = [0; 8];
        value.get_mut(..made.0.len())?.copy_from_slice(&made.0);
        with(&value)
    }

    /// Asks the vault, which may take as long as a disk does, beside the tasks that carry messages.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(
            &dyn PaymentVault,
            UnixMs,
            &symbolon_vault::payment::Entropy,
        ) -> Result<T, PaymentError>
        + Send
        + 'static,
    ) -> Result<T, PaymentError> {
        let (vault, now) = (Arc::clone(&self.vault), (self.clock)());
        let asked = tokio::task::spawn_blocking(move || {
            let entropy = symbolon_vault::entropy().map_err(|_| CoreRefusal::Unavailable)?;
            question(vault.as_ref(), now, &entropy)
        });
        asked.await.map_err(|_| CoreRefusal::Unavailable)?
    }
}

/// All bytes before the last field; `None` when it is not the last.
fn before<'m>(message: &Message<'m>, last: &Field<'m>) -> Option<&'m [u8]> {
    message.bytes().strip_suffix(last.wire())
}
