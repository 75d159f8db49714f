//! The link to a processor, which decides payments by cards that are not known here.
//!
//! ```text
//!   Forwarded ─► account and PIN under its keys (vault) ─► 0200 ─► 0210 ─► Told ─► reply        no answer, or not sent ─► GaveUp ─► 911, 907
//!   outbox    ─► 0420 0120 0220, again until answered ─► Delivered
//!   connection: sign-on, echo, and anew when it breaks
//! ```
//! **Invariant:** a payment is sent once, and only after the platform keeps that it waits; the oldest message of the outbox goes first.
use crate::acquirer::Decide;
use crate::framing::{Decoder, Frame, Framing, MESSAGE_BYTES_MAX};
use crate::keys::{Keys, LinkMac};
use crate::tls::{self, Input, Output, Towards};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use symbolon_acquiring::state::{Command, Delivered, GaveUp, Outcome, Told, Upstream};
use symbolon_acquiring::upstream::{self, Along};
use symbolon_acquiring::{ActionCode, Reply, network, respond};
use symbolon_types::Amount;
use symbolon_vault::payment::{
    AccountForm, KeyRef, PaymentError, PinFormat, ReencryptAccount, SealedAccount,
};
use symbolon_wire::cbor::from_slice;
use symbolon_wire::iso8583::{Class, Dialect, Function, Iso8583Error, Places, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use zeroize::{Zeroize, Zeroizing};

/// What is agreed with a processor.
#[derive(Clone)]
pub struct ProcessorLink {
    /// Its number, by which the platform knows its account and its times.
    pub number: u32,
    /// Where it listens.
    pub address: SocketAddr,
    /// TLS, where it is spoken.
    pub tls: Option<Towards>,
    /// How its messages look.
    pub dialect: Dialect,
    /// 1987 or 1993.
    pub version: Version,
    /// How its stream is cut.
    pub framing: Framing,
    /// Field 32.
    pub institution: Option<u64>,
    /// How messages are authenticated, where they are.
    pub mac: Option<LinkMac>,
    /// The zone's key for accounts.
    pub data: KeyRef,
    /// How an account stands in them.
    pub form: AccountForm,
    /// The zone's key for PINs and the format there; without it no PIN goes on.
    pub pin: Option<(KeyRef, PinFormat)>,
    /// After so long without a need it is asked whether it is there.
    pub echo: Duration,
}

/// A payment that goes on.
pub struct Payment {
    /// Field 0 of 1987: 100 or 200.
    pub mti: u16,
    /// Field 41.
    pub terminal: [u8; 8],
    /// Field 4 and 49.
    pub amount: Amount,
    /// The account as the vault sealed it.
    pub account: SealedAccount,
    /// The PIN block, under the processor's key.
    pub pin: Option<Vec<u8>>,
    /// Field 55.
    pub chip: Option<Vec<u8>>,
}

/// A link to a processor that keeps itself up. Dropped, it is closed.
pub struct Processor<D> {
    shared: Arc<Shared<D>>,
    tasks: [AbortHandle; 2],
}

struct Shared<D> {
    link: ProcessorLink,
    keys: Keys,
    decide: D,
    up: AtomicBool,
    /// Told when the link came up, or something was put into the outbox.
    wake: Notify,
    /// The way to the connection that there is.
    out: Mutex<Option<mpsc::Sender<Bytes>>>,
    /// Who waits for an answer, by whether it is one of network management, and the audit number.
    asked: Mutex<HashMap<(bool, u32), Asked>>,
    /// Payments under way, for repeats that wait along.
    under_way: Mutex<HashMap<u32, Arc<Notify>>>,
    /// The audit number of the last message of network management.
    network: AtomicU32,
}

type Bytes = Zeroizing<Vec<u8>>;

/// What was asked, and where its answer goes.
type Asked = (Upstream, oneshot::Sender<Told>);

/// How a message ended without an answer.
enum Lost {
    NotSent,
    NoAnswer,
}

const CONNECT: Duration = Duration::from_secs(5);
const NETWORK_ANSWER: Duration = Duration::from_secs(10);
/// Between attempts: doubled up to the second.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(30)];
const LOOK: Duration = Duration::from_millis(500);
const QUEUE: usize = 256;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<D: Decide> Processor<D> {
    /// Starts the link's tasks, on the runtime that runs.
    pub fn start(link: ProcessorLink, keys: Keys, decide: D) -> Self {
        let shared = Arc::new(Shared {
            link,
            keys,
            decide,
            up: AtomicBool::new(false),
            wake: Notify::new(),
            out: Mutex::default(),
            asked: Mutex::default(),
            under_way: Mutex::default(),
            network: AtomicU32::new(0),
        });
        let tasks = [
            tokio::spawn(Arc::clone(&shared).keep_up()).abort_handle(),
            tokio::spawn(Arc::clone(&shared).empty_outbox()).abort_handle(),
        ];
        Self { shared, tasks }
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.shared.link.number
    }

    /// The key and the format of PINs there.
    #[must_use]
    pub fn pin(&self) -> Option<&(KeyRef, PinFormat)> {
        self.shared.link.pin.as_ref()
    }

    /// Whether it is signed on.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.shared.up.load(Ordering::Acquire)
    }

    /// Something may stand in the outbox now.
    pub fn look(&self) {
        self.shared.wake.notify_one();
    }

    /// Sends a payment that the platform keeps as waiting, and gives what the platform then kept as its reply. It goes on when the caller does
    /// not wait any more. `None` when that cannot be told.
    pub async fn pay(&self, to: Upstream, payment: Payment) -> Option<Reply> {
        let shared = Arc::clone(&self.shared);
        locked(&shared.under_way).insert(to.audit, Arc::default());
        let paid = tokio::spawn(async move {
            let outcome = shared.paid(to, payment).await;
            if let Some(notify) = locked(&shared.under_way).remove(&to.audit) {
                notify.notify_waiters();
            }
            shared.wake.notify_one();
            outcome
        });
        match paid.await.ok()? {
            Ok(Outcome::Answered(reply)) => Some(reply),
            _ => None,
        }
    }

    /// Waits until a payment that is under way has ended; returns at once where none is.
    pub async fn settled(&self, to: Upstream) {
        let Some(notify) = locked(&self.shared.under_way).get(&to.audit).cloned() else { return };
        let _ = timeout(self.shared.patience(), notify.notified()).await;
    }
}

impl<D> Drop for Processor<D> {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl<D: Decide> Shared<D> {
    /// For so long an answer is waited for.
    fn patience(&self) -> Duration {
        Duration::from_millis(self.decide.answer_ms(self.link.number).unwrap_or(10_000))
    }

    async fn paid(&self, to: Upstream, payment: Payment) -> Result<Outcome, symbolon_types::CoreRefusal> {
        let Upstream { processor, audit, .. } = to;
        let gave_up = |may_have_arrived| Command::GaveUp(GaveUp { processor, audit, may_have_arrived });
        let Payment { mti, terminal, amount, account, pin, chip } = payment;
        let Ok(account) = self.enciphered(account).await else {
            return self.decide.decide(gave_up(false)).await;
        };
        let along = Along { institution: self.link.institution, account: Some(account), pin, chip };
        let message = self
            .written(|dialect, out| upstream::payment(dialect, &to, (mti, &terminal, amount), &along, out));
        let told = match message.await {
            Some(message) => self.exchange(&to, false, message, self.patience()).await,
            None => Err(Lost::NotSent),
        };
        let command = match told {
            Ok(told) => Command::Told(told),
            Err(Lost::NotSent) => gave_up(false),
            Err(Lost::NoAnswer) => gave_up(true),
        };
        self.decide.decide(command).await
    }

    /// The account under the zone's key.
    async fn enciphered(&self, account: SealedAccount) -> Result<Vec<u8>, PaymentError> {
        let asked = ReencryptAccount { account, to: self.link.data.clone(), form: self.link.form };
        self.keys
            .ask(move |vault, now, entropy| vault.reencrypt_account(asked, now, entropy))
            .await
            .map(|bytes| bytes.0)
    }

    /// A message, authenticated where that is agreed.
    async fn written(
        &self,
        write: impl FnOnce((&Dialect, Version), &mut Vec<u8>) -> Result<(), Iso8583Error>,
    ) -> Option<Bytes> {
        let mut out = Zeroizing::new(Vec::new());
        write((&self.link.dialect, self.link.version), &mut out).ok()?;
        match &self.link.mac {
            None => Some(out),
            Some(mac) => self.keys.authenticated(&self.link.dialect, out, mac, (None, &[])).await,
        }
    }

    async fn exchange(
        &self,
        to: &Upstream,
        is_network: bool,
        message: Bytes,
        patience: Duration,
    ) -> Result<Told, Lost> {
        let way = locked(&self.out).clone().ok_or(Lost::NotSent)?;
        let framed = self.link.framing.encode(&[], &message).map_err(|_| Lost::NotSent)?;
        let (answer, answered) = oneshot::channel();
        let place = (is_network, to.audit);
        locked(&self.asked).insert(place, (*to, answer));
        let told = match way.send(framed).await {
            Err(_) => Err(Lost::NotSent),
            Ok(()) => match timeout(patience, answered).await {
                Ok(Ok(told)) => Ok(told),
                Ok(Err(_)) | Err(_) => Err(Lost::NoAnswer),
            },
        };
        locked(&self.asked).remove(&place);
        told
    }

    async fn network(&self, code: u16) -> bool {
        let audit = self.network.fetch_add(1, Ordering::Relaxed) % 999_999 + 1;
        let to = Upstream { processor: self.link.number, audit, at: (self.keys.clock)() };
        let along = Along { institution: self.link.institution, ..Along::default() };
        let written = self.written(|dialect, out| upstream::network(dialect, &to, code, &along, out)).await;
        let Some(message) = written else { return false };
        let told = self.exchange(&to, true, message, NETWORK_ANSWER).await;
        told.is_ok_and(|told| told.action.is_approved() || told.action == ActionCode::ACCEPTED)
    }

    /// Connects, signs on, asks now and then; and again when it breaks.
    async fn keep_up(self: Arc<Self>) {
        let mut pause = PAUSES[0];
        loop {
            if let Ok(Ok(stream)) = timeout(CONNECT, TcpStream::connect(self.link.address)).await
                && self.connected(stream).await
            {
                pause = PAUSES[0];
            }
            self.up.store(false, Ordering::Release);
            *locked(&self.out) = None;
            // Whoever waits learns that nothing comes any more.
            locked(&self.asked).clear();
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES[1]);
        }
    }

    /// Until the connection breaks; whether it was signed on.
    async fn connected(self: &Arc<Self>, stream: TcpStream) -> bool {
        let _ = stream.set_nodelay(true);
        let Ok((input, output)) = tls::connected(stream, self.link.tls.as_ref(), CONNECT).await else {
            return false;
        };
        let (way, queue) = mpsc::channel(QUEUE);
        *locked(&self.out) = Some(way);
        let mut halves = JoinSet::new();
        halves.spawn(Arc::clone(self).read(input));
        halves.spawn(write(output, queue));
        if !self.network(1).await {
            return false;
        }
        self.up.store(true, Ordering::Release);
        self.wake.notify_one();
        loop {
            tokio::select! {
                _ = halves.join_next() => return true,
                () = sleep(self.link.echo) => if !self.network(301).await { return true },
            }
        }
    }

    async fn read(self: Arc<Self>, mut input: Input) {
        let mut decoder = Decoder::new(self.link.framing, MESSAGE_BYTES_MAX);
        let mut buffer = Zeroizing::new([0_u8; 4096]);
        while let Ok(got @ 1..) = input.read(&mut buffer[..]).await {
            let mut rest = &buffer[..got];
            loop {
                rest = rest.get(decoder.take(rest)..).unwrap_or_default();
                match decoder.frame() {
                    Ok(Some(Frame::Message { message, .. })) => {
                        tokio::spawn(Arc::clone(&self).came(message));
                    }
                    Ok(Some(_)) => {}
                    Ok(None) if rest.is_empty() => break,
                    Ok(None) => {}
                    Err(_) => return,
                }
            }
            buffer[..got].zeroize();
        }
    }

    /// An answer goes to who asked, once its code holds; a question of network management is answered.
    async fn came(self: Arc<Self>, bytes: Bytes) {
        let mut places = Places::new();
        let Ok(message) = self.link.dialect.decode(&bytes, &mut places) else { return };
        if self.keys.check(&message, self.link.mac.as_ref(), &[]).await.is_err() {
            return;
        }
        let mti = message.mti();
        let is_network = mti.class() == Class::NetworkManagement;
        if mti.function() == Function::Request {
            if is_network && network(&message).is_ok() {
                let reply = Reply::only(ActionCode::ACCEPTED);
                let answer = self.written(|_, out| respond(&message, &reply, out)).await;
                let framed = answer.and_then(|answer| self.link.framing.encode(&[], &answer).ok());
                let way = locked(&self.out).clone();
                if let (Some(framed), Some(way)) = (framed, way) {
                    let _ = way.send(framed).await;
                }
            }
            return;
        }
        let audit = message.field(11).and_then(|field| field.to_number());
        let Some(audit) = audit.and_then(|audit| u32::try_from(audit).ok()) else { return };
        let place = (is_network, audit);
        let mut asked = locked(&self.asked);
        let told = asked.get(&place).and_then(|(to, _)| upstream::told(&message, to));
        if let Some(told) = told
            && let Some((_, answer)) = asked.remove(&place)
        {
            let _ = answer.send(told);
        }
    }

    /// The oldest message first, until it is answered.
    async fn empty_outbox(self: Arc<Self>) {
        // What stands there when this begins may have been sent before it did.
        let mut tried = self.decide.outgoing(self.link.number).map(|(number, _)| number);
        loop {
            let oldest = self.decide.outgoing(self.link.number).filter(|_| self.up.load(Ordering::Acquire));
            let Some((number, outgoing)) = oldest else {
                let _ = timeout(LOOK, self.wake.notified()).await;
                continue;
            };
            let account = match from_slice(&outgoing.account.0) {
                Ok(account) => self.enciphered(account).await,
                Err(_) => Err(PaymentError::KeyState),
            };
            let account = match account {
                Ok(account) => Some(account),
                Err(PaymentError::Unavailable) => {
                    sleep(LOOK).await;
                    continue;
                }
                // Its period is erased: the message goes without it.
                Err(_) => None,
            };
            let along = Along { institution: self.link.institution, account, ..Along::default() };
            let again = tried == Some(number);
            let written =
                self.written(|dialect, out| upstream::errand(dialect, &outgoing, again, &along, out)).await;
            let told = match written {
                Some(message) => self.exchange(&outgoing.to, false, message, self.patience()).await,
                None => Err(Lost::NotSent),
            };
            match told {
                Ok(told) if !told.action.asks_again() => {
                    let delivered = Delivered { processor: self.link.number, number, action: told.action };
                    let _ = self.decide.decide(Command::Delivered(delivered)).await;
                }
                Err(Lost::NoAnswer) => tried = Some(number),
                Ok(_) | Err(Lost::NotSent) => {
                    tried = tried.filter(|tried| *tried == number).or((told.is_ok()).then_some(number));
                    sleep(LOOK).await;
                }
            }
        }
    }
}

async fn write(mut output: Output, mut queue: mpsc::Receiver<Bytes>) {
    while let Some(bytes) = queue.recv().await {
        if !matches!(timeout(CONNECT, output.write_all(&bytes)).await, Ok(Ok(()))) {
            return;
        }
    }
}
