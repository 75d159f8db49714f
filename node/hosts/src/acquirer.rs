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
use crate::keys::{KeySet, Keys, LinkMac, transaction};
use crate::processor::{Payment, Processor};
use crate::server::{LinkInfo, Service};
use std::sync::Arc;
use symbolon_acquiring::state::{Command, Forward, Outcome, Outgoing, outgoing, processor};
use symbolon_acquiring::upstream::carried;
use symbolon_acquiring::{ActionCode, Ask, MessageError, Reply, Request, network, read, respond};
use symbolon_machine::{AnyOutcome, Reader, Submission, Writer};
use symbolon_store::Tables;
use symbolon_types::{CoreRefusal, Hash, Pan};
use symbolon_vault::payment::{
    Account, AccountForm, AccountView, Clear, ClearAccount, KeyRef, OpenAccount, PaymentError, PinFormat,
    SealAccount, SealedAccount, TranslatePin, ZoneOrDukpt, period,
};
use symbolon_wire::cbor::{Bytes, to_vec};
use symbolon_wire::iso8583::{Dialect, Message, Places, Role};
use symbolon_wire::tlv;
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
    /// The base keys of its terminals: of what they encipher, and of their codes where those are made with DUKPT.
    pub key_sets: Vec<KeySet>,
    /// How an enciphered account stands in its field.
    pub form: AccountForm,
}

/// Where requests are decided.
pub trait Decide: Clone + Send + Sync + 'static {
    /// Decides, durably.
    ///
    /// # Errors
    /// [`CoreRefusal::Unavailable`] when nothing can be said of the request; every other refusal when nothing was done.
    fn decide(&self, command: Command) -> impl Future<Output = Result<Outcome, CoreRefusal>> + Send;

    /// The oldest message that a processor must still get.
    fn outgoing(&self, processor: u32) -> Option<(u64, Outgoing)>;

    /// For so long a processor's answer is waited for, in milliseconds.
    fn answer_ms(&self, processor: u32) -> Option<u64>;
}

/// The platform's writer and its rows.
pub struct Platform<T: Tables> {
    writer: Arc<Writer>,
    reader: Reader<T>,
}

impl<T: Tables> Platform<T> {
    /// Of a machine that runs.
    pub fn new(writer: Arc<Writer>, reader: Reader<T>) -> Self {
        Self { writer, reader }
    }
}

impl<T: Tables> Clone for Platform<T> {
    fn clone(&self) -> Self {
        Self { writer: Arc::clone(&self.writer), reader: self.reader.clone() }
    }
}

impl<T: Tables + Send + Sync + 'static> Decide for Platform<T> {
    async fn decide(&self, command: Command) -> Result<Outcome, CoreRefusal> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        self.writer.submit(Submission::natural(command), move |outcome| {
            let _ = answer.send(outcome);
        })?;
        match answered.await.map_err(|_| CoreRefusal::Unavailable)?? {
            (_, AnyOutcome::Acquiring(outcome)) => Ok(outcome),
            _ => Err(CoreRefusal::Unavailable),
        }
    }

    fn outgoing(&self, processor: u32) -> Option<(u64, Outgoing)> {
        self.reader.read(|rows| outgoing(rows, processor)).ok()?.1
    }

    fn answer_ms(&self, number: u32) -> Option<u64> {
        self.reader.read(|rows| processor(rows, number).map(|found| found.answer_ms)).ok()?.1
    }
}

/// A link's service.
pub struct Acquirer<D> {
    link: Link,
    keys: Keys,
    decide: D,
    processor: Option<Arc<Processor<D>>>,
}

/// What a message carries for checks that only a processor makes.
#[derive(Default)]
struct Checks {
    pin: Option<(PinFormat, Vec<u8>)>,
    chip: Option<Vec<u8>>,
}

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
            Some(mac) => {
                let of = (Some(&message), &*self.link.key_sets);
                self.keys.authenticated(&self.link.dialect, out, mac, of).await
            }
        }
    }
}

impl<D: Decide> Acquirer<D> {
    /// The service of one link, with the vault that it asks, what decides, and where cards that are not known here are decided.
    pub fn new(link: Link, keys: Keys, decide: D, processor: Option<Arc<Processor<D>>>) -> Self {
        Self { link, keys, decide, processor }
    }

    async fn decided(&self, message: &Message<'_>) -> Result<Reply, Failed> {
        self.keys.check(message, self.link.mac.as_ref(), &self.link.key_sets).await?;
        if network(message)?.is_some() {
            return Ok(Reply::only(ActionCode::ACCEPTED));
        }
        let (seen, account) = read(message, self.link.number)?;
        let checks = self.checks(message)?;
        if !seen.needs_card() {
            let request = seen.request(Hash::ZERO, self.link.partial);
            let reply = self.answered(Command::Request(request)).await?;
            if let Some(processor) = &self.processor {
                processor.look();
            }
            return Ok(reply);
        }
        let view = self.account(message, account).await?;
        let request = seen.request(Hash(view.token.0), self.link.partial);
        match &self.processor {
            None => self.answered(Command::Request(request)).await,
            Some(processor) => self.forwarded(processor, message, request, view.sealed, checks).await,
        }
    }

    /// The reply of what is decided here.
    async fn answered(&self, command: Command) -> Result<Reply, Failed> {
        reply(self.decide.decide(command).await)?.map_err(|_| Failed::Silent)
    }

    async fn forwarded(
        &self,
        processor: &Arc<Processor<D>>,
        message: &Message<'_>,
        request: Request,
        account: SealedAccount,
        checks: Checks,
    ) -> Result<Reply, Failed> {
        let forward = Forward {
            request,
            processor: processor.number(),
            account: Bytes(to_vec(&account)),
            reachable: processor.is_reachable(),
            checks: checks.pin.is_some() || checks.chip.is_some(),
        };
        let pin = match checks.pin {
            Some(pin) => Some(self.translated(processor, message, &account, pin).await?),
            None => None,
        };
        let mut chip = checks.chip;
        let mut payment = match &request.ask {
            Ask::Authorise(asked) => Some((100, asked.amount)),
            Ask::Purchase(asked) => Some((200, asked.amount)),
            _ => None,
        }
        .map(|(mti, amount)| Payment {
            mti,
            terminal: request.key.terminal,
            amount,
            account,
            pin,
            chip: chip.take(),
        });
        // What was under way ends with a reply that is kept: a second look finds it.
        for _ in 0..2 {
            match reply(self.decide.decide(Command::Forward(forward.clone())).await)? {
                Ok(reply) => {
                    processor.look();
                    return Ok(reply);
                }
                Err(Under::Sent(to)) => {
                    let payment = payment.take().ok_or(Failed::Silent)?;
                    if let Some(reply) = processor.pay(to, payment).await {
                        return Ok(reply);
                    }
                }
                Err(Under::Waits(to)) => processor.settled(to).await,
            }
        }
        Err(Failed::Silent)
    }

    /// What only a processor can check; refused where there is none.
    fn checks(&self, message: &Message<'_>) -> Result<Checks, ActionCode> {
        let aes_pin = message.dialect().role(Role::AesPinBlock);
        let is_there = |number: u8| message.field(number).is_some();
        let has_pin = is_there(52) || aes_pin.is_some_and(is_there);
        let takes_pin = self.processor.as_ref().is_some_and(|processor| processor.pin().is_some());
        if (has_pin && !takes_pin) || (is_there(55) && self.processor.is_none()) {
            return Err(ActionCode::NOT_SUPPORTED);
        }
        let of = |number: u8| {
            let found = message.field(number);
            found.map(|field| carried(&field).ok_or(ActionCode::FORMAT)).transpose()
        };
        let pin = match (of(52)?, aes_pin.map_or(Ok(None), of)?) {
            (Some(_), Some(_)) => return Err(ActionCode::FORMAT),
            (Some(block), None) => Some((PinFormat::Zero, block)),
            (None, Some(block)) => Some((PinFormat::Four, block)),
            (None, None) => None,
        };
        let chip = of(55)?;
        if chip.as_ref().is_some_and(|chip| tells_account(tlv::objects(chip))) {
            return Err(ActionCode::FORMAT);
        }
        Ok(Checks { pin, chip })
    }

    /// The PIN block under the processor's key.
    async fn translated(
        &self,
        processor: &Processor<D>,
        message: &Message<'_>,
        account: &SealedAccount,
        (from_format, block): (PinFormat, Vec<u8>),
    ) -> Result<Vec<u8>, Failed> {
        let (to, to_format) = processor.pin().cloned().ok_or(ActionCode::NOT_SUPPORTED)?;
        let from = ZoneOrDukpt::Dukpt(transaction(message, Role::Ksn, &self.link.key_sets)?);
        let (block, account) = (Bytes(block), Account::Sealed(account.clone()));
        let asked = TranslatePin { from, from_format, block, account, to, to_format };
        match self.keys.ask(move |vault, now, entropy| vault.translate_pin(asked, now, entropy)).await {
            Ok(block) => Ok(block.0),
            Err(PaymentError::Refused(CoreRefusal::PinBlock)) => Err(ActionCode::INVALID_PIN_BLOCK.into()),
            Err(PaymentError::Refused(CoreRefusal::KsnInvalid)) => Err(ActionCode::VIOLATION.into()),
            Err(_) => Err(ActionCode::MALFUNCTION.into()),
        }
    }

    /// What the vault tells of the account, which came in clear or enciphered, and not both.
    async fn account(&self, message: &Message<'_>, clear: Option<Pan>) -> Result<AccountView, Failed> {
        let (token, period) = (self.link.token.clone(), period((self.keys.clock)()));
        let enciphered = message.dialect().role(Role::AccountData).and_then(|number| message.field(number));
        let view = match (clear, enciphered) {
            (Some(account), None) => {
                let account =
                    ClearAccount { form: AccountForm::Pan, bytes: Clear::new(account.reveal().as_bytes()) };
                let asked = SealAccount { account, token, period };
                self.keys.ask(move |vault, now, entropy| vault.seal_account(asked, now, entropy)).await
            }
            (None, Some(field)) => {
                let ciphertext = Bytes(carried(&field).ok_or(ActionCode::FORMAT)?);
                let from = ZoneOrDukpt::Dukpt(transaction(message, Role::Ksn, &self.link.key_sets)?);
                let asked = OpenAccount { from, form: self.link.form, ciphertext, token, period };
                self.keys.ask(move |vault, now, entropy| vault.open_account(asked, now, entropy)).await
            }
            (None, None) | (Some(_), Some(_)) => return Err(ActionCode::FORMAT.into()),
        };
        view.map_err(|error| match error {
            PaymentError::Refused(
                CoreRefusal::TrackInvalid | CoreRefusal::PanInvalid | CoreRefusal::FieldInvalid,
            ) => ActionCode::FORMAT.into(),
            PaymentError::Refused(CoreRefusal::KsnInvalid) => ActionCode::VIOLATION.into(),
            _ => ActionCode::MALFUNCTION.into(),
        })
    }
}

/// A request that is under way to a processor.
enum Under {
    /// It is to be sent now.
    Sent(symbolon_acquiring::state::Upstream),
    /// It was.
    Waits(symbolon_acquiring::state::Upstream),
}

fn reply(outcome: Result<Outcome, CoreRefusal>) -> Result<Result<Reply, Under>, Failed> {
    match outcome {
        Ok(Outcome::Answered(reply) | Outcome::Repeated(reply)) => Ok(Ok(reply)),
        Ok(Outcome::Forwarded(to)) => Ok(Err(Under::Sent(to))),
        Ok(Outcome::Waits(to)) => Ok(Err(Under::Waits(to))),
        Err(CoreRefusal::Unavailable) => Err(Failed::Silent),
        Ok(_) | Err(_) => Err(ActionCode::MALFUNCTION.into()),
    }
}

/// Whether what a chip said tells the account, or cannot be read.
fn tells_account(mut objects: tlv::Objects<'_>) -> bool {
    objects.any(|object| match object {
        Ok(object) => {
            // The expiry and the service code alone tell no account.
            let is_of_card = matches!(object.tag.number(), 0x5F24 | 0x5F30);
            (tlv::dictionary::is_account_data(object.tag) && !is_of_card)
                || (object.tag.is_constructed() && tells_account(object.children()))
        }
        Err(_) => true,
    })
}
